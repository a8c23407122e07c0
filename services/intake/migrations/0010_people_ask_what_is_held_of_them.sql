-- What people have asked of those who hold their data (Ley 1581 of 2012), and by when they have to be answered.

create table rights_request (
    request_id   uuid        primary key,
    person_id    uuid        not null references person deferrable initially deferred,
    kind         text        not null,      -- enquiry, correction, erasure
    organisation text        not null,      -- that the person went to, and that answers
    received_at  timestamptz not null,      -- by that organisation's clock
    answer_by    date        not null,      -- the last working day of Colombia on which it may be answered
    extended_at  timestamptz,               -- when the person was told that it takes longer
    answer       text,
    answered_at  timestamptz,
    step         text,                      -- the next of its clock, and its day; null: none is left
    due_on       date,
    message_id   uuid        not null,
    recorded_at  timestamptz not null,      -- by the hub's clock
    check (num_nonnulls(answer, answered_at) in (0, 2)),
    check (num_nonnulls(step, due_on) in (0, 2))
);
create index rights_request_of_person on rights_request (person_id);
create index rights_request_due on rights_request (due_on) where due_on is not null;
