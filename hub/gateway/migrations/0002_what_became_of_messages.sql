-- What the courier keeps: what each organisation has been sent, and what became of what it sent.

-- What the hub has had for an organisation, in the order in which the courier has taken it down: numbered for each
-- organisation from 1 without gaps, in the order of commits, so that whoever has read up to a number has missed nothing.
-- Rows stay; of a body only as much time is kept as hub/gateway/keeping.py says.
create table delivery (
    organisation    text        not null,
    number          bigint      not null check (number > 0),
    address         text        not null,           -- <organisation>, or <organisation>.<system> where one reads it
    source          text        not null default 'hub', -- who says it; two may use the same id
    message_id      uuid        not null,
    type            text        not null,
    subject         text        not null,
    causationid     uuid,
    correlationid   uuid,
    about           uuid[]      not null default '{}',  -- by which an erasure finds it; a notice of one has none
    body            text,                           -- null: emptied
    delivered_at    timestamptz not null default clock_timestamp(),
    acknowledged_at timestamptz,
    erased_at       timestamptz,                    -- emptied because a person was erased, and not for its age
    primary key (organisation, number),
    unique (message_id, organisation, source)
);
create index delivery_caused_by on delivery (causationid) where causationid is not null;
create index delivery_about on delivery using gin (about);
-- What still has a body, by its age: from its acknowledgement on, or where nobody acknowledges.
create index delivery_acknowledged on delivery (acknowledged_at) where body is not null and acknowledged_at is not null;
create index delivery_kept on delivery (organisation, delivered_at) where body is not null and acknowledged_at is null;

-- The last number that was given out.
create table inbox_end (
    organisation text   primary key,
    number       bigint not null
);

-- Who has ever read by HTTP: others have their messages by AMQP, and acknowledge none here.
create table http_reader (
    organisation text        primary key,
    since        timestamptz not null default clock_timestamp()
);

-- What one service has said last of one message; `gateway` is the service that lets nothing in.
create table outcome (
    organisation text        not null,              -- who sent the message
    message_id   uuid        not null,
    service      text        not null,              -- of one that an organisation runs, <organisation>.<system>
    type         text        not null,
    state        text        not null
        check (state in ('applied', 'waits', 'refused', 'quarantined', 'handed_to')),
    code         text,
    waiting_for  text,                              -- the subject whose next message may end the wait
    until        timestamptz,
    first_at     timestamptz not null,              -- when the service first said anything of it
    changed_at   timestamptz not null,              -- when it said this
    primary key (message_id, organisation, service)
);
-- Rows stand nearly in this order, and every report writes many.
create index outcome_age on outcome using brin (changed_at);
create index outcome_waiting on outcome (waiting_for) where waiting_for is not null;

-- The audit of refusals: one row for each organisation, code and minute, however many there are.
create table refusal_count (
    organisation  text        not null,
    code          text        not null,
    entrance      text        not null check (entrance in ('http', 'amqp')),
    minute        timestamptz not null,
    count         bigint      not null,
    first_message uuid,                             -- of the message that was refused, where it had an id
    primary key (organisation, code, entrance, minute)
);

-- Erased people's ids, and those of what was theirs alone: what comes about one of them later is emptied, too. They lead
-- nowhere any more, and stay, for a message may come again at any time.
create table erased (
    id        uuid        primary key,
    erased_at timestamptz not null default clock_timestamp()
);
