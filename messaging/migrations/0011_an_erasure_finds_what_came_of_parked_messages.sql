-- What came of a parked message is found by every id that stood in it, so that an erasure reaches it though the message was
-- about something else; and what is old enough is found by its time, whatever stands before it.

-- The ids in a message's bytes, in any of the forms that a UUID has; null where there are none.
create function ids_in(raw bytea) returns uuid[] language sql immutable parallel safe as $$
    select array_agg(distinct found[1]::uuid)
    from regexp_matches(
        lower(encode(raw, 'escape')), '([0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12})', 'g') as found
$$;

alter table parked_outcome add column ids uuid[];  -- null once they are erased, and of what came before this column
create index parked_outcome_ids on parked_outcome using gin (ids);
create index parked_outcome_at on parked_outcome (at);

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
    update parked_operation set stopped_by = p_by, stopped_at = clock_timestamp()
    where operation_id = p_operation and stopped_at is null;
    return 'stopped';
end $$;
