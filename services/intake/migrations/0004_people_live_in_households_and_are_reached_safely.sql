-- Who lives together, and how a person is reached. What a batch of messages writes is checked when it commits: a person
-- and their consent may be written in either order.

alter table person
    add column email           text,
    add column language        text,        -- ISO 639: the one the person would rather be spoken to in
    add column contact_channel text;        -- how it is safe to reach them

alter table document alter constraint document_person_id_fkey deferrable initially deferred;
alter table consent alter constraint consent_person_id_fkey deferrable initially deferred;
alter table need alter constraint need_person_id_fkey deferrable initially deferred;

create table household (
    household_id uuid        primary key,
    recorded_by  text        not null,      -- the organisation, which alone may correct it
    recorded_at  timestamptz not null,      -- by that organisation's clock: an older word does not replace a newer one
    message_id   uuid        not null,      -- of the last word
    kept_at      timestamptz not null       -- by the hub's clock
);

create table household_member (
    household_id uuid not null references household,
    person_id    uuid not null references person,
    role         text not null,             -- what they are to the head
    primary key (household_id, person_id)
);
create index household_of_person on household_member (person_id);
