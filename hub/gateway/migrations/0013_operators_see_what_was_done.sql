-- What was done to the network, for the page of the audit; whether it is as it was written, who verifies sees.
create view operators.audit_entry as select number, at, actor, act, subject, details from audit_entry;
create index audit_entry_at on audit_entry (at, number);
