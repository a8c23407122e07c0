-- What a service, or admission (`gateway`), has said last of a message, where it has refused it or put it aside: by one
-- index over all days, for a story of many messages in three months draws its failures first.
create table failure (
    message_id uuid        not null,
    service    text        not null,
    state      text        not null,
    said_at    timestamptz not null,                -- by the service's clock
    logged_at  timestamptz not null,
    primary key (message_id, service)
);
insert into failure
    select message_id, service, state, said_at, logged_at from (
        -- What is said last holds, but for what ends a message's way in a service (hub/gateway/outcomes.py).
        select distinct on (message_id, service) * from outcome
        where message_id in (select message_id from outcome where state in ('refused', 'quarantined'))
        order by message_id, service, case state when 'applied' then 3 when 'refused' then 2 when 'handed_to' then 2
                                                  else 1 end desc, said_at desc, logged_at desc
    ) as last
    where state in ('refused', 'quarantined');
create index failure_logged_at on failure (logged_at);
drop index outcome_failed;

-- Nobody reads these: when an organisation was heard last, the gateway says (hub/monitor/seen.py), and reconciliation
-- compares outboxes and inboxes themselves.
drop table last_seen;
drop view operators.message;
