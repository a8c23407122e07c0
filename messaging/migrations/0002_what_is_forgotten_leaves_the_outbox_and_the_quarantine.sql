-- What a service has been asked to forget: the ids of an erased person, and of what is theirs. The relay takes every
-- message that speaks of one out of the outbox and empties what was put aside (messaging/erasure.py).
create table forgotten (
    id    uuid        primary key,
    since timestamptz not null default clock_timestamp()
);
