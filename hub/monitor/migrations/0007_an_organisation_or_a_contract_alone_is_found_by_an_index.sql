-- By pairs of both, a network of many organisations and contracts that says little was looked through by thousands of
-- indexes: each pair's, of each day.
create index message_organisation_alone on message (organisation, arrived_at);
create index message_recipient_alone on message (recipient, arrived_at) where recipient <> organisation;
create index message_type_alone on message (type, arrived_at);
drop table pair;
