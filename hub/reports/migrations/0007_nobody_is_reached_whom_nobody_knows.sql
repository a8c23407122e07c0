-- Who is said to have been served counts once somebody else knows them: intake, or whoever wrote down that they came to
-- a jornada. A confidential case is known once intake holds a consent of it, under the id that stands for its code.

create table known_case (
    consent_id uuid primary key,        -- which intake holds; of those delivered to before, the case itself
    person_id  uuid not null
);
insert into known_case
select distinct person_id, person_id from delivery where substring(person_id::text from 15 for 1) = '5'; -- as our ids of cases are

create view known_person as
    select coalesce(counted_as, person_id) as counted_as
    from (
        select person_id from person                        -- this and the next three are intake's word
        union select person_id from need where person_id is not null
        union select person_id from etpv_step
        union select person_id from known_case
        union select person_id from attendance join jornada using (jornada_id, said_by) where present
    ) as known
    left join same_person using (person_id)
    group by 1;

create or replace view counted_delivery as
    select coalesce(counted_as, person_id) as counted_as, need_code, delivered_by, zone, programme,
           delivered_at at time zone 'America/Bogota' as delivered_on, -- months and days are Colombia's
           held.jornada_id, organiser, kind, name,
           coalesce(counted_as, person_id) in (select counted_as from known_person) as confirmed
    from delivery
    left join same_person using (person_id)
    left join (
        select distinct on (delivery_id, delivery.said_by) delivery_id, delivery.said_by, jornada_id, organiser, kind, name
        from delivery join jornada using (jornada_id)
        where array[delivered_by, delivery.said_by] <@ array_append(organisations, 'hub')
        order by delivery_id, delivery.said_by, jornada.said_by <> 'hub', jornada.said_by
    ) as held using (delivery_id, said_by)
    where not exists (
            select from delivery_struck_out as struck
            where struck.delivery_id = delivery.delivery_id and struck.said_by = delivery.said_by
        )
        and (
            said_by in (delivered_by, 'hub')
            or held.jornada_id is not null
            or (person_id, programme, said_by) in (
                select person_id, programme, organisation from participation where state <> 'struck_out'
            )
        );
