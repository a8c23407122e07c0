-- How long an outcome is kept is counted by this database's clock alone: a service whose clock stands in the past, or a
-- demo that plays years ago, would have had its outcomes deleted as soon as they were written.
alter table outcome add column written_at timestamptz not null default clock_timestamp();
drop index outcome_age;
create index outcome_age on outcome using brin (written_at);
