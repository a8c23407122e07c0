-- Who of the staff is told by e-mail that something waits (hub/console/notices/): nobody, until they ask for it. No mail
-- says of which case or person: what is in one is counted when it is sent, and kept nowhere.
create table notice_choice (
    staff        text        primary key references staff on delete cascade,
    wants        text        not null check (wants in ('digest', 'all')),
    language     text        not null,
    address      bytea       not null,               -- encrypted with the key of the state directory
    since        timestamptz not null,               -- by the network's clock: no digest is due of a moment before
    confirmed_at timestamptz,                        -- null: nothing but the code goes there
    code         bytea,                              -- encrypted, too
    code_notice  uuid,                               -- the mail that brings it: one that was asked for before brings none
    code_until   timestamptz,
    code_tries   integer     not null default 0
);

-- Mails, each once: who sends one has its row locked meanwhile.
create table notice (
    id       uuid        primary key,                -- also of the mail's Message-ID
    staff    text        not null references staff on delete cascade,
    kind     text        not null check (kind in ('code', 'digest', 'emergency')),
    day      date        check ((day is not null) = (kind = 'digest')),
    made_at  timestamptz not null,                   -- by the network's clock, as done_at
    look_at  timestamptz,                            -- when it is tried (again); null: it is done
    failures integer     not null default 0,
    outcome  text        check (outcome in ('sent', 'nothing', 'refused')),
    done_at  timestamptz,
    check ((look_at is null) = (outcome is not null))
);
create unique index notice_of_a_day on notice (staff, day) where kind = 'digest';
create unique index notice_of_emergencies on notice (staff) where kind = 'emergency' and outcome is null;
create index notice_due on notice (look_at) where look_at is not null;
create index notice_of_staff on notice (staff, made_at);

-- Of which emergencies somebody has been told, as long as these wait.
create table notice_told (
    staff       text not null references staff on delete cascade,
    referral_id uuid not null,
    primary key (staff, referral_id)
);
create index notice_told_of on notice_told (referral_id);
create index referral_emergency_of on referral (recipient, referral_id)
    where urgency = 'emergency' and state in ('sent', 'received');

create function notices_are_forgotten() returns trigger language plpgsql as $$
begin
    delete from notice_told where referral_id = new.referral_id;
    return null;
end $$;
create trigger notices_are_forgotten after insert on forgotten_referral
    for each row execute function notices_are_forgotten();
