-- Of a message of a confidential case operators see here what the message log shows of it (hub/monitor/log/confidential.py):
-- its id, the family of its contract, and what the runtime itself says of it. Who sent it, what it is about, its contract,
-- and what the service says of it, the log opens for a reason, once the audit has that.

-- SHA-256 of the ids by which a message is known to be of such a case: those of messages that say so themselves, and of what
-- these are about (messaging/confidential.py). Nobody finds an id by it, so it stays when somebody is erased.
create table confidential_hash (
    hash bytea primary key
);

-- By which ids a parked message is held against these: its own, its subject's, and those of what it answers.
alter table parked add column about uuid[] not null default '{}';
update parked set about = coalesce(ids_in(raw), '{}') || coalesce(ids_in(convert_to(subject, 'UTF8')), '{}') || message_id
where message_id is not null;
update parked_outcome
set ids = coalesce(ids_in(convert_to(subject, 'UTF8')), '{}') || message_id where ids is null and message_id is not null;

-- What is kept here of messages from before says it as well; and the tables of the service say which cases are such.
create function confidential_bytes(body text) returns boolean language sql immutable parallel safe as $$
    select body ~ '"case_code"\s*:\s*"' or body ~ '"confidential"\s*:\s*true' or body ~ '"need_code"\s*:\s*"gbv\.'
$$;
insert into confidential_hash (hash)
    select sha256(uuid_send(id)) from (
        select unnest(array[message_id] || ids_in(convert_to(substring(body from '"subject"\s*:\s*"([^"]*)"'), 'UTF8'))) as id
        from outbox where confidential_bytes(body)
        union
        select unnest(array[message_id] || ids_in(convert_to(subject, 'UTF8')))
        from parked where message_id is not null and confidential_bytes(encode(raw, 'escape'))
    ) as said where id is not null
    on conflict do nothing;
drop function confidential_bytes(text);
do $$
declare
    one record;
begin
    for one in
        select keyed.relid, keyed.key,
               string_agg(case column_name when 'case_code' then 'case_code is not null'
                                           when 'need_code' then 'need_code like ''gbv.%''' else 'confidential' end, ' or ') as says
        from (
            select pg_index.indrelid::regclass as relid, attname as key
            from pg_index join pg_attribute on attrelid = indrelid and attnum = indkey[0]
            join pg_class on pg_class.oid = indrelid
            where indisprimary and indnatts = 1 and atttypid = 'uuid'::regtype and relnamespace = 'public'::regnamespace
        ) as keyed
        join information_schema.columns on table_schema = 'public' and to_regclass(quote_ident(table_name)) = keyed.relid
        where column_name in ('case_code', 'need_code') and data_type = 'text'
           or column_name = 'confidential' and data_type = 'boolean'
        group by keyed.relid, keyed.key
    loop
        execute format('insert into confidential_hash (hash) select sha256(uuid_send(%1$I)) from %2$s where %3$s '
                       'on conflict do nothing', one.key, one.relid, one.says);
    end loop;
end $$;

-- What the runtime itself says of a parked message tells nothing of its case; any other code is the service's.
create function operators.is_of_the_runtime(code text) returns boolean language sql immutable parallel safe as $$
    select code in ('failed', 'no_handler', 'id_reused', 'behind_another', 'clocks_apart', 'given_back', 'erased', 'repeated')
$$;

-- In place of what is not shown stands `-`. That the hub itself has said something names no organisation.
create or replace view operators.parked as
    select parked_id, state,
           case when confidential and not operators.is_of_the_runtime(reason) then '-' else reason end as reason,
           case when confidential then substring(error from '^\w+') else error end as error,
           attempts,
           case when not confidential then waiting_for end as waiting_for,
           case when confidential and source <> 'hub' then '-' else source end as source,
           message_id,
           case when confidential then split_part(type, '.', 1) else type end as type,
           case when not confidential then subject end as subject,
           octet_length(raw) as size,
           encode(case when reason = 'erased' then raw else sha256(raw) end, 'hex') as digest,
           parked_at, next_attempt_at, operation_id,
           -- What has come since about the same subject, and is parked as well, or was and has ended.
           (select count(*) from parked as later
            where later.subject = parked.subject and later.parked_id > parked.parked_id)
           + (select count(*) from parked_outcome as later
              where later.subject = parked.subject and later.parked_id > parked.parked_id
                and later.result in ('applied', 'refused', 'given_back')) as later,
           confidential
    from parked cross join lateral (
        select exists (select from unnest(about) as known(id) join confidential_hash on hash = sha256(uuid_send(known.id)))
               as confidential
    ) as of_a_case;

create or replace view operators.outcome as
    select outcome_id, parked_id, operation_id, result,
           case when confidential and not operators.is_of_the_runtime(code) then '-' else code end as code,
           case when confidential then substring(error from '^\w+') else error end as error,
           attempts,
           case when confidential and source <> 'hub' then '-' else source end as source,
           message_id,
           case when confidential then split_part(type, '.', 1) else type end as type,
           case when not confidential then subject end as subject,
           encode(digest, 'hex') as digest, parked_at, at,
           confidential
    from parked_outcome cross join lateral (
        select exists (select from unnest(ids) as known(id) join confidential_hash on hash = sha256(uuid_send(known.id)))
               as confidential
    ) as of_a_case;

create or replace view operators.operation_message as
    select selected.operation_id, selected.parked_id,
           case when coalesce(ended.confidential, parked.confidential) and not operators.is_of_the_runtime(selected.reason)
                then '-' else selected.reason end as was,
           ended.result, ended.code, coalesce(ended.error, parked.error) as error, ended.at,
           coalesce(ended.source, parked.source) as source,
           coalesce(ended.message_id, parked.message_id) as message_id,
           coalesce(ended.type, parked.type) as type,
           coalesce(ended.subject, parked.subject) as subject,
           coalesce(ended.confidential, parked.confidential, false) as confidential
    from parked_selected as selected
    left join operators.outcome as ended
        on ended.operation_id = selected.operation_id and ended.parked_id = selected.parked_id and ended.result <> 'failed'
    left join operators.parked on parked.parked_id = selected.parked_id and ended.outcome_id is null;

-- Of those that were chosen by an organisation, and of confidential cases, the ids are not shown: of a message that the log
-- has by its id nobody is to learn whose it is, or its contract.
create or replace view operators.replayed as
    select replayed.operation_id, replayed.position, replayed.result, replayed.at,
           case when parked_operation.selection ->> 'organisation' is null
                 and not exists (select from unnest(ids_in(convert_to(left(outbox.body, 1000), 'UTF8'))) as known(id)
                                 join confidential_hash on hash = sha256(uuid_send(known.id)))
                then outbox.message_id end as message_id,
           operators.contract_of(outbox.routing_key) as contract, octet_length(outbox.body) as size
    from replayed join parked_operation using (operation_id) left join outbox using (position);

-- The dry run: bind the messages that an operation is to be about. `p_ids`: these alone; else all of a group, of which each
-- part that is null says nothing, and '' that there is none: a group as it is shown, or it would tell what is not. Under
-- an id that is known it changes nothing.
create or replace function operators.dry_run(
    p_operation uuid, p_act text, p_by text, p_ids bigint[], p_type text, p_reason text, p_error text
) returns void language plpgsql security definer set search_path = public, pg_temp as $$
declare
    asked integer;
begin
    if p_act is null or p_act not in ('retry', 'give_back') or p_by is null or length(p_by) not between 1 and 200 then
        raise exception 'no such act, or nobody who asks for it' using errcode = 'invalid_parameter_value';
    end if;
    insert into parked_operation (operation_id, act, planned_by) values (p_operation, p_act, p_by) on conflict do nothing;
    if not found then
        return;
    end if;
    insert into parked_selected (operation_id, parked_id, reason, error)
    select p_operation, parked.parked_id, parked.reason, parked.error
    from parked join operators.parked as shown using (parked_id)
    where (p_ids is null or parked.parked_id = any(p_ids))
      and (p_type is null or coalesce(shown.type, '') = p_type)
      and (p_reason is null or shown.reason = p_reason)
      and (p_error is null or coalesce(shown.error, '') = p_error)
      and operators.may_be(p_act, parked.state, parked.reason, parked.source);
    if p_ids is not null then
        select count(distinct id) into asked from unnest(p_ids) as id;
    else
        select count(*) into asked from operators.parked as shown
        where state = 'quarantined' and reason <> 'erased'
          and (p_type is null or coalesce(type, '') = p_type)
          and (p_reason is null or reason = p_reason)
          and (p_error is null or coalesce(error, '') = p_error);
    end if;
    update parked_operation
    set selected = bound.many, left_out = greatest(asked - bound.many, 0), digest = bound.digest
    from (
        select count(*)::integer as many,
               sha256(convert_to(coalesce(string_agg(parked_id::text, ',' order by parked_id), ''), 'UTF8')) as digest
        from parked_selected where operation_id = p_operation
    ) as bound
    where operation_id = p_operation;
end $$;

revoke execute on all functions in schema operators from public;
