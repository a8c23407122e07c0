-- What a service, or admission (`gateway`), has refused or put aside and has not applied since: by one index over all
-- days, for a story of many messages in three months draws its failures first.
create table failure (
    message_id uuid        not null,
    service    text        not null,
    logged_at  timestamptz not null,
    primary key (message_id, service)
);
insert into failure
    select message_id, service, max(logged_at) filter (where state in ('refused', 'quarantined')) from outcome
    where message_id in (select message_id from outcome where state in ('refused', 'quarantined'))
    group by message_id, service
    having bool_or(state in ('refused', 'quarantined')) and not bool_or(state = 'applied');
create index failure_logged_at on failure (logged_at);
drop index outcome_failed;

-- Nobody reads these: when an organisation was heard last, the gateway says (hub/monitor/seen.py), and reconciliation
-- compares outboxes and inboxes themselves.
drop table last_seen;
drop view operators.message;
