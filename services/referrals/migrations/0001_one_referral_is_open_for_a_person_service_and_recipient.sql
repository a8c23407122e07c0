-- What referrals knows: the services it may be sent to and the consents it may be sent under (both learnt from
-- messages), the referrals themselves, and who did what to them when.

create table service (
    service_id   uuid        primary key,
    organisation text        not null,
    need_codes   text[]      not null,
    active       boolean     not null,
    published_at timestamptz not null       -- by the organisation's clock: an older word does not replace a newer one
);
create index service_by_need on service using gin (need_codes) where active;

create table consent (
    consent_id   uuid        primary key,
    person_id    uuid,
    case_code    text,
    granted_to   text        not null,      -- the organisation that may share under it
    purposes     text[]      not null,
    recipients   text[]      not null,
    field_groups text[]      not null,
    valid_from   timestamptz not null,
    valid_until  timestamptz,
    ended_at     timestamptz,
    check (num_nonnulls(person_id, case_code) = 1)
);

create table referral (
    referral_id     uuid        primary key,
    sender          text        not null,
    recipient       text        not null,
    service_id      uuid        not null,
    person_id       uuid,
    case_code       text,                   -- in place of the person; means nothing outside the sender
    need_code       text        not null,
    urgency         text        not null,
    consent_id      uuid,                   -- null: sent under an override, which history tells of
    request         jsonb       not null,   -- what was asked, as it travels, without its sealed block
    sent_at         timestamptz not null,
    answer_by       timestamptz not null,
    state           text        not null,
    sequence        integer     not null,   -- of its last transition
    visit_at        timestamptz,
    visit_said_at   timestamptz,            -- by the recipient's clock
    outcome         text,
    redirected_from uuid        references referral,
    unpurged        text[]      not null default '{}',  -- who owes a receipt that it has deleted what it held

    -- The clock under way: how long it runs, when it ends, its next step and when that is due. Null: none.
    clock_length    interval,
    clock_ends_at   timestamptz,
    clock_step      smallint,
    due_at          timestamptz,
    -- The clock that an open question has stopped: how long it runs, what is left of it, its next step.
    stopped_length  interval,
    stopped_left    interval,
    stopped_step    smallint,

    check (num_nonnulls(person_id, case_code) = 1),
    check (num_nonnulls(clock_length, clock_ends_at, clock_step, due_at) in (0, 4)),
    check (num_nonnulls(stopped_length, stopped_left, stopped_step) in (0, 3))
);

-- One open referral per person, service and recipient. A case code belongs to the sender that made it up.
create unique index one_open_referral
    on referral (coalesce(person_id::text, sender || ' ' || case_code), service_id, recipient)
    where state not in ('declined', 'redirected', 'expired', 'cancelled', 'closed', 'consent_withdrawn',
                        'entered_in_error');
create index referral_due on referral (due_at) where due_at is not null;
create index referral_under_consent on referral (consent_id) where consent_id is not null;
create index referral_unpurged on referral (referral_id) where unpurged <> '{}';

-- Who did what to a referral, and when. Only ever added to.
create table history (
    history_id  bigint      generated always as identity primary key,
    referral_id uuid        not null references referral,
    sequence    integer,                    -- null for what is no transition: a reminder, a purge receipt
    what        text        not null,
    organisation text       not null,       -- who did it; the hub: a clock, or a consent that ended
    actor       text        not null,       -- in which part
    reason      text,                       -- a code
    details     jsonb,                      -- of an override of consent: who gave it and until when
    message_id  uuid,                       -- of the message that brought it about; null for a clock
    claimed_at  timestamptz,                -- when, by that message
    recorded_at timestamptz not null,       -- when, by the hub's clock
    unique (referral_id, sequence)
);
