-- What nobody has said yes or no to, the most pressing first: for an organisation that uses the hub's screens, what has come
-- in is received by itself, and new until it is decided.
create index referral_undecided_of on referral (recipient, due_at, referral_id) where state in ('sent', 'received');
