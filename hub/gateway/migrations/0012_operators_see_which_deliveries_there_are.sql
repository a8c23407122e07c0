-- Which messages the ledger has brought, for reconciliation; nothing of what they say.
create view operators.delivery as select organisation, source, message_id from delivery;
