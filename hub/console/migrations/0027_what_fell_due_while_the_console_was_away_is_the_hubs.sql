-- When each process without which an organisation's staff cannot work in the console was last there, and whom it serves
-- (null: whom the others do); and from when to when one was away, for each organisation that has nothing else to work with.
create table presence (
    part    text        primary key,
    seen_at timestamptz not null,
    serves  text[]
);
create table away (
    organisation text        not null,
    began_at     timestamptz not null,
    ended_at     timestamptz not null,
    part         text        not null,
    primary key (organisation, began_at, part)
);

-- When somebody at an organisation has first had the page of a case before them.
create table opened (
    organisation text        not null,
    referral_id  uuid        not null,
    opened_at    timestamptz not null,
    primary key (referral_id, organisation)
);
