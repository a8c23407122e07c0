-- What services there are, as referrals has recorded them: what pages call them, and whether they can take people on. Their
-- organisations' own words, for anybody to read; nothing of a person.
create table service (
    service_id    uuid        primary key,
    organisation  text        not null,
    name          text        not null,
    need_codes    text[]      not null,
    zones         text[]      not null,
    active        boolean     not null,
    published_at  timestamptz not null,
    capacity      text,                    -- null: never stated, as are those that follow
    waiting       integer,
    estimate_days integer,
    stated_at     timestamptz,
    valid_until   timestamptz
);
