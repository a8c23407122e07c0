-- When the hub's other services were told of it: they move deadlines, and count nothing against whoever could not answer.
alter table away add column told_at timestamptz;
