-- Until when the read service has applied what it is sent: what pages show is as of then. Null: nobody knows.
alter table presence add column read_to timestamptz;
