-- When the hub's services were told last that nothing may be shared under a consent for now, and that it holds after all.
alter table consent
    add column suspended_at timestamptz,
    add column resumed_at   timestamptz;

-- When a claim from before was told is not known: it was after the person is said to have taken the consent back.
update consent set suspended_at = claimed_at where claimed_through is not null;

create index person_erased on person (person_id) where erased_at is not null;
