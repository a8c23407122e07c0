-- The integration route of a household: its assessments, its plan, and by what rule it graduated. Ids, codes and times.

create table graduation_rule (
    rule_id      uuid        primary key,
    set_at       timestamptz not null unique,   -- by the coordinator's clock; the newest decides
    set_by       text        not null,
    thresholds   jsonb       not null,          -- by domain, the points that it has to have reached
    assessments  integer     not null,          -- in how many assessments in a row
    tracks_ended boolean     not null,          -- whether there has to be a plan, with every track done or dropped
    message_id   uuid                           -- null: the rule that the hub began with
);

-- Safe in every domain, twice in a row, with a plan of which nothing is left to do.
insert into graduation_rule (rule_id, set_at, set_by, thresholds, assessments, tracks_ended)
values (
    '01900000-0000-7000-8000-000000000001', '2021-01-01T00:00:00Z', 'hub',
    '{"housing": 3, "food": 3, "education": 3, "health_care": 3, "health_status": 3, "safety": 3, "employment": 3,
      "financial_resources": 3, "assistance": 3, "debt": 3, "savings": 3, "social_capital": 3}',
    2, true
);

-- Which track of a route a need belongs to. A need that is met ends the track; one that is not here moves none, such as
-- what helps on the way (a training, a month's rent) without being the end of it.
create table track_of_need (
    need_code text primary key,
    track     text not null
);
insert into track_of_need (need_code, track) values
    ('protection.regularisation', 'regularisation'),
    ('health.affiliation', 'health_affiliation'),
    ('education.school_place', 'school_place'),
    ('protection.legal_advice', 'legal_advice'),
    ('health.psychosocial', 'psychosocial'),
    ('integration.employment', 'employment'),
    ('integration.entrepreneurship', 'entrepreneurship'),
    ('integration.coexistence', 'coexistence'),
    ('shelter.housing', 'housing');

create table route (
    route_id     uuid        primary key,
    household_id uuid        not null references household,
    organisation text        not null,          -- who welcomed the household and follows it; nobody else speaks of it
    opened_at    timestamptz not null,          -- by that organisation's clock
    state        text        not null,
    sequence     integer     not null,          -- of its last change
    changed_at   timestamptz not null,          -- by the hub's clock
    rule_id      uuid        not null references graduation_rule,  -- by which it was decided then
    planned_at   timestamptz,                   -- by the organisation's clock: an older plan does not replace a newer one
    leave_reason text,
    check ((state = 'left') = (leave_reason is not null))
);
create unique index one_open_route on route (household_id) where state not in ('graduated', 'left');

create table route_track (
    route_id uuid not null references route,
    track    text not null,
    state    text not null,
    primary key (route_id, track)
);

create table assessment (
    route_id      uuid        not null references route,
    assessment_id uuid        not null,
    assessed_at   timestamptz not null,         -- it may become known long after
    points        jsonb       not null,         -- by domain, from 1 to 5
    primary key (route_id, assessment_id)
);

-- Who changed what of a route, and when. Only ever added to.
create table route_history (
    route_id     uuid        not null references route,
    sequence     integer     not null,
    what         text        not null,          -- opened, assessed, planned, track_moved, need_met, left
    state        text        not null,          -- that it came to
    rule_id      uuid        not null references graduation_rule,
    organisation text        not null,          -- who said so; the hub: a referral
    referral_id  uuid,                          -- the one that met a need
    message_id   uuid        not null,
    recorded_at  timestamptz not null,          -- by the hub's clock
    primary key (route_id, sequence)
);
create unique index a_referral_moves_a_route_once on route_history (route_id, referral_id) where referral_id is not null;
