-- From when to when the hub's console was away from an organisation whose staff answer by nothing else.
create table away (
    organisation text        not null,
    began_at     timestamptz not null,
    ended_at     timestamptz not null,
    primary key (organisation, began_at, ended_at)
);
