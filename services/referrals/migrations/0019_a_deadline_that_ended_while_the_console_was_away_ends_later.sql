-- From when to when the hub's console was away from an organisation whose staff answer by nothing else.
create table away (
    organisation text        not null,
    began_at     timestamptz not null,
    ended_at     timestamptz not null,
    moved_to     uuid,                              -- up to which referral what has waited is moved; null: all of it
    primary key (organisation, began_at, ended_at)
);
create index away_left on away (ended_at) where moved_to is not null;
