-- The audit: what was done to the network, each entry with the hash of the one before it (hub/gateway/audit/).

-- Numbered from 1 without gaps. `hash` is the SHA-256 of all the rest in one canonical form; `details` is kept as the very
-- text that was hashed. No personal data, no key and nothing of what a message says: ids, codes, organisations' names.
create table audit_entry (
    number   bigint      primary key check (number > 0),
    at       timestamptz not null,
    actor    text        not null,                  -- operator:<user id of the system>, or the process
    act      text        not null,
    subject  text        not null,                  -- the organisation, or `network`
    details  text        not null,                  -- JSON
    previous bytea       not null,
    hash     bytea       not null
);
-- What each organisation was last known to be.
create index audit_entry_organisations on audit_entry (subject, number)
    where act in ('organisation_added', 'organisation_changed', 'organisation_removed');

-- Every transaction that appends ends with one: the last entry's hash, signed with a key that is not in the database.
create table audit_checkpoint (
    number    bigint      primary key,
    hash      bytea       not null,
    at        timestamptz not null,
    signature bytea       not null
);

-- Only appended. Who owns the tables can still take the triggers away; then `./ruta audit verify` finds what was changed.
create function audit_is_only_appended() returns trigger language plpgsql as $$
begin
    raise exception 'the audit is only appended: % of % refused', tg_op, tg_table_name using errcode = 'restrict_violation';
end $$;
create trigger audit_entry_is_only_appended before update or delete or truncate on audit_entry
    for each statement execute function audit_is_only_appended();
create trigger audit_checkpoint_is_only_appended before update or delete or truncate on audit_checkpoint
    for each statement execute function audit_is_only_appended();

-- How much of a count the audit has already.
alter table refusal_count add column audited bigint not null default 0;
create index refusal_count_not_audited on refusal_count (minute) where count > audited;
