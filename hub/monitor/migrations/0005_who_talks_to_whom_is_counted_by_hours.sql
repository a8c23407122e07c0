-- Who talks to whom, without a look at any message: counts by hours beside those by minutes, and what failed, kept by
-- the log in the transaction in which it writes (hub/monitor/log/counting.py).

-- The same as `flow`, each hour; `-` where the case is confidential, and then the type is its family alone.
create table flow_hour (
    hour      timestamptz not null,
    source    text        not null,
    recipient text        not null,                 -- `-`: the hub's services, by the type
    type      text        not null,
    count     bigint      not null,
    primary key (hour, source, recipient, type)
);
-- What services, and admission (`gateway`), have refused or put aside; of confidential cases family and service alone.
create table flow_failed (
    minute  timestamptz not null,
    source  text        not null,                   -- whose messages
    service text        not null,
    type    text        not null,
    count   bigint      not null,
    primary key (minute, source, service, type)
);
-- From when on it is counted, and when nothing waited to be: without that, a 0 would say that nobody talks.
create table counted (
    id        int         primary key default 1 check (id = 1),
    since     timestamptz not null,
    until     timestamptz not null,
    behind_at timestamptz                           -- until then something had waited longer than it should
);

insert into flow_hour
    select date_trunc('hour', minute, 'UTC'), source, recipient, type, sum(count) from flow group by 1, 2, 3, 4;
insert into counted (since, until) select min(minute), max(minute) from flow having count(*) > 0;
