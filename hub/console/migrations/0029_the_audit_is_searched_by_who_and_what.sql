-- The page of the audit (hub/gateway/audit/finding.py): who, what, whom it concerns, when.

create index audit_entry_actor on audit_entry (actor, number);
create index audit_entry_act on audit_entry (act, number);
create index audit_entry_subject on audit_entry (subject, number);
create index audit_entry_at on audit_entry (at, number);
