-- What was typed is encrypted, and may be about anybody: when a person is forgotten all of it goes, in the same transaction
-- (as with 0004). Whoever had typed it types it again.
create function what_was_typed_is_dropped() returns trigger language plpgsql as $$
begin
    delete from kept_form;
    return null;
end $$;
create trigger what_was_typed_is_dropped after insert or update on person_key
    for each row when (new.key is null) execute function what_was_typed_is_dropped();
