-- What the entrance by HTTP has refused of messages, for the message log (hub/monitor/log/refused.py): envelope columns,
-- digest and size, no body. Of an organisation only so many of a minute stand here one by one; of the others how many.
-- Whoever writes holds a lock until the commit (hub/gateway/http/refusals.py), so who has read up to a number has missed
-- nothing before it.
create table refused (
    number       bigint      primary key generated always as identity,
    at           timestamptz not null,              -- of those that are only counted their minute
    organisation text        not null,
    system       text,                              -- whose key it was, where it was the key of a system
    code         text        not null,
    type         text,                              -- contract and version, where there is such a contract
    message_id   uuid,                              -- where it could be read
    digest       bytea,                             -- SHA-256 of the bytes, as far as they were read
    size         integer,
    beyond       bigint                             -- how many were refused besides; null: this one
);
create view operators.refused as
    select number, at, organisation, system, code, type, message_id, digest, size, beyond from refused;
