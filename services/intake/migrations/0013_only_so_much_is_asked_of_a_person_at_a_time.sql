-- Of whom there is more to ask than coordinators are asked at a time: they are compared again when one is answered.

create table match_held_back (
    person_id uuid    primary key references person,
    pairs     integer not null   -- registrations more, at least, that are alike enough to ask about
);
