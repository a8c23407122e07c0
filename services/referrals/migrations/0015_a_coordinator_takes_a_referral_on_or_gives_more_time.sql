-- What coordinators do about a referral that does not go on.

alter table referral
    add column taken_on_by text,                        -- the coordinator that sees to it, until it ends
    add column extended    smallint not null default 0; -- how often the deadline was extended, until it ends
