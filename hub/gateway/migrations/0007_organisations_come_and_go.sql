-- Who takes part in the network: what `network.toml` says of an organisation is taken over once, and what operators do
-- stands here. The hub's other processes read it in a file that is written anew with every change (messaging/register.py).
create table organisation (
    id         text        primary key,
    number     bigint      not null check (number > 0), -- rises with each change, as services are notified of it
    name       text        not null,
    roles      text[]      not null,                -- of network.toml
    may_send   text[]      not null,                -- contracts, without version, beside those of its roles
    refers_to  text[]      not null,                -- organisations to which it may refer people; '*': to all
    systems    jsonb       not null,                -- by name, each as in network.toml
    amqp       boolean     not null,                -- whether it may come in by AMQP, beside HTTP
    suffixes   text[]      not null,                -- the ends of its queues' names, the newest first; '': none
    contact    text,                                -- where its people are reached: an office, and no person
    status     text        not null check (status in ('active', 'suspended', 'removed')),
    changed_at timestamptz not null default clock_timestamp()
);
