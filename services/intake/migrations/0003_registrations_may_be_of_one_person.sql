-- Registrations that may be of one person: the keys they are found by, what was proposed, what coordinators decided.

create table match_waiting (                -- who was registered or corrected, and has not been compared since
    person_id uuid        primary key references person on delete cascade,
    since     timestamptz not null
);
create index match_waiting_in_order on match_waiting (since, person_id);
insert into match_waiting (person_id, since) select person_id, recorded_at from person;

create table match_key (                    -- personal data: keys hold numbers, and names as they sound
    key       text not null,
    person_id uuid not null,                -- no foreign key: a dozen checks for each person would cost more than the rest
    primary key (key, person_id)
);
create index match_key_of_person on match_key (person_id);

create table match (
    match_id    uuid             primary key,   -- made of both person ids: rules/links.py
    person_id   uuid             not null references person,
    other_id    uuid             not null references person,
    score       double precision,               -- null when nobody proposed it: a coordinator linked it unasked
    reasons     jsonb,                          -- fields, comparisons and weights; never a value
    proposed_at timestamptz,
    decision    text,                           -- null while open
    check (person_id < other_id),
    check (num_nonnulls(score, reasons, proposed_at) in (0, 3)),
    check (decision in ('linked', 'rejected'))
);
create index match_of_person on match (person_id);
create index match_of_other on match (other_id);

create table match_decision (               -- every decision ever made, by whom
    decided_by text        not null,
    message_id uuid        not null,
    match_id   uuid        not null references match,
    decision   text        not null,        -- linked, rejected, undone
    decided_at timestamptz not null,        -- by the hub's clock
    primary key (decided_by, message_id)
);
create index match_decision_of_match on match_decision (match_id);

create table network_person (               -- who is not here is a person of the network under their own id
    person_id  uuid primary key references person,
    network_id uuid not null
);
create index network_person_together on network_person (network_id);
