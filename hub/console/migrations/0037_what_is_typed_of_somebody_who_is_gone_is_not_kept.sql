-- What was being typed about somebody when they were erased (0006), or when the organisation deleted what it held of them
-- (0018), is not kept afterwards: a page that was open then would bring it back.
create function nobody_is_typed_of() returns trigger language plpgsql as $$
declare
    named text := substring(replace(lower(new.path), '-', '') from '^/caso/([0-9a-f]{32})');
begin
    if named is null then
        return new;
    end if;
    perform pg_advisory_xact_lock_shared(1165123955);  -- as 0004: who is forgotten at the moment is known, or drops this
    if exists (select from forgotten_referral where referral_id = named::uuid)
        or exists (
            select from purged join staff using (organisation)
            where staff.code = new.staff and referral_id = named::uuid
        )
    then
        return null;
    end if;
    return new;
end $$;
create trigger nobody_is_typed_of before insert on kept_form
    for each row execute function nobody_is_typed_of();
