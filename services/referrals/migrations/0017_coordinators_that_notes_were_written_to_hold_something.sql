-- The coordinators that notes on a referral were written to: once its consent ends they owe a receipt, as its parties do.
alter table referral add column noted_to text[] not null default '{}';
