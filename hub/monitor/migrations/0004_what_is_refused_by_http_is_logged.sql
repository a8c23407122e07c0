-- How far the log has read what others keep in tables (hub/monitor/log/refused.py): written with what was read.
create table read_up_to (
    source text   primary key,
    number bigint not null
);
