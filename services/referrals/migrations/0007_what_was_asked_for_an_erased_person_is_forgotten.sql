-- The row stays, under an id that leads to nobody any more, since it is counted; its request is emptied.

alter table referral add column erased_at timestamptz;
