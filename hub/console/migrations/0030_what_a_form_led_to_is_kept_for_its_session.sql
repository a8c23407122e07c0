-- What a form led to: what a search found, what is wrong with what was typed. The page that shows it has an address without
-- a word of it, and is not itself the answer to the form, which browsers keep on their disk (web/answers.py).
create table kept_answer (
    session uuid        not null references session on delete cascade,
    path    text        not null,                   -- of the page
    content bytea       not null,                   -- encrypted with the key of the state directory
    kept_at timestamptz not null default now(),
    primary key (session, path)
);

create function session_is_left() returns trigger language plpgsql as $$
begin
    delete from kept_answer where session = new.id;
    return null;
end $$;
create trigger session_is_left after update of locked_at, ended_at on session
    for each row when (new.locked_at is not null or new.ended_at is not null) execute function session_is_left();

-- It may be about anybody: all of it goes with a person, and with what an organisation deletes (as with 0006).
create function answers_are_dropped() returns trigger language plpgsql as $$
begin
    delete from kept_answer;
    return null;
end $$;
create trigger answers_are_dropped after insert or update on person_key
    for each row when (new.key is null) execute function answers_are_dropped();
create trigger answers_are_dropped after insert on purged
    for each statement execute function answers_are_dropped();
