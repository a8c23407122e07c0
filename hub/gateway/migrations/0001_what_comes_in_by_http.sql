-- What the entrance by HTTP knows: who may come in with which key, what it has accepted, and what it has answered.

-- Only the SHA-256 of a key is kept: a key is 256 random bits, so nothing slower is needed, and nothing here opens a door.
create table api_key (
    sha256       bytea       primary key,
    organisation text        not null,
    system       text,                              -- the one of its systems that speaks with it; null: the organisation
    made_at      timestamptz not null default now(),
    expires_at   timestamptz,
    revoked_at   timestamptz,
    last_used_on date                               -- written at most once a day
);

-- Every message that was accepted by HTTP, so that its sender may say it again and none is passed on twice. Who may use
-- which id is as in the services' inboxes: the id is the sender's, so the sender is part of the key.
create table submission (
    source      text        not null,
    message_id  uuid        not null,
    digest      bytea       not null,               -- SHA-256 of its bytes: tells a repeat from an id used again
    type        text        not null,
    system      text,
    accepted_at timestamptz not null,
    primary key (source, message_id)
);
create index submission_accepted_at on submission (accepted_at);

-- What was answered to a request with an Idempotency-Key. A row is written with what the request did, in one
-- transaction: what is under way has none, so that a process that is killed leaves no key blocked.
create table idempotency (
    organisation   text        not null,
    key            text        not null,
    request_sha256 bytea       not null,
    begun_at       timestamptz not null,
    status         smallint    not null,
    answer         jsonb       not null,
    primary key (organisation, key)
);
create index idempotency_begun_at on idempotency (begun_at);
