-- When an organisation telephones again about a referral, as it said with its last note; null: it does not.
create table call_back (
    referral_id  uuid        not null,
    organisation text        not null,
    noted_at     timestamptz not null,
    call_back_at timestamptz,
    primary key (referral_id, organisation)
);
create index call_back_due on call_back (organisation, call_back_at, referral_id) where call_back_at is not null;

-- It goes with the person, in whatever order facts come.
create function call_backs_are_forgotten() returns trigger language plpgsql as $$
begin
    update call_back set call_back_at = null where referral_id = new.referral_id;
    return null;
end $$;
create trigger call_backs_are_forgotten after insert on forgotten_referral
    for each row execute function call_backs_are_forgotten();

create function call_back_tells_of_nobody() returns trigger language plpgsql as $$
begin
    if exists (select from forgotten_referral where referral_id = new.referral_id) then
        new.call_back_at := null;
    end if;
    return new;
end $$;
create trigger call_back_tells_of_nobody before insert or update on call_back
    for each row execute function call_back_tells_of_nobody();
