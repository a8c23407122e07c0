-- What is open is one for each who sends it, not for all senders together: a second sender would learn from the refusal
-- that another organisation has referred the person, and could keep it from doing so.

alter table referral add column sent_by text;       -- who passed the data on: the sender, or the recipient that redirects
update referral
set sent_by = coalesce(
    (select recipient from referral as before where before.referral_id = referral.redirected_from), sender
);
alter table referral alter column sent_by set not null;

drop index one_open_referral_of_a_person;
drop index one_open_referral_of_a_case;
create unique index one_open_referral_of_a_person on referral (sent_by, sender, person_id, service_id, recipient)
    where state not in ('declined', 'redirected', 'expired', 'cancelled', 'closed', 'consent_withdrawn',
                        'entered_in_error');
create unique index one_open_referral_of_a_case on referral (sent_by, sender, case_code, service_id, recipient)
    where state not in ('declined', 'redirected', 'expired', 'cancelled', 'closed', 'consent_withdrawn',
                        'entered_in_error');
