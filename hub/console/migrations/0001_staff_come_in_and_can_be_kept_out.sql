-- Who comes in (hub/console/web/): staff, their sessions, and who has tried in vain.

create table staff (
    code            text        primary key check (code ~ '^[A-Za-z0-9-]{2,40}$'),  -- what the network sees of them
    organisation    text        not null,
    name            text        not null,           -- as colleagues see it
    login           text        not null unique,    -- in lower case
    roles           text[]      not null
        check (roles <> '{}' and roles <@ array['coordinator', 'partner_staff', 'auditor', 'administrator', 'operations']),
    status          text        not null default 'invited' check (status in ('invited', 'active', 'suspended')),
    password        text,                           -- argon2id, as is the PIN
    pin             text,
    totp_secret     bytea,                          -- encrypted with the key of the state directory
    totp_step       bigint      not null default 0, -- of the last code that was used: none is good twice
    enrolment       bytea       unique,             -- SHA-256 of the code that is handed over
    enrolment_until timestamptz,
    added_at        timestamptz not null default now(),
    enrolled_at     timestamptz,
    check (status <> 'active' or (password is not null and pin is not null and totp_secret is not null))
);

create table recovery_code (
    staff   text        not null references staff on delete cascade,
    sha256  bytea       not null,
    used_at timestamptz,
    primary key (staff, sha256)
);

-- Who has lost all of it: one administrator asks, another one grants.
create table recovery (
    staff    text        primary key references staff on delete cascade,
    asked_by text        not null references staff on delete cascade,
    until    timestamptz not null
);

-- One browser may have sessions of several people who share a computer: one of them is current.
create table session (
    id           uuid        primary key,
    browser      bytea       not null,              -- SHA-256 of the cookie
    staff        text        not null references staff on delete cascade,
    is_current   boolean     not null default true,
    began_at     timestamptz not null default now(),
    seen_at      timestamptz not null default now(),
    locked_at    timestamptz,
    pin_failures integer     not null default 0,
    ends_at      timestamptz not null,
    ended_at     timestamptz,
    ended_by     text        check (ended_by in ('logout', 'login', 'pin', 'suspended', 'recovery', 'age'))
);
create unique index session_current on session (browser) where is_current and ended_at is null;
create unique index session_of_staff_in_a_browser on session (browser, staff) where ended_at is null;
create index session_of_staff on session (staff) where ended_at is null;
create index session_ended on session (ended_at) where ended_at is not null;

-- From where somebody has come in before: attempts of others do not slow them down there.
create table known_browser (
    sha256  bytea       not null,                   -- of its cookie
    staff   text        not null references staff on delete cascade,
    seen_at timestamptz not null default now(),
    primary key (sha256, staff)
);

-- Attempts, by a keyed hash of the name or the address: neither can be read here.
create table attempt (
    subject bytea       primary key,
    count   integer     not null,
    last_at timestamptz not null
);
create index attempt_age on attempt (last_at);
