-- The audit of the console: a chain like the gateway's (hub/gateway/audit/), by the same code, with a key of its own.

create table audit_entry (
    number   bigint      primary key check (number > 0),
    at       timestamptz not null,
    actor    text        not null,                  -- staff:<code>, operator:<user id of the system>, or `nobody`
    act      text        not null,
    subject  text        not null,                  -- the organisation of whoever did it, or `-`
    details  text        not null,                  -- JSON; people only as in person_key
    previous bytea       not null,
    hash     bytea       not null
);
create index audit_entry_people on audit_entry using gin ((details::jsonb -> 'people') jsonb_path_ops)
    where details like '%"people":%';

create table audit_checkpoint (
    number    bigint      primary key,
    hash      bytea       not null,
    at        timestamptz not null,
    signature bytea       not null
);

create function audit_is_only_appended() returns trigger language plpgsql as $$
begin
    raise exception 'the audit is only appended: % of % refused', tg_op, tg_table_name using errcode = 'restrict_violation';
end $$;
create trigger audit_entry_is_only_appended before update or delete or truncate on audit_entry
    for each statement execute function audit_is_only_appended();
create trigger audit_checkpoint_is_only_appended before update or delete or truncate on audit_checkpoint
    for each statement execute function audit_is_only_appended();

-- A person stands in the audit encrypted with a key of their own. Erased, they have none any more: the entries stay as
-- they were signed, and lead to nobody.
create table person_key (
    person    text        primary key,              -- a person's id, or the code of a case
    key       bytea,                                -- encrypted with the key of the state directory; null: erased
    erased_at timestamptz,
    check ((key is null) = (erased_at is not null))
);
