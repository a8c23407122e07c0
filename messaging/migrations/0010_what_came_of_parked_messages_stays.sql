-- What came of each parked message stays; and who had messages tried again or given back, why, and what came of that. Who
-- mends sees the views of the schema `operators`, and acts by its functions (deploy/local/operators.py grants both).

-- By which operation a message is tried again or given back; null where it is tried by itself, or not at all.
alter table parked add column operation_id uuid;
create index parked_of_operation on parked (operation_id) where operation_id is not null;
create index parked_about on parked (subject, parked_id);

-- Of bytes that could not be read one row is there, also while they are tried again.
delete from parked using parked as first
where parked.source is null and parked.reason <> 'erased' and first.source is null and first.reason <> 'erased'
  and sha256(first.raw) = sha256(parked.raw) and first.parked_id < parked.parked_id;
create unique index parked_unread on parked (sha256(raw)) where source is null and reason <> 'erased';
-- The same of an id that was used again, while it is given back.
drop index parked_reused;
create unique index parked_reused on parked (source, message_id) where reason = 'id_reused' and source <> 'hub';

-- One row for each dry run; where it was started, the operation that came of it. Who asked for it chooses its id, so that
-- what is asked for twice is done once.
create table parked_operation (
    operation_id uuid        primary key,
    act          text        not null check (act in ('retry', 'give_back')),
    planned_by   text        not null,
    planned_at   timestamptz not null default clock_timestamp(),
    selected     integer     not null default 0,    -- messages
    left_out     integer     not null default 0,    -- of those that were asked for: with these it cannot be done
    digest       bytea       not null default '',   -- of the ids that are selected
    why          text,
    started_by   text,
    started_at   timestamptz,
    stopped_by   text,
    stopped_at   timestamptz
);
create index parked_operation_planned on parked_operation (planned_at);

-- The messages that a dry run has bound, and how each stood then.
create table parked_selected (
    operation_id uuid    not null references parked_operation on delete cascade deferrable initially deferred,
    parked_id    bigint  not null,
    reason       text    not null,
    error        text,
    primary key (operation_id, parked_id)
);

-- What came of parked messages, in the order in which it came; only added to. No bodies.
create table parked_outcome (
    outcome_id   bigint      generated always as identity primary key,
    parked_id    bigint      not null,
    operation_id uuid,
    result       text        not null
        check (result in ('failed', 'quarantined', 'applied', 'refused', 'given_back', 'stopped')),
    code         text,
    error        text,                              -- class and place of the exception, never its text
    attempts     integer     not null,
    source       text,
    message_id   uuid,
    type         text,
    subject      text,
    digest       bytea       not null,
    parked_at    timestamptz not null,
    at           timestamptz not null default clock_timestamp()
);
-- A message ends once, and under each operation once.
create unique index parked_outcome_end on parked_outcome (parked_id) where result in ('applied', 'refused', 'given_back');
create unique index parked_outcome_of_operation on parked_outcome (operation_id, parked_id)
    where operation_id is not null and result <> 'failed';
create index parked_outcome_about on parked_outcome (subject) where subject is not null;
create index parked_outcome_of_message on parked_outcome (message_id) where message_id is not null;

create schema operators;

create view operators.parked as
    select parked_id, state, reason, error, attempts, waiting_for, source, message_id, type, subject,
           octet_length(raw) as size,
           encode(case when reason = 'erased' then raw else sha256(raw) end, 'hex') as digest,
           parked_at, next_attempt_at, operation_id,
           -- What has come since about the same subject, and is parked as well, or was and has ended.
           (select count(*) from parked as later
            where later.subject = parked.subject and later.parked_id > parked.parked_id)
           + (select count(*) from parked_outcome as later
              where later.subject = parked.subject and later.parked_id > parked.parked_id
                and later.result in ('applied', 'refused', 'given_back')) as later
    from parked;

create view operators.inbox as
    select source, message_id, encode(digest, 'hex') as digest, received_at from inbox;

create view operators.outbox_writer as
    select writer, process, committed, published, abandoned, started_at, changed_at, received, redelivered, repeated,
           applied, refused, parked
    from outbox_writer;

create view operators.outcome as
    select outcome_id, parked_id, operation_id, result, code, error, attempts, source, message_id, type, subject,
           encode(digest, 'hex') as digest, parked_at, at
    from parked_outcome;

create view operators.operation as
    select operation_id, act, planned_by, planned_at, selected, left_out, encode(digest, 'hex') as digest, why,
           started_by, started_at, stopped_by, stopped_at,
           ended.applied, ended.refused, ended.quarantined, ended.given_back, ended.stopped,
           selected - ended.all_of_them as remaining
    from parked_operation cross join lateral (
        select count(*) filter (where result = 'applied') as applied,
               count(*) filter (where result = 'refused') as refused,
               count(*) filter (where result = 'quarantined') as quarantined,
               count(*) filter (where result = 'given_back') as given_back,
               count(*) filter (where result = 'stopped') as stopped,
               count(*) as all_of_them
        from parked_outcome
        where parked_outcome.operation_id = parked_operation.operation_id and result <> 'failed'
    ) as ended;

-- Each message of an operation; without `result` it is still being tried, or waits.
create view operators.operation_message as
    select selected.operation_id, selected.parked_id, selected.reason as was,
           ended.result, ended.code, coalesce(ended.error, parked.error) as error, ended.at,
           coalesce(ended.source, parked.source) as source,
           coalesce(ended.message_id, parked.message_id) as message_id,
           coalesce(ended.type, parked.type) as type,
           coalesce(ended.subject, parked.subject) as subject
    from parked_selected as selected
    left join parked_outcome as ended
        on ended.operation_id = selected.operation_id and ended.parked_id = selected.parked_id and ended.result <> 'failed'
    left join parked on parked.parked_id = selected.parked_id and ended.outcome_id is null;

-- Whether an act can be done with a message that is parked so. What was erased has no bytes. Of an id that was used again
-- the other message was applied, and this one refused when it came: it can only be let go. What nobody can be told of
-- (the hub's own, and what could not be read) is not given back.
create function operators.may_be(act text, state text, reason text, source text) returns boolean
language sql immutable as $$
    select state = 'quarantined' and reason <> 'erased' and case act
        when 'retry' then reason <> 'id_reused'
        when 'give_back' then source is not null and source <> 'hub'
        else false
    end
$$;

-- The dry run: bind the messages that an operation is to be about. `p_ids`: these alone; else all of a group, of which each
-- part that is null says nothing, and '' that there is none. Under an id that is known it changes nothing.
create function operators.dry_run(
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
    select p_operation, parked_id, reason, error from parked
    where (p_ids is null or parked_id = any(p_ids))
      and (p_type is null or coalesce(type, '') = p_type)
      and (p_reason is null or reason = p_reason)
      and (p_error is null or coalesce(error, '') = p_error)
      and operators.may_be(p_act, state, reason, source);
    if p_ids is not null then
        select count(distinct id) into asked from unnest(p_ids) as id;
    else
        select count(*) into asked from parked
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

-- Start what was planned, with the very messages that its dry run has bound: all of them, or none. What it answers is a
-- code; `started_before` is as good as `started`.
create function operators.start(p_operation uuid, p_digest text, p_by text, p_why text)
returns text language plpgsql security definer set search_path = public, pg_temp as $$
declare
    operation parked_operation;
    as_planned integer;
begin
    if p_by is null or length(p_by) not between 1 and 200 or p_why is null or length(btrim(p_why)) not between 3 and 300 then
        return 'no_reason';
    end if;
    select * into operation from parked_operation where operation_id = p_operation for update;
    if not found then
        return 'unknown_operation';
    elsif encode(operation.digest, 'hex') is distinct from p_digest then
        return 'not_as_planned';
    elsif operation.started_at is not null then
        return 'started_before';
    elsif operation.selected = 0 then
        return 'nothing_selected';
    elsif operation.planned_at < clock_timestamp() - interval '1 hour' then
        return 'plan_too_old';
    end if;
    -- In the order of their ids, as whoever else starts something does.
    perform 1 from parked join parked_selected as selected using (parked_id)
    where selected.operation_id = p_operation order by parked.parked_id for update of parked;
    select count(*) into as_planned from parked join parked_selected as selected using (parked_id)
    where selected.operation_id = p_operation and parked.reason = selected.reason
      and operators.may_be(operation.act, parked.state, parked.reason, parked.source);
    if as_planned <> operation.selected then
        return 'changed_since';  -- somebody else has had them tried again, or they are erased
    end if;
    update parked set state = 'retry', attempts = 0, waiting_for = null, next_attempt_at = clock_timestamp(),
                      operation_id = p_operation
    from parked_selected as selected
    where selected.operation_id = p_operation and selected.parked_id = parked.parked_id;
    update parked_operation set why = btrim(p_why), started_by = p_by, started_at = clock_timestamp()
    where operation_id = p_operation;
    return 'started';
end $$;

-- Stop an operation: what it has not come to yet lies as it did before.
create function operators.stop(p_operation uuid, p_by text)
returns text language plpgsql security definer set search_path = public, pg_temp as $$
declare
    operation parked_operation;
begin
    select * into operation from parked_operation where operation_id = p_operation for update;
    if not found or operation.started_at is null then
        return 'unknown_operation';
    elsif p_by is null or length(p_by) not between 1 and 200 then
        return 'no_reason';
    end if;
    with aside as (
        update parked
        set state = 'quarantined', reason = selected.reason, error = selected.error, next_attempt_at = null,
            waiting_for = null, operation_id = null
        from parked_selected as selected
        where selected.operation_id = p_operation and parked.parked_id = selected.parked_id
          and parked.operation_id = p_operation
        returning parked.*
    )
    insert into parked_outcome (
        parked_id, operation_id, result, error, attempts, source, message_id, type, subject, digest, parked_at)
    select parked_id, p_operation, 'stopped', error, attempts, source, message_id, type, subject, sha256(raw), parked_at
    from aside;
    update parked_operation set stopped_by = p_by, stopped_at = clock_timestamp()
    where operation_id = p_operation and stopped_at is null;
    return 'stopped';
end $$;

revoke execute on all functions in schema operators from public;
