-- The steps of people's registration for the Temporary Statute for Temporary Protection (ETPV), as they were taken.

create table etpv_step (
    step_id      uuid        primary key,
    person_id    uuid        not null references person deferrable initially deferred,
    step         text        not null,
    taken_at     timestamptz not null,
    jornada_id   uuid,                      -- the outreach event at which it was taken
    organisation text        not null,      -- who helped with it
    message_id   uuid        not null,
    recorded_at  timestamptz not null       -- by the hub's clock: often long after
);
create index etpv_step_of_person on etpv_step (person_id, taken_at);
