-- As 0007 has it; with when somebody is to be telephoned again, which a note on a referral says.
create or replace function told_of_a_person(details jsonb) returns jsonb language sql immutable as $$
    select details - array['reason_code', 'override', 'consent_id', 'shares', 'minor', 'criterion', 'missing_documents',
                           'topic', 'visit_at', 'mode', 'call_back_at']
$$;
