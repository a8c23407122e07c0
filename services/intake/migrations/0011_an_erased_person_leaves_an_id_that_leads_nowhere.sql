-- The row of an erased person stays, for what is counted refers to it; the database itself lets no detail stand in it.

alter table person
    add column erased_at timestamptz,
    add constraint nothing_is_known_of_the_erased check (
        erased_at is null
        or num_nonnulls(given_names, family_names, birth_date, age, sex, gender, nationality, profile, phone, email,
                        language, contact_channel, address, place, caregiver, notes) = 0
    );
