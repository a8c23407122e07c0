-- Where a purge is owed the person has taken their consent back: nobody telephones them again, in whatever order facts come.
create function purge_ends_call_backs() returns trigger language plpgsql as $$
begin
    update call_back set call_back_at = null where referral_id = new.referral_id and call_back_at is not null;
    return null;
end $$;
create trigger purge_ends_call_backs after insert on event
    for each row when (new.what = 'purge_owed') execute function purge_ends_call_backs();

create function nobody_calls_back_after_a_purge() returns trigger language plpgsql as $$
begin
    if exists (select from event where referral_id = new.referral_id and what = 'purge_owed') then
        new.call_back_at := null;
    end if;
    return new;
end $$;
create trigger nobody_calls_back_after_a_purge before insert or update on call_back
    for each row when (new.call_back_at is not null) execute function nobody_calls_back_after_a_purge();

update call_back set call_back_at = null
where call_back_at is not null
    and exists (select from event where event.referral_id = call_back.referral_id and what = 'purge_owed');
