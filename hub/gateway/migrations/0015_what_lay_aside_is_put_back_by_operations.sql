-- What lay in `unrouted` and `dead` and is put back by choice (deploy/local/put_back.py): a dry run, and what came of it.
create table put_back (
    operation_id uuid        primary key,
    planned_at   timestamptz not null default clock_timestamp(),
    planned_by   text        not null,
    why          text        not null,
    contract     text,                              -- what was chosen; null: all
    sender       text,
    queue        text,
    digest       text        not null,              -- SHA-256 of the fingerprints
    started_at   timestamptz,                       -- null: a dry run so far
    started_by   text,
    ended_at     timestamptz
);
create table put_back_group (
    operation_id uuid    not null references put_back on delete cascade,
    number       integer not null,
    vhost        text    not null,
    queue        text    not null,
    contract     text    not null,
    sender       text    not null,
    goes         text    not null,
    selected     bigint  not null,
    put_back     bigint,                            -- null until it has ended
    stayed       bigint,
    gone         bigint,
    primary key (operation_id, number),
    check (put_back + stayed + gone = selected)
);
-- The messages that a dry run has bound, by digests that say nothing of them; until it has ended.
create table put_back_message (
    operation_id uuid    not null references put_back on delete cascade,
    fingerprint  bytea   not null,
    number       integer not null,                  -- of its group
    messages     integer not null,                  -- of one and the same
    primary key (operation_id, fingerprint)
);
