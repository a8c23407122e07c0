-- Which referrals of a person are under way, by the newest word of referrals (`referral.recorded`): whoever is asked to
-- have the person erased is told of those of others. In ids; what went on before this was kept is not here.

create table referral (
    referral_id uuid    primary key,
    person_id   uuid    not null,
    sender      text    not null,
    recipient   text    not null,
    sequence    integer not null,
    is_open     boolean not null
);
create index referral_open on referral (person_id) where is_open;
