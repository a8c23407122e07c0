-- What events knows: jornadas, who attended them, and who did what when. Ids, codes and times: nobody's details.

create table jornada (
    jornada_id    uuid        primary key,
    organiser     text        not null,
    state         text        not null,
    sequence      integer     not null,     -- of its last change
    changed_at    timestamptz not null,     -- by this service's clock
    planned_at    timestamptz not null,     -- by the organiser's: an older plan does not replace a newer one
    kind          text        not null,
    name          text        not null,
    zone          text        not null,     -- DIVIPOLA
    place         text        not null,
    starts_at     timestamptz not null,
    ends_at       timestamptz not null,
    capacity      integer,
    contributions jsonb       not null,     -- by organisation, the needs that it meets there
    confirmed_by  text[]      not null,
    held_at       timestamptz,
    cancel_reason text,
    check ((state in ('held', 'reported')) = (held_at is not null)),
    check ((state = 'cancelled') = (cancel_reason is not null))
);

create table attendance (
    attendance_id uuid        primary key,
    jornada_id    uuid        not null references jornada,
    person_id     uuid        not null,
    recorded_by   text        not null,     -- the organisation, which alone may correct it
    present       boolean     not null,     -- false: struck out
    present_at    timestamptz not null,
    sequence      integer     not null,     -- of its last change
    late          boolean     not null,     -- its last change came after the jornada was reported
    deliveries    jsonb       not null,     -- services received there: delivery_id, need_code, delivered_by
    consent_id    uuid,
    need_ids      uuid[]      not null,
    steps         text[]      not null,     -- of the Statute
    corrected_at  timestamptz,              -- by the clock of whoever corrected it
    registered_at timestamptz,              -- of the last details of the person that were passed on to intake
    strike_reason text,
    erased        boolean     not null,     -- the person has been erased: only the presence is left
    check (present = (strike_reason is null))
);
create unique index one_presence on attendance (jornada_id, person_id) where present;
create index attendance_of_person on attendance (person_id);

-- Who did what to a jornada or an attendance, and when. Only ever added to; of an erased person it forgets the details.
create table history (
    history_id   bigint      generated always as identity primary key,
    subject_id   uuid        not null,      -- the jornada or the attendance
    sequence     integer     not null,
    what         text        not null,
    organisation text        not null,
    reason       text,                      -- a code
    details      jsonb,                     -- how an attendance was taken down; what a correction replaced
    message_id   uuid        not null,
    claimed_at   timestamptz not null,      -- when, by the message
    recorded_at  timestamptz not null,      -- when, by this service's clock
    unique (subject_id, sequence)
);
