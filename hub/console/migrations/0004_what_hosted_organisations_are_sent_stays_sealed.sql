-- What hosted organisations are sent (hub/console/inbox/): codes, ids and times, and the sealed blocks as they came.

create table delivered (
    organisation text        not null,              -- whose inbox it came to
    source       text        not null,
    message_id   uuid        not null,
    type         text        not null,
    subject      text        not null,
    said_at      timestamptz not null,
    received_at  timestamptz not null default clock_timestamp(),
    envelope     jsonb       not null,              -- all of it but the data
    data         jsonb,                             -- without the sealed blocks; null: erased
    causation_id uuid,
    refused_id   uuid,                              -- of a refusal: the message that is refused
    referral_id  uuid,
    people       uuid[]      not null,
    confidential boolean     not null,              -- of a case under a code: no page shows it
    is_notice    boolean     not null,              -- that somebody is erased, or a purge is owed: erasing leaves it
    erased_at    timestamptz,
    primary key (organisation, source, message_id)
);
create index delivered_about on delivered (organisation, subject, received_at);
create index delivered_answers on delivered (organisation, causation_id) where causation_id is not null;
create index delivered_refusals on delivered (organisation, refused_id) where refused_id is not null;
create index delivered_referrals on delivered (referral_id) where referral_id is not null;
create index delivered_people on delivered using gin (people);

-- Only the process hub/console/custody opens one.
create table sealed_block (
    id           uuid        primary key,
    organisation text        not null,
    source       text        not null,
    message_id   uuid        not null,
    place        text        not null,              -- the field, as `data.request.sealed`
    kind         text        not null,              -- person, note; other: nothing that custody opens
    referral_id  uuid,
    person_id    uuid,
    confidential boolean     not null,
    jwe          text        not null,
    received_at  timestamptz not null default clock_timestamp(),
    index_due    timestamptz,                       -- when it is to be indexed; null: it is, or never will be
    index_code   text,                              -- why it could not be
    unique (organisation, source, message_id, place)
);
create index sealed_block_referrals on sealed_block (referral_id) where referral_id is not null;
create index sealed_block_people on sealed_block (person_id) where person_id is not null;
create index sealed_block_to_index on sealed_block (index_due) where index_due is not null;

-- By what a block is found: keyed hashes, whose key is not in the database. Narrow, for a search reads many.
create table block_index (
    block        uuid        primary key references sealed_block on delete cascade,
    organisation text        not null,
    received_at  timestamptz not null,
    tokens       bigint[]    not null
);
create index block_index_tokens on block_index using gin (tokens) with (fastupdate = off);

-- What could not be read or kept, as it came; what follows it goes on.
create table set_aside (
    organisation text        not null,
    digest       bytea       not null,
    code         text        not null,
    raw          bytea       not null,
    received_at  timestamptz not null default clock_timestamp(),
    primary key (organisation, digest)
);

-- Referrals of people who were erased: that somebody was, the table `referral` does not tell for long.
create table forgotten_referral (
    referral_id uuid primary key
);

create function names(raw bytea, id uuid) returns boolean language sql immutable as $$
    select strpos(replace(lower(encode(raw, 'escape')), '-', ''), replace(id::text, '-', '')) > 0
$$;

-- What is said of a referral may name nobody: a sender is told where it stands, and what the other party has noted.
create function forget_referrals(theirs uuid[]) returns void language plpgsql as $$
begin
    insert into forgotten_referral select distinct unnest(theirs) on conflict do nothing;
    delete from sealed_block where referral_id = any(theirs);
    update delivered set data = null, erased_at = clock_timestamp()
    where referral_id = any(theirs) and erased_at is null and not is_notice;
    delete from set_aside where exists (select from unnest(theirs) as one where names(raw, one));
end $$;

-- With a person's key goes all that is kept of them, in the same transaction, whoever forgets them and by what way.
create function person_is_forgotten() returns trigger language plpgsql as $$
declare
    whose uuid;
begin
    if new.person !~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then
        return null;                                -- the code of a case: nothing here is found by it
    end if;
    perform pg_advisory_xact_lock(1165123955);      -- what is being kept at the moment is kept before, or knows it
    whose := new.person::uuid;
    perform forget_referrals(array(
        select referral_id from delivered where people @> array[whose] and referral_id is not null
        union select referral_id from referral where person_id = whose
    ));
    delete from sealed_block where person_id = whose;
    update delivered set data = null, erased_at = clock_timestamp()
    where people @> array[whose] and erased_at is null and not is_notice;
    delete from set_aside where names(raw, whose);
    return null;
end $$;
create trigger person_is_forgotten after insert or update on person_key
    for each row when (new.key is null) execute function person_is_forgotten();

-- The row of a referral may lead to nobody any more before the person's key is gone, or come after it.
create function referral_is_nobodys() returns trigger language plpgsql as $$
begin
    if new.person_id is null
        or exists (select from person_key where person = new.person_id::text and key is null)
    then
        perform pg_advisory_xact_lock(1165123955);
        perform forget_referrals(array[new.referral_id]);
    end if;
    return null;
end $$;
create trigger referral_is_nobodys after insert or update of person_id on referral
    for each row execute function referral_is_nobodys();
