-- What a reader without a cursor begins with, and how much waits for it. (A reader with one goes by the primary key.)
create index delivery_unread on delivery (organisation, number) where acknowledged_at is null;

-- The same for a key that is bound to one system of an organisation. Most have none, and no rows in these.
create index delivery_of_system on delivery (organisation, address, number) where address like '%.%';
create index delivery_of_system_unread on delivery (organisation, address, number)
    where address like '%.%' and acknowledged_at is null;
