-- From when to when the hub's console was away from an organisation whose staff answer by nothing else: what it could not
-- do meanwhile is not counted against it.
create table away (
    organisation text        not null,
    began_at     timestamptz not null,
    ended_at     timestamptz not null,
    primary key (organisation, began_at, ended_at)
);

create or replace view referral_timing as
    select referral_id,
           min(changed_at) filter (where state = 'received') as received_at,
           min(changed_at) filter (where state in ('accepted', 'declined', 'waitlisted', 'redirected')) as answered_at,
           min(changed_at) filter (where state in ('in_service', 'completed')) as served_at,
           bool_or(state = 'accepted') as accepted,
           min(changed_at) filter (where state = 'expired') as expired_at
    from referral_step
    group by referral_id;
