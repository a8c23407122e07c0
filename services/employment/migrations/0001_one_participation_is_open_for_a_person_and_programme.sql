-- What employment knows: who hires and for what, who is on the way to work and how far, who builds a business, and which
-- referrals brought them. People are ids here; nothing in this database names one.
--
-- Rows that belong together may be written in any order: what they refer to is looked at when the transaction ends.

create table employer (
    employer_id     uuid        primary key,
    organisation    text        not null,      -- who registered it: the only one that works with it under this id
    registered_at   timestamptz not null,      -- by its clock: an older word does not replace a newer one
    name            text        not null,
    economic_sector text        not null,
    zone            text        not null,
    sequence        integer     not null       -- of what the hub's services have been told of it
);

create table agreement (
    agreement_id uuid primary key,
    employer_id  uuid not null references employer deferrable initially deferred,
    programme    text not null,
    signed_on    date not null,
    ends_on      date
);
create index agreement_of_employer on agreement (employer_id);

create table vacancy (
    vacancy_id       uuid        primary key,
    organisation     text        not null,
    employer_id      uuid        not null references employer deferrable initially deferred,
    title            text        not null,
    occupation       text        not null,     -- ISCO-08 unit group
    places           integer     not null,
    zone             text        not null,
    contract_offered text        not null,
    opened_at        timestamptz not null,
    apply_by         date,
    closed_at        timestamptz,
    placed           integer     not null default 0,
    check (placed between 0 and places)
);

create table participation (
    participation_id       uuid        primary key,
    organisation           text        not null,
    person_id              uuid        not null,
    programme              text        not null,
    started_at             timestamptz not null,
    referral_id            uuid,               -- the one that brought them
    referred               boolean     not null,  -- whether any has, or found them here
    cv_registered_at       timestamptz,
    vocational_guidance_at timestamptz,
    training_at            timestamptz,
    shortlisted_at         timestamptz,
    state                  text        not null,
    ended_at               timestamptz,
    placed                 boolean     not null,
    sequence               integer     not null
);
create unique index one_open_participation on participation (person_id, organisation, programme)
    where state = 'enrolled';
create index participation_of_person on participation (person_id);
create index participation_by_referral on participation (referral_id) where referral_id is not null;

-- The wrap-around services that a participant has received. Erased: only that there was one.
create table delivery (
    delivery_id      uuid primary key,
    participation_id uuid not null references participation deferrable initially deferred,
    need_code        text,
    delivered_by     text,
    delivered_at     timestamptz,
    zone             text
);
create index delivery_to_participation on delivery (participation_id);

create table candidacy (
    candidacy_id     uuid        primary key,
    organisation     text        not null,
    participation_id uuid        not null references participation deferrable initially deferred,
    vacancy_id       uuid        not null references vacancy deferrable initially deferred,
    put_forward_at   timestamptz not null,
    state            text        not null,
    interviewed_at   timestamptz,
    rejected_at      timestamptz,
    by_employer      boolean,                  -- who did not want, when it was rejected
    starts_on        date,
    contract_signed  text,
    next_day         integer,                  -- the follow-up that has not been told yet, and when it falls due
    due_on           date,
    sequence         integer     not null,
    unique (participation_id, vacancy_id),     -- once for each vacancy
    check ((next_day is null) = (due_on is null)),
    check (state <> 'placed' or starts_on is not null)
);
create index follow_up_due on candidacy (due_on) where due_on is not null;

create table follow_up (
    candidacy_id   uuid        not null references candidacy deferrable initially deferred,
    day            integer     not null,
    result         text        not null,
    followed_up_at timestamptz not null,
    primary key (candidacy_id, day)
);

create table entrepreneur (
    entrepreneur_id  uuid        primary key,
    organisation     text        not null,
    person_id        uuid        not null,
    enrolled_at      timestamptz not null,
    business         text,                     -- null, as the zone: not yet said of somebody whom a referral brought
    zone             text,
    referral_id      uuid,
    referred         boolean     not null,
    mentor           text,                     -- as the organisation numbers its staff
    assigned_at      timestamptz,
    sessions         integer     not null,
    plan_approved_at timestamptz,
    grants           integer     not null,
    formalised_on    date,
    state            text        not null,
    left_at          timestamptz,
    leave_reason     text,
    sequence         integer     not null,
    check (grants = 0 or plan_approved_at is not null)
);
create unique index one_accompanied_entrepreneur on entrepreneur (person_id, organisation) where state = 'accompanied';
create index entrepreneur_of_person on entrepreneur (person_id);
create index entrepreneur_by_referral on entrepreneur (referral_id) where referral_id is not null;

create table mentoring_session (
    session_id      uuid        primary key,
    entrepreneur_id uuid        not null references entrepreneur deferrable initially deferred,
    held_at         timestamptz,               -- null, as the minutes: erased
    minutes         integer
);
create index session_of_entrepreneur on mentoring_session (entrepreneur_id);

create table seed_grant (
    grant_id        uuid        primary key,
    entrepreneur_id uuid        not null references entrepreneur deferrable initially deferred,
    granted_at      timestamptz,               -- null, as the sum: erased
    pesos           integer
);
create index grant_of_entrepreneur on seed_grant (entrepreneur_id);

create table business_follow_up (
    entrepreneur_id uuid        not null references entrepreneur deferrable initially deferred,
    followed_up_at  timestamptz not null,
    trading         boolean     not null,
    jobs            integer     not null,
    primary key (entrepreneur_id, followed_up_at)
);
