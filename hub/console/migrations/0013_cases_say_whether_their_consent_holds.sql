-- What people allow, as intake has recorded it: codes, organisations and times. Facts come in any order: until it is told
-- what a consent allows, nothing but whether it holds is known. Of a case under a code there is no row.
create table consent (
    consent_id        uuid        primary key,
    person_id         uuid,
    granted_to        text,                    -- null: not told yet, as are those that follow, but what may be absent
    purposes          text[],
    recipients        text[],
    field_groups      text[],
    valid_from        timestamptz,
    valid_until       timestamptz,             -- null: until it is taken back
    given_by          text,
    manner            text,
    language          text,
    suspended_at      timestamptz,             -- somebody said that it was taken back
    resumed_at        timestamptz,             -- and that it was not
    ended_at          timestamptz,
    end_reason        text,
    withdrawn_by      text,
    withdrawn_manner  text,
    withdrawn_at      timestamptz,
    withdrawn_through text,
    forgotten         boolean     not null default false
);
create index consent_of_person on consent (person_id) where person_id is not null;

-- Of what an erased person allowed the bare id is kept, which leads nowhere, in whatever order facts come.
create function consent_is_nobodys() returns trigger language plpgsql as $$
begin
    if new.forgotten or exists (select from erasure where person_id = new.person_id) then
        return jsonb_populate_record(
            null::consent, jsonb_build_object('consent_id', new.consent_id, 'forgotten', true)
        );
    end if;
    return new;
end $$;
create trigger consent_is_nobodys before insert or update on consent
    for each row execute function consent_is_nobodys();

create function consents_are_forgotten() returns trigger language plpgsql as $$
begin
    update consent set forgotten = true where person_id = new.person_id;
    return null;
end $$;
create trigger consents_are_forgotten after insert on erasure
    for each row execute function consents_are_forgotten();
