-- What somebody sent when their session was locked or over: it waits for them three days, on whatever device, and for
-- nobody else.
create table kept_form (
    staff   text        not null references staff on delete cascade,
    path    text        not null,                   -- of the page that it stood on
    content bytea       not null,                   -- encrypted with the key of the state directory
    kept_at timestamptz not null default now(),
    primary key (staff, path)
);
create index kept_form_age on kept_form (kept_at);
