-- Until now a place was kept unless its organisation said that it was confidential. Of a service for a confidential need
-- it is kept only where somebody has said that everybody may know it.

update service set listing = listing - '{locations,opening_hours,description,url}'::text[]
where not coalesce((listing ->> 'public_location')::boolean, false)
  and exists (select from jsonb_array_elements_text(listing -> 'need_codes') as need where need like 'gbv.%');
