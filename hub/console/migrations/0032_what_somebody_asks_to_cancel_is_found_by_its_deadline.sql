-- What a sender asks to cancel, the most pressing first: whoever has accepted it says whether it ends.
create index referral_to_cancel_of on referral (recipient, due_at, referral_id) where state = 'cancel_requested';
