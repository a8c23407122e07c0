-- When a coordinator was told that the recipient of a referral had not answered.

create table referral_escalated (
    referral_id uuid        not null,
    noted_at    timestamptz not null,
    primary key (referral_id, noted_at)
);
