-- An organisation that a consent was not granted to claims that the person has taken it back. Nothing is shared under it
-- meanwhile; it ends when the organisation that it was granted to confirms it, or by itself.

alter table consent
    add column claimed_through text,        -- who says so; null: nobody, or it was contested
    add column claim_message   uuid,
    add column claimed_at      timestamptz, -- when the person is said to have taken it back, who did, and how
    add column claimed_by      text,
    add column claimed_manner  text,
    add column claim_ends_on   date,        -- the first day on which the consent has ended by itself
    add column contested       text[] not null default '{}',  -- whose claims were contested
    add constraint consent_is_claimed_as_a_whole check (
        num_nonnulls(claimed_through, claim_message, claimed_at, claimed_by, claimed_manner, claim_ends_on) in (0, 6)
    );
create index consent_claimed on consent (claim_ends_on) where ended_at is null and claim_ends_on is not null;
