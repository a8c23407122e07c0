-- What anybody may read of the services: the export's source. A confidential place never passes it, even if a row has one.

create view directory as
select service.service_id, service.organisation, service.published_at,
       case when coalesce((listing ->> 'confidential_location')::boolean, false)
           then listing - '{locations,opening_hours,description,url}'::text[]
           else listing
       end as listing,
       capacity.state, capacity.waiting, capacity.estimate_days, capacity.stated_at, capacity.valid_until
from service left join capacity using (service_id)
where listing <> '{}';                      -- {}: published before all that is said was kept
