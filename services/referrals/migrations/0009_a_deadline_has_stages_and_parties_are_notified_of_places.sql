-- The field's terms. What runs is a deadline with its stages; of a place on a waiting list the parties are notified.

alter table referral rename column clock_length to deadline_length;
alter table referral rename column clock_ends_at to deadline_at;
alter table referral rename column clock_step to deadline_stage;
alter table referral rename column stopped_left to time_left;
alter table referral rename column stopped_step to stopped_stage;

alter table place_in_line rename column told to notified;
alter table place_in_line rename column told_at to notified_at;
alter index place_untold rename to place_to_notify;
