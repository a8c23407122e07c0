-- What staff have decided, and the network is to hear: kept with the page that they sent, said by hub/console/acting when
-- the time to undo it is over, and asked after until nothing else comes of it.
create table act (
    message_id   uuid        primary key,           -- of the form, and of the message: one form, one message, one effect
    organisation text        not null,
    staff        text,                              -- null: the console by itself
    referral_id  uuid        not null,
    batch        uuid,                              -- of the form that decided the same about several
    contract     text        not null,              -- as `referral.accepted.v1`
    message      text,                              -- as it is to be said; null: nobody needs it any more
    state        text        not null default 'kept',
    code         text,                              -- why it is refused or waits
    said_by      text,                              -- the service that says so
    problem      text,                              -- why it could not be said yet
    kept_at      timestamptz not null default clock_timestamp(),
    say_at       timestamptz not null,              -- until then it can be undone
    said_at      timestamptz,                       -- when it was first tried to say it: from then on the gateway alone
                                                    -- knows what became of it
    look_at      timestamptz,                       -- when it is to be said, or asked after; null: nothing else comes of it
    changed_at   timestamptz not null default clock_timestamp()
);
create index act_due on act (look_at) where look_at is not null;
create index act_of_batch on act (batch) where batch is not null;
create index act_of_referral on act (referral_id);
create index act_ended on act (changed_at) where look_at is null;
create index act_about on act (organisation, referral_id, kept_at);

-- Nothing is said any more about somebody who is erased, and nothing kept that was to be; in whatever order.
create function acts_are_forgotten() returns trigger language plpgsql as $$
begin
    update act set state = 'undone', code = 'person_erased', look_at = null, changed_at = clock_timestamp()
    where referral_id = new.referral_id and state = 'kept' and said_at is null;
    update act set message = null where referral_id = new.referral_id and message is not null;
    return null;
end $$;
create trigger acts_are_forgotten after insert on forgotten_referral
    for each row execute function acts_are_forgotten();

create function act_is_about_somebody() returns trigger language plpgsql as $$
begin
    if exists (select from forgotten_referral where referral_id = new.referral_id) then
        new.state := 'undone';
        new.code := 'person_erased';
        new.message := null;
        new.look_at := null;
    end if;
    return new;
end $$;
create trigger act_is_about_somebody before insert on act for each row execute function act_is_about_somebody();
