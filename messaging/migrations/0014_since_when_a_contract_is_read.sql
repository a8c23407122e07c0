-- Since when the queue of this service takes which contract, by its name without version: what was published before is not
-- missed (hub/monitor/reconciling/). Written by `./ruta provision` once the queue is bound (messaging/reading_since.py).
create table reads_since (
    contract text        primary key,
    since    timestamptz not null default clock_timestamp()
);
