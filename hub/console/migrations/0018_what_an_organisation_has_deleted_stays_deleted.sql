-- Referrals of which an organisation has deleted what it held of the person (`referral.purged`): with the row goes all that
-- it was sent about one and what its staff had typed there, and what it is sent later is kept without what it says.
create table purged (
    organisation text not null,
    referral_id  uuid not null,
    primary key (organisation, referral_id)
);

create function referral_is_purged() returns trigger language plpgsql as $$
begin
    perform pg_advisory_xact_lock(1165123955);      -- as 0004: what is being kept at the moment is kept before, or knows it
    delete from sealed_block where organisation = new.organisation and referral_id = new.referral_id;
    update delivered set data = null, people = '{}', erased_at = clock_timestamp()
    where organisation = new.organisation and referral_id = new.referral_id and erased_at is null and not is_notice;
    delete from set_aside where organisation = new.organisation and names(raw, new.referral_id);
    delete from kept_form using staff
    where staff.code = kept_form.staff and staff.organisation = new.organisation
        and starts_with(replace(lower(path), '-', ''), '/caso/' || replace(new.referral_id::text, '-', ''));
    return null;
end $$;
create trigger referral_is_purged after insert on purged for each row execute function referral_is_purged();

-- What was purged until now lost its blocks alone.
insert into purged (organisation, referral_id)
select distinct organisation, referral_id from act
where contract like 'referral.purged.%' and state not in ('undone', 'refused', 'quarantined');
