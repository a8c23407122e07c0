-- As before, without what is offered by organisations that do not take part any more.

create or replace view directory as
select service.service_id, service.organisation, service.published_at,
       case when coalesce((listing ->> 'confidential_location')::boolean, false)
           then listing - '{locations,opening_hours,description,url}'::text[]
           else listing
       end as listing,
       capacity.state, capacity.waiting, capacity.estimate_days, capacity.stated_at, capacity.valid_until
from service left join capacity using (service_id)
where listing <> '{}'
  and not exists (select from recorded_organisation where id = service.organisation and status = 'removed');
