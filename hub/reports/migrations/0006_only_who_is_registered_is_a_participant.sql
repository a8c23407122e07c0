-- Who stands in `person` has been registered, even if they have been erased since: both are intake's word. An id that
-- intake has never spoken of may be anything, and nobody counts by it as a participant.
create view registered_person as
    select distinct coalesce(counted_as, person_id) as counted_as from person left join same_person using (person_id);

create view participant as
    select distinct programme, coalesce(counted_as, person_id) as counted_as
    from participation left join same_person using (person_id)
    where state <> 'struck_out'
      and coalesce(counted_as, person_id) in (select counted_as from registered_person);
