-- One form may have two things said in order: the consent that somebody takes down, and what goes out under it. The
-- second has no turn (`look_at` is null) until the network has applied the first, and is not said where that comes to
-- nothing; whoever is killed in between, it stands here.
alter table act add column follows uuid references act (message_id) on delete set null;
create index act_follows on act (follows) where follows is not null;

create function act_is_followed() returns trigger language plpgsql as $$
begin
    if new.state = 'applied' then
        update act set say_at = clock_timestamp(), look_at = clock_timestamp()
        where follows = new.message_id and state = 'kept';
    elsif new.state = 'undone' then
        update act set state = 'undone', code = new.code, message = null, look_at = null, changed_at = clock_timestamp()
        where follows = new.message_id and state = 'kept';
    elsif new.state = 'refused' then
        update act set state = 'undone', code = 'first_refused', message = null, look_at = null,
            changed_at = clock_timestamp()
        where follows = new.message_id and state = 'kept';
    end if;
    return null;
end $$;
create trigger act_is_followed after update of state on act
    for each row when (old.state is distinct from new.state) execute function act_is_followed();
