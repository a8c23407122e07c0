-- Chains, linked both ways: `redirected_from` is there already.

alter table referral
    add column onward_from uuid references referral,    -- the one whose recipient has sent this one in its place
    add column goes_on_as  uuid;                        -- redirected, or referred onward

update referral as first set goes_on_as = following.referral_id
from referral as following
where following.redirected_from = first.referral_id;
