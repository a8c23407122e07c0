-- The hub's directory of services is read from here, too: all that an organisation says of a service, as it travels,
-- and whether the service takes people on.

alter table service add column listing jsonb not null default '{}';

create table capacity (
    service_id    uuid        primary key,
    said_by       text        not null,
    stated_at     timestamptz not null,     -- by the organisation's clock: an older word does not replace a newer one
    state         text        not null,
    waiting       integer,
    estimate_days integer,
    valid_until   timestamptz not null      -- then it is stale
);
