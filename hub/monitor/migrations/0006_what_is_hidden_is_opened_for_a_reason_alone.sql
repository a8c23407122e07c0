-- What the log does not show of confidential cases is opened in two transactions (hub/monitor/log/confidential.py): in
-- the first it is written down who asks for what, and why; the second shows that, once. Whoever shows the log has these
-- functions, and reads no table of it.

create table opening (
    id          uuid        primary key,
    asked_at    timestamptz not null default clock_timestamp(),
    transaction xid8        not null default pg_current_xact_id(),
    actor       text        not null check (actor ~ '^(staff|operator):[A-Za-z0-9_-]{1,60}$'),
    reason      text        not null check (reason ~ '^[a-z_]{3,40}( [A-Za-z0-9.#-]{1,20})?$'),
    messages    uuid[]      not null check (cardinality(messages) between 1 and 50),
    shown_at    timestamptz
);

-- Only that it was shown is ever added; everything else stands as it was asked for.
create function opening_stays() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE' then
        if old.shown_at is null and new.shown_at is not null
           and to_jsonb(new) - 'shown_at' = to_jsonb(old) - 'shown_at' then
            return new;
        end if;
    end if;
    raise exception 'what was opened stays written: % refused', tg_op using errcode = 'restrict_violation';
end $$;
create trigger opening_stays before update or delete on opening for each row execute function opening_stays();
create trigger opening_is_not_emptied before truncate on opening
    for each statement execute function opening_stays();

create function ask_to_open(p_id uuid, p_messages uuid[], p_actor text, p_reason text) returns void
    language sql security definer set search_path = pg_catalog, pg_temp
    begin atomic
        insert into public.opening (id, messages, actor, reason) values (p_id, p_messages, p_actor, p_reason);
    end;

-- Null where nobody has asked, where it has been shown, and in the transaction that asks: what is rolled back was shown
-- to nobody.
create function open_once(p_id uuid) returns jsonb
    language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    asked uuid[];
begin
    update public.opening set shown_at = clock_timestamp()
    where id = p_id and shown_at is null and transaction <> pg_current_xact_id()
      and asked_at > clock_timestamp() - interval '1 minute'
    returning messages into asked;
    if asked is null then
        return null;
    end if;
    return jsonb_build_object(
        'messages', coalesce((
            select jsonb_agg(to_jsonb(hidden) order by arrived_at)
            from public.confidential_message as hidden where id = any(asked)), '[]'),
        'outcomes', coalesce((
            select jsonb_agg(to_jsonb(hidden) order by logged_at)
            from public.confidential_outcome as hidden where message_id = any(asked)), '[]'));
end $$;

revoke execute on function ask_to_open(uuid, uuid[], text, text), open_once(uuid) from public;

-- Who opened something stands in the chains of what operators and staff do anyway; in this one nothing was ever written.
drop table audit_entry, audit_checkpoint;
drop function audit_is_only_appended();
