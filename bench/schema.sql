-- What the peers and the floor keep beside the referrals; Ruta's runtime brings its own inbox and outbox.

create table inbox (
    source      text        not null,
    message_id  uuid        not null,
    digest      bytea       not null,
    received_at timestamptz not null default now(),
    primary key (source, message_id)
);

-- A row that is there and not marked is still to be published. The peers mark by deleting; the floor, which publishes
-- in the order of the positions, by moving a line.
create table outbox (
    position    bigint      generated always as identity primary key,
    routing_key text        not null,
    message_id  uuid        not null,
    body        text        not null,
    recorded_at timestamptz not null default now()
);

create table published (up_to bigint not null);
insert into published values (0);
