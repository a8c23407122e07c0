-- Behind which number every inbox goes on: 0, and where the server was started anew, or the tables were put in the place of
-- others, the clock's microseconds (hub/gateway/ledger.py). A database that was restored from a copy knows no longer how far
-- it had counted, and whoever reads by HTTP would have read past what comes under those numbers again.
create table numbered_from (
    number bigint      primary key check (number >= 0),
    run    text        not null,                    -- which run of the server, and which tables
    since  timestamptz not null default clock_timestamp()
);
insert into numbered_from (number, run) select 0, '' where exists (select from inbox_end);
