-- The one table of the task; every contender writes it.
create table referral (
    referral_id  uuid        primary key,
    sender       text        not null,
    recipient    text        not null,
    service_id   uuid        not null,
    person_id    uuid,
    urgency      text        not null,
    need_code    text        not null,
    consent_id   uuid,
    state        text        not null,
    sequence     integer     not null,
    sealed       text        not null,
    requested_at timestamptz not null
);
