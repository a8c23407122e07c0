-- How long a recipient took to its first decision on a referral: what is known of how soon a service answers.

create table decision (
    service_id uuid        not null references service,
    decided_at timestamptz not null,
    took       interval    not null     -- since it was sent
);
create index decision_of_service on decision (service_id, decided_at desc);
