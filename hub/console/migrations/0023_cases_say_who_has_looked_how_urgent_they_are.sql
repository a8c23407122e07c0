-- Who of whose trained staff has looked at a need last, and when, as intake has recorded it; what makes the person more
-- vulnerable it tells nobody. Of a need in confidence there is no row. A referral leads to its need while it leads to
-- somebody.
create table triage (
    need_id    uuid        primary key,
    person_id  uuid        not null,
    urgency    text        not null,
    triaged_by text        not null,
    triaged_at timestamptz not null
);
create index triage_of_person on triage (person_id);

alter table referral add column need_id uuid;

create or replace function referral_tells_of_nobody() returns trigger language plpgsql as $$
begin
    perform referral_is_forgotten(new.referral_id, new.short_code, erased_at) from erasure where person_id = new.person_id;
    if exists (select from forgotten_referral where referral_id = new.referral_id) then
        new.person_id := null;
        new.need_id := null;
        new.visit_at := null;
    end if;
    return new;
end $$;

-- Of who is erased nobody has looked at anything, in whatever order facts come.
create function triage_is_of_somebody() returns trigger language plpgsql as $$
begin
    if exists (select from erasure where person_id = new.person_id) then
        return null;
    end if;
    return new;
end $$;
create trigger triage_is_of_somebody before insert or update on triage
    for each row execute function triage_is_of_somebody();

create function triage_is_forgotten() returns trigger language plpgsql as $$
begin
    delete from triage where person_id = new.person_id;
    return null;
end $$;
create trigger triage_is_forgotten after insert on erasure for each row execute function triage_is_forgotten();
