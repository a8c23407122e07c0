-- The runtime's own tables. They stand in every service's database beside the service's own.

-- Every message this service has taken in, so that none is applied twice. The id is the sender's, so the sender is
-- part of the key: nobody can use up another's ids. The digest tells a repeat from an id used again for other content.
create table inbox (
    source      text        not null,
    message_id  uuid        not null,
    digest      bytea       not null,
    received_at timestamptz not null default now(),
    primary key (source, message_id)
);

-- What could not be applied, or not yet. Operators act on these rows. A row leaves when its message is applied.
create table parked (
    parked_id       bigint      generated always as identity primary key,
    state           text        not null check (state in ('waiting', 'retry', 'quarantined')),
    reason          text        not null,           -- a code
    error           text,                           -- class and place of the exception, never its text
    attempts        integer     not null default 0,
    waiting_for     text,                           -- the subject whose next message may end the wait
    source          text,                           -- source to subject: null where the message could not be read
    message_id      uuid,
    type            text,
    subject         text,
    raw             bytea       not null,           -- as it arrived: what is personal in it is sealed
    parked_at       timestamptz not null default clock_timestamp(),
    next_attempt_at timestamptz
);
create index parked_due on parked (next_attempt_at) where state <> 'quarantined';
create index parked_waiting on parked (waiting_for) where state = 'waiting';
create index parked_retry on parked (subject, parked_id) where state = 'retry';
-- What is put aside on arrival, and is not in the inbox, may be delivered again.
create unique index parked_quarantined on parked (reason, sha256(raw)) where state = 'quarantined';

-- What has been decided and is to be published, in the order of commits. Rows are never updated, and leave a whole
-- partition at a time (messaging/outbox.py).
create table outbox (
    position    bigint      generated always as identity,
    writer      uuid        not null,
    routing_key text        not null,
    message_id  uuid        not null,
    body        text        not null,
    recorded_at timestamptz not null default now(),
    primary key (position)
) partition by range (position);
create table outbox_0 partition of outbox for values from (minvalue) to (100000);

-- One row per process and database session that writes messages out. A writer commits one transaction at a time, so
-- its rows become visible in the order of their positions, and one number says how far they have been published.
create table outbox_writer (
    writer      uuid        primary key,
    process     text        not null,
    committed   bigint      not null default 0,     -- the last position it has written
    published   bigint      not null default 0,     -- the last position the broker has confirmed
    handed_over boolean     not null default false, -- it publishes no more: what is left is the relay's
    started_at  timestamptz not null default now(),
    changed_at  timestamptz not null default now(),
    -- what it has done, for operations
    received    bigint      not null default 0,
    redelivered bigint      not null default 0,     -- the broker said that it had delivered this before
    repeated    bigint      not null default 0,     -- known already: suppressed
    applied     bigint      not null default 0,
    refused     bigint      not null default 0,
    parked      bigint      not null default 0
);
create index outbox_writer_behind on outbox_writer (writer) where published < committed;
