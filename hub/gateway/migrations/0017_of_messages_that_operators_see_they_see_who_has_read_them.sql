-- Which of these messages were delivered to whom, and who has acknowledged them: asked by ids that the log shows, for
-- the view has those of confidential cases, too, and is not for operators.
create function operators.deliveries_of(p_ids uuid[]) returns table (
    organisation text, source text, message_id uuid, delivered_at timestamptz, acknowledged_at timestamptz,
    reads_by_http boolean
)
language sql stable security definer set search_path = public, pg_temp as $$
    select organisation, source, message_id, delivered_at, acknowledged_at, reads_by_http
    from operators.delivery where message_id = any(p_ids) and not copy
$$;
revoke execute on function operators.deliveries_of(uuid[]) from public;
