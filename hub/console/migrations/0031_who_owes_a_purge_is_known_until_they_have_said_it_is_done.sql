-- Who was asked to delete what they hold of a person, since when and until when, and when they said that they have. Each
-- says its part by itself, so facts may come in any order; nothing here is of a person.
create table purge_asked (
    referral_id  uuid        not null,
    organisation text        not null,
    asked_at     timestamptz,               -- null: only the receipt is known so far
    purge_by     timestamptz,
    purged_at    timestamptz,
    primary key (referral_id, organisation)
);
create index purge_owed_of on purge_asked (organisation, purge_by, referral_id)
    where asked_at > coalesce(purged_at, '-infinity');
create index purge_owed on purge_asked (purge_by, referral_id, asked_at)
    where asked_at > coalesce(purged_at, '-infinity');

-- What was told until now: whoever does not know until when has as long as anybody.
insert into purge_asked (referral_id, organisation, asked_at, purge_by)
select referral_id, organisation, max(noted_at),
    max(coalesce((details ->> 'purge_by')::timestamptz, noted_at + interval '15 days'))
from event cross join jsonb_array_elements_text(details -> 'awaited') as holder (organisation)
where what = 'purge_owed' group by referral_id, organisation;
insert into purge_asked (referral_id, organisation, purged_at)
select referral_id, noted_by, max(noted_at) from event where what = 'purged' group by referral_id, noted_by
on conflict (referral_id, organisation) do update set purged_at = excluded.purged_at;

-- That a receipt is late, coordinators see by its date: no longer among what nobody answers.
delete from escalation using event
where event.referral_id = escalation.referral_id and what = 'purge_owed' and noted_at <= escalated_at;
