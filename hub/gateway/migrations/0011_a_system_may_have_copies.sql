-- What comes to a system of an organisation beside where it goes: a row of its own, with its own number and acknowledgement.
-- A message goes to one address, and as a copy at most once to each other.
alter table delivery add column copy boolean not null default false;
alter table delivery add unique (message_id, organisation, source, address);
alter table delivery drop constraint delivery_message_id_organisation_source_key;

-- Copies are no part of what a key of the organisation reads.
drop index delivery_unread;
create index delivery_unread on delivery (organisation, number) where acknowledged_at is null and not copy;

-- What still has a body and nobody has acknowledged, by its age, of each address: some of them are read here, and some not.
drop index delivery_kept;
create index delivery_kept on delivery (organisation, address, copy, delivered_at)
    where body is not null and acknowledged_at is null;

-- Which systems have ever read by HTTP with a key of their own, by address; organisations stand in http_reader.
create table system_reader (
    address text        primary key,
    since   timestamptz not null default clock_timestamp()
);

create function read_by_http(organisation text, address text, copy boolean) returns boolean language sql stable as $$
    select exists (select from system_reader where system_reader.address = $2)
        or (not $3 and exists (select from http_reader where http_reader.organisation = $1))
$$;
