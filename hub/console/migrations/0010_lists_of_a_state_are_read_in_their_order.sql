-- A state whose referrals are all of long ago is not looked for among all that have changed since: as 0003 has it, only
-- a need, or a state with a need, stands together in the order of a list.
create index referral_by_state          on referral (state, changed_at desc, referral_id desc);
create index referral_sent_by_state     on referral (sender, state, changed_at desc, referral_id desc);
create index referral_received_by_state on referral (recipient, state, changed_at desc, referral_id desc);
-- What is new, and what is to be confirmed, is found by these, from behind.
drop index referral_new_of;
drop index referral_to_confirm_of;
-- What is overdue elsewhere is looked for with each organisation that has to answer (referral_due_of): among what is due
-- of all, most may be due of whoever coordinates.
drop index referral_due;
