-- Of a thing each one's own word is kept: who uses an id that is another's says something of their own, and hides nothing.

alter table etpv_step     drop constraint etpv_step_pkey,     add primary key (step_id, said_by);
alter table jornada       drop constraint jornada_pkey,       add primary key (jornada_id, said_by);
alter table attendance    drop constraint attendance_pkey,    add primary key (attendance_id, said_by);
alter table delivery      drop constraint delivery_pkey,      add primary key (delivery_id, said_by);
alter table need          drop constraint need_pkey,          add primary key (need_id, said_by);
alter table referral      drop constraint referral_pkey,      add primary key (referral_id, said_by);
alter table employer      drop constraint employer_pkey,      add primary key (employer_id, said_by);
alter table participation drop constraint participation_pkey, add primary key (participation_id, said_by);
alter table placement     drop constraint placement_pkey,     add primary key (candidacy_id, said_by);
alter table entrepreneur  drop constraint entrepreneur_pkey,  add primary key (entrepreneur_id, said_by);
alter table route         drop constraint route_pkey,         add primary key (route_id, said_by);
alter table service       drop constraint service_pkey,       add primary key (service_id, said_by);

alter table jornada add column organisations text[] not null default '{}'; -- the organiser, and the partners it names
update jornada set organisations = array[organiser];

alter table participation add column organisation text not null default ''; -- whose part in the programme it is
update participation set organisation = said_by;

-- What somebody reports of their own is believed. What they report of another is believed where both take part in the
-- jornada at which it was done, by the word of who holds it, or where the person's part in the programme is theirs:
-- until that is known it counts under nobody. A jornada at which either takes no part is not where it was done.
drop view counted_delivery;
create view counted_delivery as
    select coalesce(counted_as, person_id) as counted_as, need_code, delivered_by, zone, programme,
           delivered_at at time zone 'America/Bogota' as delivered_on, -- months and days are Colombia's
           held.jornada_id, organiser, kind, name
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
