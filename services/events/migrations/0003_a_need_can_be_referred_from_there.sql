-- Of a need that is referred from a jornada is kept under which id, so that nothing is asked for twice, and so that it can
-- be struck out with the attendance that it should never have come from.

alter table attendance add column referral_ids uuid[] not null default '{}';
alter table attendance alter column referral_ids drop default;  -- none were before; from here on each says which
