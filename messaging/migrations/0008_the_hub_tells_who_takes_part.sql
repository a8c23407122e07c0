-- Organisations, as the hub has said last who takes part and what each may do (`organisation.recorded`): a service asks
-- here who coordinates, and no file. One that does not read that contract has none.
create table recorded_organisation (
    id      text   primary key,
    number  bigint not null,                        -- of what was said: an older one changes nothing
    status  text   not null,
    powers  text[] not null,
    handles text[] not null                         -- contracts, without version, that a service of its own handles
);
