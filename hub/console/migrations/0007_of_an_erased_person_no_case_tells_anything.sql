-- A case stays after an erasure, and leads to nobody: no id of the person, none of what was said of them with a step, and
-- what the audit has of it is readable to nobody (person_key). In whatever order facts come.
create function told_of_a_person(details jsonb) returns jsonb language sql immutable as $$
    select details - array['reason_code', 'override', 'consent_id', 'shares', 'minor', 'criterion', 'missing_documents',
                           'topic', 'visit_at', 'mode']
$$;

create function referral_is_forgotten(which uuid, code text, at timestamptz) returns void language sql as $$
    insert into forgotten_referral (referral_id) values (which) on conflict do nothing;
    update step set details = told_of_a_person(details) where referral_id = which;
    update event set details = told_of_a_person(details) where referral_id = which;
    insert into person_key (person, erased_at) values (code, at)
    on conflict (person) do update set key = null, erased_at = coalesce(person_key.erased_at, excluded.erased_at);
$$;

create function referrals_are_forgotten() returns trigger language plpgsql as $$
begin
    perform referral_is_forgotten(referral_id, short_code, new.erased_at) from referral where person_id = new.person_id;
    update referral set person_id = null, visit_at = null where person_id = new.person_id;
    return null;
end $$;
create trigger referrals_are_forgotten after insert on erasure
    for each row execute function referrals_are_forgotten();

create function referral_tells_of_nobody() returns trigger language plpgsql as $$
begin
    perform referral_is_forgotten(new.referral_id, new.short_code, erased_at) from erasure where person_id = new.person_id;
    if exists (select from forgotten_referral where referral_id = new.referral_id) then
        new.person_id := null;
        new.visit_at := null;
    end if;
    return new;
end $$;
create trigger referral_tells_of_nobody before insert or update on referral
    for each row execute function referral_tells_of_nobody();

create function details_tell_of_nobody() returns trigger language plpgsql as $$
begin
    if exists (select from forgotten_referral where referral_id = new.referral_id) then
        new.details := told_of_a_person(new.details);
    end if;
    return new;
end $$;
create trigger step_tells_of_nobody before insert on step for each row execute function details_tell_of_nobody();
create trigger event_tells_of_nobody before insert on event for each row execute function details_tell_of_nobody();
