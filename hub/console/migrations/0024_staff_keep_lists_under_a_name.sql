-- Lists of Referencias that somebody looks at again and again: what is asked for, under a name of their own. Nobody else
-- is shown it; with the account it goes.
create table saved_view (
    id        uuid        primary key,
    staff     text        not null references staff on delete cascade,
    name      text        not null check (length(name) between 1 and 40),
    part      text        not null,
    state     text,                        -- null: any
    need_code text,                        -- null: any
    saved_at  timestamptz not null default now(),
    unique (staff, name)
);
