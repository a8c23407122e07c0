-- Said again, what was said last is somebody's name (`person.named`): by the one before, nobody is found or shown.
create function the_last_name_stays() returns trigger language plpgsql as $$
begin
    delete from sealed_block as one using delivered as its
    where one.organisation = new.organisation and one.person_id = new.person_id and one.kind = 'name'
        and (its.organisation, its.source, its.message_id) = (one.organisation, one.source, one.message_id)
        and exists (
            select from sealed_block as other
            join delivered as of_other
                on (of_other.organisation, of_other.source, of_other.message_id)
                    = (other.organisation, other.source, other.message_id)
            where other.organisation = new.organisation and other.person_id = new.person_id and other.kind = 'name'
                and (of_other.said_at, other.id) > (its.said_at, one.id)
        );
    return null;
end $$;
create trigger the_last_name_stays after insert on sealed_block
    for each row when (new.kind = 'name') execute function the_last_name_stays();
