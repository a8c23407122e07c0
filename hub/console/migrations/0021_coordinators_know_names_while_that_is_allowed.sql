-- Names that whoever coordinates was told (`person.name_brought`): sealed blocks of the kind `name`, each under a consent.
-- They are found and opened only while it holds, and go with it, in whatever order facts come.
alter table sealed_block add column consent_id uuid;    -- of a name; null: of anything else
create index sealed_block_consents on sealed_block (consent_id) where consent_id is not null;
alter table block_index add column consent_id uuid;     -- as its block's

create function may_be_named(which uuid, told text, whose uuid) returns boolean language sql stable as $$
    select exists (
        select from consent
        where consent_id = which and person_id = whose and 'coordinate' = any(purposes) and told = any(recipients)
            and valid_from <= clock_timestamp() and coalesce(valid_until > clock_timestamp(), true)
            and ended_at is null and not forgotten
            and coalesce(suspended_at <= coalesce(resumed_at, '-infinity'), true)
    )
$$;

create function names_end_with_consent() returns trigger language plpgsql as $$
begin
    perform pg_advisory_xact_lock(1165123955);      -- as 0004: what is being kept at the moment is kept before, or knows it
    delete from sealed_block where consent_id = new.consent_id;
    return null;
end $$;
create trigger names_end_with_consent after insert or update on consent
    for each row when (new.ended_at is not null or new.forgotten) execute function names_end_with_consent();

create function name_comes_too_late() returns trigger language plpgsql as $$
begin
    if exists (select from consent where consent_id = new.consent_id and (ended_at is not null or forgotten)) then
        return null;
    end if;
    return new;
end $$;
create trigger name_comes_too_late before insert on sealed_block
    for each row when (new.consent_id is not null) execute function name_comes_too_late();
