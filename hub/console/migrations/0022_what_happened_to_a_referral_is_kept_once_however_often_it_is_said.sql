-- What is said again has another message's id: what has happened is told from the rest by when it did, and who did it.
delete from event as other using event as kept
where (other.referral_id, other.noted_at, other.what, other.noted_by)
    = (kept.referral_id, kept.noted_at, kept.what, kept.noted_by) and other.message_id > kept.message_id;
drop index event_of_referral;
alter table event drop column message_id;
create unique index event_of_referral on event (referral_id, noted_at, what, noted_by);
