-- How many overrides of consent an organisation has used lately is asked at each.

create index overrides_of_organisation on history (organisation, recorded_at) where what = 'consent_overridden';
