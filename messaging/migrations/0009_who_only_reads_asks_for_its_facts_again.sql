-- Filling a service's tables anew with what others have told: it asks each of them page by page (messaging/rebuilding.py).
-- Of a service that owns its facts both stay empty.
create table rebuild (
    rebuild_id uuid        primary key,
    asked_at   timestamptz not null,
    afresh     boolean     not null,       -- its tables are emptied first
    begun_at   timestamptz,
    ended_at   timestamptz,
    is_whole   boolean,                    -- false: it was given up
    -- One at a time: of what has ended, null.
    under_way  boolean     default true unique check (under_way and ended_at is null or under_way is null)
);

create table rebuild_part (
    rebuild_id uuid        not null,
    service    text        not null,       -- who is asked
    page       integer     not null,       -- that is asked for, or was last
    after      text,                       -- how far the page before came
    asked_at   timestamptz,
    facts      bigint      not null default 0,  -- kept so far
    total      bigint,                     -- of how many things there are facts, as was said at first
    ended_at   timestamptz,
    primary key (rebuild_id, service)
);
