create table note (
    message_id uuid primary key,
    subject    text not null,
    position   bigint generated always as identity
);
