-- A service is of who published it first, as referrals has it; of those kept twice the older is taken for the true one.

delete from service as later using service as first
where first.service_id = later.service_id
  and (first.published_at, first.said_by) < (later.published_at, later.said_by);
alter table service drop constraint service_pkey, add primary key (service_id);

-- A step of the Statute is the word of whoever helped with it, and counts where they have to do with the person: they
-- registered them, wrote down that they came to a jornada, or took a referral of them on; and at a jornada in which they
-- take part. What was kept before this does not say whose it is, and goes on counting.

alter table etpv_step add column organisation text;
alter table person add column organisation text;        -- who registered them; stays when they are erased, so that their steps count as before
alter table attendance add column recorded_by text;     -- who wrote down that they came

create view acquainted as
    select organisation, coalesce(counted_as, person_id) as counted_as
    from (
        select organisation, person_id from person
        union select recorded_by, person_id from attendance where present
        union select recipient, person_id from referral join referral_timing using (referral_id)
            where accepted and state <> 'entered_in_error'
    ) as known
    left join same_person using (person_id)
    where organisation is not null
    group by 1, 2;

create or replace view counted_step as
    select coalesce(counted_as, person_id) as counted_as, step,
           case when organisation is null or (jornada_id, organisation) in (
               select jornada_id, unnest(organisations)
               from (
                   select distinct on (jornada_id) jornada_id, organisations
                   from jornada order by jornada_id, said_by <> 'hub', said_by
               ) as held
           ) then jornada_id end as jornada_id,
           taken_at at time zone 'America/Bogota' as taken_on
    from etpv_step left join same_person using (person_id)
    where not exists (select from etpv_step_unrecorded as struck where struck.step_id = etpv_step.step_id)
      and (
          organisation is null
          or (organisation, coalesce(counted_as, person_id)) in (select organisation, counted_as from acquainted)
          or coalesce(counted_as, person_id) not in (
              select coalesce(counted_as, person_id) from person left join same_person using (person_id)
              where organisation is not null
          )
      );

-- By when a decision is due is said with each referral; of those that are known it is what the urgency allows.

alter table referral add column answer_by timestamptz;
update referral set answer_by = sent_at + case urgency
    when 'emergency' then interval '24 hours' when 'urgent' then interval '72 hours' else interval '14 days' end;
