-- What reports have been told, one table for each kind of fact: ids, codes and times, and of people no more than sex and
-- year of birth. Facts come in any order, so nothing here refers to anything: what belongs together is joined when it
-- is counted. The newest word on a thing is kept, and only from the one who said the first (`said_by`).

create table person (
    person_id     uuid        primary key,
    registered_at timestamptz,             -- by the clock of whoever registered them: a newer registration wins
    sex           text,
    birth_year    smallint,
    erased_at     timestamptz              -- from then on nothing more is learned of them
);

-- Registrations that are one person. Who is in none of these is a person by themselves.
create table network_identity (
    network_id uuid   primary key,
    person_ids uuid[] not null,
    message_id uuid   not null             -- ids of the hub's messages sort by the time they were made
);

create table etpv_step (
    step_id    uuid        primary key,
    said_by    text        not null,
    message_id uuid        not null,
    person_id  uuid        not null,
    step       text        not null,
    taken_at   timestamptz not null,
    jornada_id uuid
);

create table jornada (
    jornada_id uuid        primary key,
    said_by    text        not null,
    sequence   bigint      not null,
    organiser  text        not null,
    state      text        not null,
    kind       text        not null,
    name       text        not null,
    starts_at  timestamptz not null
);

create table attendance (
    attendance_id uuid    primary key,
    said_by       text    not null,
    sequence      bigint  not null,
    jornada_id    uuid    not null,
    person_id     uuid    not null,
    present       boolean not null
);

create table delivery (
    delivery_id  uuid        primary key,
    said_by      text        not null,
    message_id   uuid        not null,
    person_id    uuid        not null,     -- of a confidential case an id that stands for its case code
    need_code    text        not null,
    delivered_at timestamptz not null,
    delivered_by text        not null,
    zone         text        not null,
    jornada_id   uuid,
    programme    text
);

-- Apart from the deliveries, because it may come before what it strikes out.
create table delivery_struck_out (
    delivery_id uuid not null,
    said_by     text not null,
    primary key (delivery_id, said_by)
);

create table need (
    need_id       uuid        primary key,
    said_by       text        not null,
    message_id    uuid        not null,
    person_id     uuid,                    -- null when the case is confidential: then the need stands for the person
    need_code     text        not null,
    identified_at timestamptz not null,
    zone          text
);

create table referral (
    referral_id uuid        primary key,
    said_by     text        not null,
    sequence    bigint      not null,
    state       text        not null,
    recipient   text        not null,
    person_id   uuid,
    need_id     uuid,
    need_code   text        not null,
    urgency     text        not null,
    sent_at     timestamptz not null,
    zone        text,
    outcome     text
);

create table referral_step (
    referral_id uuid        not null,
    sequence    bigint      not null,
    state       text        not null,
    changed_at  timestamptz not null,
    primary key (referral_id, sequence)
);

create table employer (
    employer_id uuid   primary key,
    said_by     text   not null,
    sequence    bigint not null,
    programmes  text[] not null
);

create table participation (
    participation_id uuid   primary key,
    said_by          text   not null,
    sequence         bigint not null,
    person_id        uuid   not null,
    programme        text   not null,
    state            text   not null
);

create table placement (
    candidacy_id uuid   primary key,
    said_by      text   not null,
    sequence     bigint not null,
    person_id    uuid   not null,
    starts_on    date   not null
);

create table entrepreneur (
    entrepreneur_id uuid    primary key,
    said_by         text    not null,
    sequence        bigint  not null,
    person_id       uuid    not null,
    organisation    text    not null,
    stage           text    not null,
    mentored        boolean not null
);

create table route (
    route_id     uuid   primary key,
    said_by      text   not null,
    sequence     bigint not null,
    household_id uuid   not null,
    state        text   not null
);

create table service (
    service_id   uuid        primary key,
    said_by      text        not null,
    published_at timestamptz not null,
    need_codes   text[]      not null,
    zones        text[]      not null,
    active       boolean     not null
);

-- ---------------------------------------------------------------------------------------------------------------------
-- What counting goes by
-- ---------------------------------------------------------------------------------------------------------------------

-- The registrations that are not a person by themselves, each with the one under which the person is counted: the first
-- of those that are the same person now. Who has moved to another network id since is found there, by the newest word.
create view same_person as
    select person_id, first_value(person_id) over (partition by network_id order by person_id) as counted_as
    from (
        select distinct on (person_id) person_id, network_id
        from network_identity, unnest(person_ids) as person_id
        order by person_id, message_id desc
    ) as belonging;

-- A person as counted, by the newest registration that says anything.
create view counted_person as
    select coalesce(counted_as, person_id) as counted_as,
           (array_agg(sex order by registered_at desc nulls last, person_id) filter (where sex is not null))[1] as sex,
           (array_agg(birth_year order by registered_at desc nulls last, person_id) filter (where birth_year is not null))[1]
               as birth_year
    from person left join same_person using (person_id)
    group by 1;

-- Months and days are Colombia's.
create view counted_delivery as
    select coalesce(counted_as, person_id) as counted_as, need_code, delivered_by, zone, jornada_id, programme,
           delivered_at at time zone 'America/Bogota' as delivered_on
    from delivery left join same_person using (person_id)
    where not exists (
        select from delivery_struck_out as struck
        where struck.delivery_id = delivery.delivery_id and struck.said_by = delivery.said_by
    );

-- When a referral first came so far.
create view referral_timing as
    select referral_id,
           min(changed_at) filter (where state = 'received') as received_at,
           min(changed_at) filter (where state in ('accepted', 'declined', 'waitlisted', 'redirected')) as answered_at,
           min(changed_at) filter (where state in ('in_service', 'completed')) as served_at,
           bool_or(state = 'accepted') as accepted
    from referral_step
    group by referral_id;
