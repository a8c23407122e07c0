-- What the hub's other services were told of referrals, in order: the states that they reached, and what moved them
-- nowhere. What is the same in all that is told of a referral stands in its row alone. Who only reads may ask for it again.
create table fact (
    fact_id     bigint      generated always as identity primary key,
    referral_id uuid        not null,
    number      integer,                        -- of a state; null: what moves it nowhere
    what        text        not null,           -- the state, or what has happened
    told_at     timestamptz not null,
    told_by     text        not null,
    details     jsonb       not null,           -- what else was said with it
    is_whole    boolean     not null default true  -- not what is known of it from before it was kept
);
-- Also for erasing what was told of a person; unique so that nothing overtakes that within a batch.
create unique index fact_of_referral on fact (referral_id, fact_id);

-- What history has of those before. An erased person's codes are not taken along.
insert into fact (referral_id, number, what, told_at, told_by, details, is_whole)
select referral_id, number, what, recorded_at, case when actor = 'person' then 'hub' else organisation end,
    jsonb_strip_nulls(case
        when number is null then jsonb_build_object('state', state)
        when said = 'declined' then jsonb_build_object('decline_reason', reason)
        when said = 'info_requested' and erased_at is null then jsonb_build_object('topic', reason)
        when said in ('cancel_requested', 'cancelled') then jsonb_build_object('cancel_reason', reason)
        when said = 'visit_cancelled' then jsonb_build_object('visit_cancelled_by', reason)
        when said = 'entered_in_error' then jsonb_build_object('error_reason', reason)
        when said = 'deadline_extended' then jsonb_build_object('extension_reason', reason)
        when said = 'waitlisted' then jsonb_build_object('place_in_line', (history_details ->> 'place_in_line')::integer)
        else '{}'
    end), false
from (
    select history_id, history.referral_id, history.actor, history.organisation, history.reason, recorded_at,
        history.details as history_details, referral.erased_at, history.what as said, kind.number,
        case when history.what = 'deadline_extended' then reached.state else kind.what end as what,
        reached.state, kind.place
    from history join referral using (referral_id)
    cross join lateral (
        select what as state from history as before
        where before.referral_id = history.referral_id and before.sequence is not null
            and before.history_id <= history.history_id and before.what <> 'deadline_extended'
        order by before.history_id desc limit 1
    ) as reached
    cross join lateral (
        select history.sequence as number, history.what, 1 as place where history.sequence is not null
        union all
        select null, event.what, 2
        from (values
            ('remind', 'reminded'), ('escalate', 'escalated'), ('suggest', 'alternatives_suggested'),
            ('purge_asked', 'purge_owed'), ('consent_withdrawn', 'purge_owed'), ('purged', 'purged'),
            ('chased', 'chased'), ('taken_on', 'taken_on'), ('note_added', 'note_added')
        ) as event (step, what)
        where event.step = history.what
    ) as kind
) as told
order by history_id, place;
