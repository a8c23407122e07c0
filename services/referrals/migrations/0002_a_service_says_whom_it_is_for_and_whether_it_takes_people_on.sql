-- What an organisation says of a service beyond what it offers, and whether the service can take people on.

alter table service
    add column name            text    not null default '',
    add column zones           text[]  not null default '{}',
    add column languages       text[]  not null default '{}',
    add column eligibility     jsonb   not null default '{}',
    add column answered_by_hub boolean not null default false,
    add column listing         jsonb   not null default '{}';  -- all that it said, as it travels; {}: before this

create table capacity (
    service_id    uuid        primary key references service,
    state         text        not null,
    waiting       integer,
    estimate_days integer,
    stated_at     timestamptz not null,     -- by the organisation's clock: an older word does not replace a newer one
    valid_until   timestamptz not null      -- then it is stale
);

alter table referral
    add column not_met_reason  text,
    add column need_id         uuid,
    add column zone            text,        -- the municipality that the service serves, where it serves one
    add column answered_by_hub boolean not null default false;
