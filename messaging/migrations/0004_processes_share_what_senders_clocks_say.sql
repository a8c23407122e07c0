-- What senders' clocks say, as the process has heard them last that reads the queue; one row, or none so far. A process
-- that has not heard them itself goes by it (messaging/clocks.py).
create table senders_clock (
    only_row boolean          primary key default true check (only_row),
    ahead    double precision not null  -- seconds ahead of this database's clock
);
