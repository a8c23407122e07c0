-- Apart from the steps, because it may come before what it is about. A step that was struck out never comes back: what
-- is true of it is said anew under another id.
create table etpv_step_unrecorded (
    step_id uuid primary key
);

-- The steps that still count, under whom the person is counted.
create view counted_step as
    select coalesce(counted_as, person_id) as counted_as, step, jornada_id,
           taken_at at time zone 'America/Bogota' as taken_on
    from etpv_step left join same_person using (person_id)
    where not exists (select from etpv_step_unrecorded as struck where struck.step_id = etpv_step.step_id);
