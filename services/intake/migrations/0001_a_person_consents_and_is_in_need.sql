-- What intake knows: people as organisations have registered them, what they consent to, and what they need.
-- The only database of the network in which a person's details are in clear.

create table person (
    person_id     uuid        primary key,
    registered_by text        not null,     -- the organisation, which alone may correct it
    registered_at timestamptz not null,     -- by that organisation's clock: an older word does not replace a newer one
    message_id    uuid        not null,     -- of the last registration
    recorded_at   timestamptz not null,     -- by the hub's clock
    given_names   text,
    family_names  text,
    birth_date    date,
    age           smallint,                 -- in years when registered, where the birth date is not known
    sex           text,
    gender        text,
    nationality   text,                     -- ISO 3166 alpha-3
    profile       text,
    phone         text,                     -- E.164
    address       text,
    place         text,                     -- DIVIPOLA; no foreign key: see municipality
    caregiver     jsonb,
    notes         text
);

create table document (
    person_id uuid     not null references person,
    position  smallint not null,
    type      text     not null,
    number    text,
    primary key (person_id, position)
);
create index document_by_number on document (number, type) where number is not null;

create table consent (
    consent_id       uuid        primary key,
    person_id        uuid        references person,
    case_code        text,                  -- in place of the person; means nothing outside granted_to
    granted_to       text        not null,  -- the organisation that asked for it, and may share under it
    purposes         text[]      not null,
    recipients       text[]      not null,
    field_groups     text[]      not null,
    valid_from       timestamptz not null,
    valid_until      timestamptz,
    given_by         text        not null,
    manner           text        not null,
    language         text        not null,
    evidence_sha256  text,
    message_id       uuid        not null,
    recorded_at      timestamptz not null,
    -- How it ended, and through whom; null while it holds.
    ended_at         timestamptz,           -- by the hub's clock
    withdrawn_at     timestamptz,           -- by the clock of the organisation that the person went to
    withdrawn_by     text,                  -- the person or the caregiver
    withdrawn_manner text,
    ended_through    text,
    ending_message   uuid,
    check (num_nonnulls(person_id, case_code) = 1),
    check (num_nonnulls(ended_at, withdrawn_at, withdrawn_by, withdrawn_manner, ended_through, ending_message) in (0, 6))
);
create index consent_of_person on consent (person_id) where person_id is not null;

create table need (
    need_id       uuid        primary key,
    person_id     uuid        references person,
    case_code     text,
    need_code     text        not null,
    urgency       text        not null,
    identified_by text        not null,
    identified_at timestamptz not null,
    zone          text,
    message_id    uuid        not null,
    recorded_at   timestamptz not null,
    check (num_nonnulls(person_id, case_code) = 1)
);
create index need_of_person on need (person_id) where person_id is not null;
