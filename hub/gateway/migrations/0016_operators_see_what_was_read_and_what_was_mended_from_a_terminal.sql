-- Which deliveries have been acknowledged, and whose reader acknowledges any: why somebody has not got something.
create or replace view operators.delivery as
    select organisation, source, message_id, delivered_at, acknowledged_at, copy,
           exists (select from system_reader where system_reader.address = delivery.address)
           or (not copy and exists (select from http_reader where http_reader.organisation = delivery.organisation))
               as reads_by_http
    from delivery;

-- What was said again from the outboxes, or asked of its senders (deploy/local/reconciled.py), and what came of it.
create table said_again (
    operation_id uuid        primary key,
    started_at   timestamptz not null default clock_timestamp(),
    started_by   text        not null,
    selected     bigint      not null,              -- messages to be said again
    asked_for    bigint      not null,              -- of their senders: nobody here has them
    missing      bigint,                            -- of those selected, when it ended; null until then
    ended_at     timestamptz
);

-- What operators have done in a terminal, without what they typed: it might name somebody.
create view operators.put_back as
    select operation_id, started_at, started_by, ended_at, selected, put_back, stayed, gone
    from put_back as operation join lateral (
        select sum(selected)::bigint as selected, sum(put_back)::bigint as put_back, sum(stayed)::bigint as stayed,
               sum(gone)::bigint as gone
        from put_back_group where put_back_group.operation_id = operation.operation_id
    ) as sums on true
    where started_at is not null;
create view operators.said_again as
    select operation_id, started_at, started_by, ended_at, selected, asked_for, missing from said_again;
