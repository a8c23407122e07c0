-- What was published is said again by contract, organisation and time (hub/monitor/mending/replays.py): a dry run binds
-- positions of the outbox, and the relay says them at a rate. An operation of the kind that failures have, in one service.

alter table parked_operation drop constraint parked_operation_act_check;
alter table parked_operation add check (act in ('retry', 'give_back', 'replay'));
alter table parked_operation
    add column selection   jsonb,                           -- of a replay: contract, organisation, since, until
    add column bytes       bigint  not null default 0,      -- of all that is selected
    add column largest     integer not null default 0,      -- bytes
    add column rate        double precision,                -- messages a second
    add column turn_at     timestamptz,                     -- what the rate allows is counted from here
    add column asked_by    text,                            -- who has asked a second person to start it
    add column asked_at    timestamptz,
    add column review_due  boolean not null default false,  -- one alone has started it, though it was large
    add column reviewed_by text,
    add column reviewed_at timestamptz;
create index parked_operation_replay on parked_operation (started_at) where act = 'replay';

-- The positions that a dry run has bound, and what came of each; null: it is still to be said.
create table replayed (
    operation_id uuid        not null references parked_operation on delete cascade deferrable initially deferred,
    position     bigint      not null,
    result       text        check (result in ('said', 'erased', 'expired', 'stopped')),
    at           timestamptz,
    primary key (operation_id, position)
);
create index replayed_left on replayed (operation_id, position) where result is null;
create index replayed_position on replayed (position);

-- What an erasure has taken out of the outbox: of which kind and time that was, for as long as its neighbours are kept.
create table outbox_erased (
    position    bigint      primary key,
    routing_key text        not null,
    source      text,
    recorded_at timestamptz not null
);

create or replace view operators.operation as
    select operation_id, act, planned_by, planned_at, selected, left_out, encode(digest, 'hex') as digest, why,
           started_by, started_at, stopped_by, stopped_at,
           ended.applied, ended.refused, ended.quarantined, ended.given_back, ended.stopped + again.stopped as stopped,
           selected - ended.all_of_them - again.all_of_them as remaining,
           selection, bytes, largest, rate, asked_by, asked_at, review_due, reviewed_by, reviewed_at,
           again.said, again.erased, again.expired, lately.alone_before
    from parked_operation cross join lateral (
        select count(*) filter (where result = 'applied') as applied,
               count(*) filter (where result = 'refused') as refused,
               count(*) filter (where result = 'quarantined') as quarantined,
               count(*) filter (where result = 'given_back') as given_back,
               count(*) filter (where result = 'stopped') as stopped,
               count(*) as all_of_them
        from parked_outcome
        where parked_outcome.operation_id = parked_operation.operation_id and result <> 'failed'
    ) as ended cross join lateral (
        select count(*) filter (where result = 'said') as said,
               count(*) filter (where result = 'erased') as erased,
               count(*) filter (where result = 'expired') as expired,
               count(*) filter (where result = 'stopped') as stopped,
               count(*) as all_of_them
        from replayed
        where replayed.operation_id = parked_operation.operation_id and result is not null
    ) as again cross join lateral (
        -- What its planner has had said alone within the hour: many small replays are one large one.
        select count(*) as alone_before
        from parked_operation as other join replayed using (operation_id)
        where other.act = 'replay' and other.started_at > clock_timestamp() - interval '1 hour'
          and replayed.result is distinct from 'stopped' and other.operation_id <> parked_operation.operation_id and other.started_by = parked_operation.planned_by
          and coalesce(other.asked_by, other.started_by) = other.started_by
    ) as lately;

-- Which contract a routing key has, and whose affair it is: whom it is for, else who says it.
create function operators.contract_of(routing_key text) returns text language sql immutable parallel safe as $$
    select array_to_string(words[first:first + 2], '.')
    from (select string_to_array(routing_key, '.') as words) as split
    cross join lateral (select case words[1] when 'to' then 3 else 1 end as first) as kind
$$;
create function operators.organisation_of(routing_key text, source text) returns text
language sql immutable parallel safe as $$
    select coalesce(nullif(split_part(routing_key, '.', case split_part(routing_key, '.', 1) when 'to' then 2 else 4 end),
                           ''), source)
$$;

-- Each message of a replay; what it is can be told for as long as the outbox has it. Of those that were chosen by an
-- organisation the ids are not: of a confidential case nobody is to learn whose a message is.
create view operators.replayed as
    select replayed.operation_id, replayed.position, replayed.result, replayed.at,
           case when parked_operation.selection ->> 'organisation' is null then outbox.message_id end as message_id,
           operators.contract_of(outbox.routing_key) as contract, octet_length(outbox.body) as size
    from replayed join parked_operation using (operation_id) left join outbox using (position);

-- The dry run: bind what the outbox still holds of a contract, an organisation and a time. What was erased, or is about to
-- be, is left out and counted; that somebody was erased is said again, as ever. Under an id that is known it changes
-- nothing. Of more than 100,000 messages nothing is bound: `too_many`. By an organisation whole hours are chosen: whose a
-- message is that the log hides would otherwise be told by its moment.
create function operators.plan_replay(
    p_operation uuid, p_by text, p_contract text, p_organisation text, p_since timestamptz, p_until timestamptz
) returns text language plpgsql security definer set search_path = public, pg_temp as $$
declare
    most constant integer := 100000;
    low bigint;
    high bigint;
    middle bigint;
    probe record;
    many integer;
begin
    if p_by is null or length(p_by) not between 1 and 200 or p_contract is null or length(p_contract) > 200
       or length(p_organisation) > 100 or p_since is null or p_until is null then
        raise exception 'no selection, or nobody who asks for it' using errcode = 'invalid_parameter_value';
    end if;
    if p_organisation is not null then
        p_since := date_trunc('hour', p_since, 'UTC');
        p_until := date_trunc('hour', p_until + interval '1 hour' - interval '1 microsecond', 'UTC');
    end if;
    insert into parked_operation (operation_id, act, planned_by, selection)
    values (p_operation, 'replay', p_by, jsonb_build_object(
        'contract', p_contract, 'organisation', p_organisation, 'since', p_since, 'until', p_until))
    on conflict do nothing;
    if not found then
        return 'planned';
    end if;
    -- A position is drawn within ten minutes of the time that stands beside it: before `low` all is older than asked for.
    select min(position), max(position) + 1 into low, high from outbox;
    while low < high loop
        middle := (low + high) / 2;
        select position, recorded_at into probe from outbox where position >= middle order by position limit 1;
        if probe.recorded_at < p_since - interval '10 minutes' then
            low := probe.position + 1;
        else
            high := middle;
        end if;
    end loop;
    insert into replayed (operation_id, position)
    select p_operation, outbox.position from outbox join outbox_writer using (writer)
    where outbox.position >= low and outbox.position <= outbox_writer.published
      and outbox.recorded_at >= p_since and outbox.recorded_at < p_until
      and operators.contract_of(outbox.routing_key) = p_contract
      and (p_organisation is null or p_organisation = operators.organisation_of(
           outbox.routing_key, substring(left(outbox.body, 500) from '"source":"([a-z0-9-]+)"')))
    limit most + 1;
    get diagnostics many = row_count;
    if many > most then
        delete from parked_operation where operation_id = p_operation;
        return 'too_many';
    end if;
    with erased as (
        delete from replayed using outbox
        where replayed.operation_id = p_operation and outbox.position = replayed.position
          and not starts_with(outbox.routing_key, 'person.erased.')
          and exists (select from forgotten where strpos(outbox.body, forgotten.id::text) > 0)
        returning 1
    )
    update parked_operation set left_out = (select count(*) from erased) + (
        select count(*) from outbox_erased
        where recorded_at >= p_since and recorded_at < p_until and operators.contract_of(routing_key) = p_contract
          and (p_organisation is null or p_organisation = operators.organisation_of(routing_key, source)))
    where operation_id = p_operation;
    update parked_operation
    set selected = bound.many, bytes = bound.bytes, largest = bound.largest, digest = bound.digest
    from (
        select count(*)::integer as many, coalesce(sum(octet_length(body)), 0)::bigint as bytes,
               coalesce(max(octet_length(body)), 0) as largest,
               sha256(convert_to(coalesce(string_agg(position::text, ',' order by position), ''), 'UTF8')) as digest
        from replayed join outbox using (position) where operation_id = p_operation
    ) as bound
    where operation_id = p_operation;
    return 'planned';
end $$;

-- Whether somebody else says any of these, or has since they were bound: not twice for one wish.
create function operators.is_said_elsewhere(p_operation uuid, p_since timestamptz) returns boolean
language sql stable security definer set search_path = public, pg_temp as $$
    select exists (
        select from replayed as mine
        join replayed as other on other.position = mine.position and other.operation_id <> mine.operation_id
        join parked_operation as theirs on theirs.operation_id = other.operation_id
        where mine.operation_id = p_operation and mine.result is null
          and theirs.started_at is not null and (other.result is null or other.result = 'said' and other.at >= p_since))
$$;

-- Ask a second person to start what was planned: with this reason, at this rate.
create function operators.ask_replay(p_operation uuid, p_digest text, p_by text, p_why text, p_rate double precision)
returns text language plpgsql security definer set search_path = public, pg_temp as $$
declare
    operation parked_operation;
begin
    if p_by is null or length(p_by) not between 1 and 200 or p_why is null or length(btrim(p_why)) not between 3 and 300 then
        return 'no_reason';
    elsif p_rate is null or not (p_rate > 0 and p_rate <= 1000) then
        return 'no_rate';
    end if;
    select * into operation from parked_operation where operation_id = p_operation and act = 'replay' for update;
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
    elsif operation.asked_by is not null and operation.asked_by <> p_by then
        return 'asked_by_another';
    end if;
    -- What the second person has read stays.
    update parked_operation set why = btrim(p_why), rate = p_rate, asked_by = p_by, asked_at = clock_timestamp()
    where operation_id = p_operation and asked_by is null;
    return 'asked';
end $$;

-- Start what was planned. `p_total` is how many messages all services together say. Above 1,000 it takes two: whoever has
-- asked, with a reason and a rate, and another who comes in the same way and starts it. Or one alone, with a reason: then
-- no more than 100 go out a second, which is the caller's to share out, and it is shown until somebody has looked at it.
-- What the same person has had said alone within the hour counts.
create function operators.start_replay(
    p_operation uuid, p_digest text, p_by text, p_why text, p_rate double precision, p_total bigint, p_alone boolean
) returns text language plpgsql security definer set search_path = public, pg_temp as $$
declare
    operation parked_operation;
    is_second boolean;
    before bigint;
begin
    if p_by is null or length(p_by) not between 1 and 200 then
        return 'no_reason';
    end if;
    perform pg_advisory_xact_lock(hashtextextended('operators.start_replay', 0));  -- what two bind alike one says
    select * into operation from parked_operation where operation_id = p_operation and act = 'replay' for update;
    if not found then
        return 'unknown_operation';
    elsif encode(operation.digest, 'hex') is distinct from p_digest then
        return 'not_as_planned';
    elsif operation.started_at is not null then
        return 'started_before';
    elsif operation.selected = 0 then
        return 'nothing_selected';
    elsif coalesce(operation.asked_at + interval '11 hours', operation.planned_at) < clock_timestamp() - interval '1 hour' then
        return 'plan_too_old';
    end if;
    p_alone := coalesce(p_alone, false);
    select count(*) into before from parked_operation join replayed using (operation_id)
    where act = 'replay' and started_at > clock_timestamp() - interval '1 hour' and started_by = p_by
      and coalesce(asked_by, p_by) = p_by and result is distinct from 'stopped';
    p_total := greatest(p_total, operation.selected + before);
    is_second := operation.asked_by <> p_by and split_part(operation.asked_by, ':', 1) = split_part(p_by, ':', 1);
    if is_second and not p_alone then
        p_why := operation.why;
        p_rate := operation.rate;
    elsif p_total > 1000 and not p_alone then
        return 'second_person';
    end if;
    if p_why is null or length(btrim(p_why)) not between 3 and 300 then
        return 'no_reason';
    elsif p_rate is null or not (p_rate > 0 and p_rate <= 1000) then
        return 'no_rate';
    elsif p_alone and p_total > 1000 and p_rate > 100 then
        return 'too_fast_alone';
    elsif operators.is_said_elsewhere(p_operation, operation.planned_at) then
        return 'changed_since';
    end if;
    update parked_operation
    set why = btrim(p_why), rate = p_rate, started_by = p_by, started_at = clock_timestamp(), turn_at = clock_timestamp(),
        review_due = p_alone and p_total > 1000
    where operation_id = p_operation;
    return 'started';
end $$;

-- Go on with what was stopped.
create function operators.resume_replay(p_operation uuid, p_by text)
returns text language plpgsql security definer set search_path = public, pg_temp as $$
declare
    operation parked_operation;
begin
    perform pg_advisory_xact_lock(hashtextextended('operators.start_replay', 0));
    select * into operation from parked_operation where operation_id = p_operation and act = 'replay' for update;
    if not found or operation.started_at is null then
        return 'unknown_operation';
    elsif p_by is null or length(p_by) not between 1 and 200 then
        return 'no_reason';
    elsif operation.stopped_at is null then
        return 'started_before';
    end if;
    update replayed set result = null, at = null where operation_id = p_operation and result = 'stopped';
    if operators.is_said_elsewhere(p_operation, operation.stopped_at) then
        update replayed set result = 'stopped', at = operation.stopped_at where operation_id = p_operation and result is null;
        return 'changed_since';
    end if;
    update parked_operation set stopped_by = null, stopped_at = null, turn_at = clock_timestamp()
    where operation_id = p_operation;
    return 'started';
end $$;

-- Somebody else, who comes in the same way, has looked at what one alone has started.
create function operators.review_replay(p_operation uuid, p_by text)
returns text language plpgsql security definer set search_path = public, pg_temp as $$
declare
    operation parked_operation;
begin
    select * into operation from parked_operation where operation_id = p_operation and review_due for update;
    if not found then
        return 'unknown_operation';
    elsif p_by is null or length(p_by) not between 1 and 200 or p_by = operation.started_by
          or split_part(p_by, ':', 1) <> split_part(operation.started_by, ':', 1) then
        return 'second_person';
    end if;
    update parked_operation set reviewed_by = p_by, reviewed_at = clock_timestamp()
    where operation_id = p_operation and reviewed_at is null;
    return 'reviewed';
end $$;

-- Stop an operation: what it has not come to yet lies as it did before.
create or replace function operators.stop(p_operation uuid, p_by text)
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
        parked_id, operation_id, result, error, attempts, source, message_id, type, subject, digest, parked_at,
        ids)
    select parked_id, p_operation, 'stopped', error, attempts, source, message_id, type, subject, sha256(raw), parked_at,
           ids_in(raw)
    from aside;
    update replayed set result = 'stopped', at = clock_timestamp() where operation_id = p_operation and result is null;
    update parked_operation set stopped_by = p_by, stopped_at = clock_timestamp()
    where operation_id = p_operation and stopped_at is null;
    return 'stopped';
end $$;

revoke execute on all functions in schema operators from public;
