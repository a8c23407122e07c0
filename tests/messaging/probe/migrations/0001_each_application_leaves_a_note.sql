-- No key: a message that was applied twice must show.
create table note (
    message_id uuid not null,
    subject    text not null,
    position   bigint generated always as identity
);
create index note_by_subject on note (subject);

create table counter (
    subject text primary key,
    number  bigint not null
);
