-- What was published stays in the outbox for a set time (messaging/outbox.py), so that it can be compared with the next
-- inbox, and said again where it never came (hub/monitor/reconciling/).

-- Up to which position the outbox has nothing any more that speaks of it (messaging/erasure.py).
alter table forgotten add column searched_to bigint not null default 0;

-- What the relay is to publish once more: a row leaves when the broker has it.
create table say_again (
    position bigint      primary key,
    asked_at timestamptz not null default clock_timestamp()
);

-- Who says it stands in the key of what came by HTTP, and else among the first words of our own bytes.
create view operators.outbox as
    select position, routing_key, message_id,
           case when starts_with(routing_key, 'submitted.') then split_part(routing_key, '.', 2)
                else substring(left(body, 500) from '"source":"([a-z0-9-]+)"') end as source,
           recorded_at, position <= published as published
    from outbox join outbox_writer using (writer);

-- Have these said again, of what was published and is still there; how many of them that is. Nobody who asks for it sees
-- what they say.
create function operators.say_again(p_positions bigint[]) returns bigint
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    many bigint;
begin
    insert into say_again (position)
    select position from outbox join outbox_writer using (writer)
    where position = any(p_positions) and position <= published
    on conflict do nothing;
    select count(*) into many from say_again where position = any(p_positions);
    return many;
end $$;
revoke execute on function operators.say_again(bigint[]) from public;
