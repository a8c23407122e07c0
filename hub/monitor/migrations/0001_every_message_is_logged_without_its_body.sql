-- The message log (hub/monitor/log/): what passed the hub, and what admission refused; no body, and no personal data.
-- Partitions of a day each, made ahead and given up by hub/monitor/log/keeping.py.

create table message (
    arrived_at      timestamptz not null,           -- when the log had it, by the log's clock, in the order of its queue
    id              uuid        not null,
    kind            text        not null check (kind in ('passed', 'refused')),  -- `refused`: by admission
    source          text        not null,           -- who says it; `hub`; `-` where the case is confidential
    organisation    text        not null,           -- whom it concerns: who says it, or of the hub's own whom it is for
    recipient       text,                           -- the organisation that it goes to, where it goes to one
    type            text,                           -- contract and version; of a confidential case its family alone
    subject         uuid,
    short           bigint,                         -- of a referral: the 35 bits that its short code is made of
    correlation     uuid        not null,           -- what began it all; of what begins something its own id
    causation       uuid,
    system          text,
    recipientsystem text,
    trace           uuid,                           -- the trace id of W3C's trace context
    sent_at         timestamptz,                    -- by the sender's clock
    digest          bytea       not null,           -- SHA-256 of the bytes
    size            integer,                        -- of the bytes; null of what was refused before that was said
    routing_key     text,
    confidential    boolean     not null default false,
    erased          boolean     not null default false  -- its ids are others than it had, and lead nowhere
) partition by range (arrived_at);
create index message_arrived_at on message (arrived_at);
create index message_id on message (id);
create index message_correlation on message (correlation);
create index message_subject on message (subject) where subject is not null;
create index message_short on message (short) where short is not null;
create index message_organisation on message (organisation, type, arrived_at);
create index message_recipient on message (recipient, type, arrived_at) where recipient <> organisation;

-- What services, and admission, have said of a message: each report a row, so that a wait stays visible after its end.
create table outcome (
    logged_at    timestamptz not null,
    message_id   uuid        not null,
    organisation text,                              -- whose message it is; null where the case is confidential
    type         text,
    service      text        not null,
    state        text        not null,
    code         text,
    waiting_for  uuid,
    until        timestamptz,
    said_at      timestamptz not null,              -- by the service's clock
    confidential boolean     not null default false
) partition by range (logged_at);
create index outcome_message on outcome (message_id);
create index outcome_code on outcome (code, logged_at) where code is not null;
create index outcome_organisation_code on outcome (organisation, code, logged_at) where code is not null;
create index outcome_type_code on outcome (type, code, logged_at) where code is not null;

-- Who is spoken of by what, so that an erasure finds it: ids alone, and only until then.
create table mention (
    arrived_at timestamptz not null,
    person     uuid        not null,
    id         uuid        not null                 -- of the message
) partition by range (arrived_at);
create index mention_person on mention (person);
create index mention_id on mention (id);

-- Of confidential cases what the log does not show: read by hub/monitor/log/confidential.py alone, after an audit row.
create table confidential_message (
    arrived_at      timestamptz not null,
    id              uuid        not null,
    source          text        not null,
    organisation    text        not null,
    recipient       text,
    type            text,
    subject         uuid,
    system          text,
    recipientsystem text,
    routing_key     text
);
create index confidential_message_id on confidential_message (id);
create index confidential_message_arrived_at on confidential_message (arrived_at);
create table confidential_outcome (
    logged_at    timestamptz not null,
    message_id   uuid        not null,
    service      text        not null,
    organisation text,
    type         text,
    state        text        not null,
    code         text,
    waiting_for  uuid
);
create index confidential_outcome_message on confidential_outcome (message_id);
create index confidential_outcome_logged_at on confidential_outcome (logged_at);
-- By which ids a message is known to be about a confidential case: the subjects of such, and the messages themselves.
create table confidential_id (
    id    uuid primary key,
    since timestamptz not null
);

-- SHA-256 of every id that an erasure has taken out, so that what comes late about it is known: nobody finds an id by it.
create table erased (
    hash bytea primary key
);

-- How much came, each minute; `-` where the case is confidential.
create table flow (
    minute    timestamptz not null,
    source    text        not null,
    recipient text        not null,                 -- `-`: the hub's services, by the type
    type      text        not null,
    count     bigint      not null,
    bytes     bigint      not null,
    primary key (minute, source, recipient, type)
);
-- Which types each organisation has to do with at all: by it the log is looked through without a miss.
create table pair (
    organisation text not null,
    type         text not null,
    primary key (organisation, type)
);
create table last_seen (
    organisation text        primary key,
    at           timestamptz not null
);
-- What admission refused beyond what is logged one by one.
create table refused_beyond (
    minute       timestamptz not null,
    entrance     text        not null,
    organisation text        not null,
    code         text        not null,
    count        bigint      not null,
    primary key (minute, entrance, organisation, code)
);
-- The first message for each service's queue of which that service has said nothing yet.
create table queue_age (
    service    text        primary key,
    answered   timestamptz not null,                -- all that came before this has been answered for
    oldest_at  timestamptz,                         -- null: nothing waits
    oldest_id  uuid,
    looked_at  timestamptz not null
);

-- Who has opened what of confidential cases, and why: in a chain of the gateway's kind (hub/gateway/audit/).
create table audit_entry (
    number   bigint      primary key check (number > 0),
    at       timestamptz not null,
    actor    text        not null,
    act      text        not null,
    subject  text        not null,
    details  text        not null,
    previous bytea       not null,
    hash     bytea       not null
);
create table audit_checkpoint (
    number    bigint      primary key,
    hash      bytea       not null,
    at        timestamptz not null,
    signature bytea       not null
);
create function audit_is_only_appended() returns trigger language plpgsql as $$
begin
    raise exception 'the audit is only appended: % of % refused', tg_op, tg_table_name using errcode = 'restrict_violation';
end $$;
create trigger audit_entry_is_only_appended before update or delete or truncate on audit_entry
    for each statement execute function audit_is_only_appended();
create trigger audit_checkpoint_is_only_appended before update or delete or truncate on audit_checkpoint
    for each statement execute function audit_is_only_appended();
