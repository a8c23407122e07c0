-- Rows that refer to each other may be written in one batch, table by table: they have to fit when it is committed.
-- Where a row stands in a unique index is told by columns, so that a batch can be put in order before it is written.

alter table referral alter constraint referral_redirected_from_fkey deferrable initially deferred;
alter table referral alter constraint referral_onward_from_fkey deferrable initially deferred;
alter table history alter constraint history_referral_id_fkey deferrable initially deferred;
alter table capacity alter constraint capacity_service_id_fkey deferrable initially deferred;
alter table decision alter constraint decision_service_id_fkey deferrable initially deferred;
alter table place_in_line alter constraint place_in_line_referral_id_fkey deferrable initially deferred;
alter table place_in_line alter constraint place_in_line_service_id_fkey deferrable initially deferred;

create unique index one_open_referral_of_a_person on referral (person_id, service_id, recipient)
    where state not in ('declined', 'redirected', 'expired', 'cancelled', 'closed', 'consent_withdrawn',
                        'entered_in_error');
-- A case code belongs to the sender that made it up.
create unique index one_open_referral_of_a_case on referral (sender, case_code, service_id, recipient)
    where state not in ('declined', 'redirected', 'expired', 'cancelled', 'closed', 'consent_withdrawn',
                        'entered_in_error');
drop index one_open_referral;
create index referral_of_person on referral (person_id) where person_id is not null;
create index referral_of_case on referral (sender, case_code) where case_code is not null;
