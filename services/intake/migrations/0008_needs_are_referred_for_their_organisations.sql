-- What intake has referred for organisations: who was sent something about whom, and under which consent.

create table need_referral (
    referral_id uuid        primary key,
    need_id     uuid        not null references need deferrable initially deferred,
    consent_id  uuid        not null references consent deferrable initially deferred,
    recipient   text        not null,
    service_id  uuid        not null,
    referred_by text        not null,       -- the organisation, under whose name the request went
    message_id  uuid        not null,
    referred_at timestamptz not null        -- by the hub's clock
);
create index need_referral_of_need on need_referral (need_id);
