-- The oldest message of a queue is looked for by what its reader's inbox has (hub/monitor/log/ages.py), and no longer by
-- what services have said of messages.
drop table queue_age;
