-- What a programme gives its participants beside the way to work, and what a referral for a need becomes. Whoever runs
-- the service may change the rows; the code names none of them.

create table programme_service (
    programme text not null,
    need_code text not null check (need_code not like 'gbv.%'),  -- such a need never travels under a person id
    primary key (programme, need_code)
);

insert into programme_service (programme, need_code) values
    ('employment_pilot', 'education.training'),
    ('employment_pilot', 'health.psychosocial'),
    ('employment_pilot', 'protection.documentation'),
    ('employment_pilot', 'education.workshop'),
    ('employment_pilot', 'food_security.food_basket'),
    ('employment_pilot', 'humanitarian_transportation.local'),
    ('employment_pilot', 'integration.employer_access');

create table lead (
    need_code text primary key,
    programme text,                    -- to take part in; null: a business of one's own
    met_by    text not null            -- `placed`, a step of the employability route, or `formalised`
        check (met_by in ('placed', 'cv_registered', 'vocational_guidance', 'training', 'shortlisted', 'formalised')),
    check ((programme is null) = (met_by = 'formalised'))
);

insert into lead (need_code, programme, met_by) values
    ('integration.employment', 'employability', 'placed'),
    ('education.training', 'employability', 'training'),
    ('integration.entrepreneurship', null, 'formalised');

-- The referrals that are answered here. More than one may have brought the same person to the same programme.
create table referral (
    referral_id      uuid    primary key,
    organisation     text    not null,             -- the recipient, for whom the answers are
    met_by           text    not null,
    participation_id uuid    references participation deferrable initially deferred,
    entrepreneur_id  uuid    references entrepreneur deferrable initially deferred,
    answer           text    not null,
    sequence         integer not null,             -- of the newest that the hub has told of it
    check (num_nonnulls(participation_id, entrepreneur_id) = 1)
);
create index referral_of_participation on referral (participation_id) where participation_id is not null;
create index referral_of_entrepreneur on referral (entrepreneur_id) where entrepreneur_id is not null;
