-- What the console shows of referrals, as the hub's services have recorded them: ids, codes, parties and times. Facts come
-- in any order, so nothing here refers to anything. Of a confidential case there is no row.
create table referral (
    referral_id uuid        primary key,
    sequence    bigint      not null,      -- of what was recorded last
    short_code  text        not null,      -- what people say by telephone
    state       text        not null,
    changed_at  timestamptz not null,
    changed_by  text        not null,      -- an organisation, or `hub`
    sender      text        not null,
    recipient   text        not null,
    service_id  uuid        not null,
    person_id   uuid,
    need_code   text        not null,
    urgency     text        not null,
    sent_at     timestamptz not null,
    due_at      timestamptz,               -- when the next answer is due
    waits_for   text,                      -- which answer that is
    waits_on    text,                      -- the organisation that has to give it
    visit_at    timestamptz
);

-- Every list is of one party's referrals, or of all; by state and need, the last changed first.
create index referral_changed          on referral (changed_at desc, referral_id desc);
create index referral_in_state         on referral (state, need_code, changed_at desc, referral_id desc);
create index referral_of_need          on referral (need_code, changed_at desc, referral_id desc);
create index referral_sent             on referral (sender, changed_at desc, referral_id desc);
create index referral_sent_in_state    on referral (sender, state, need_code, changed_at desc, referral_id desc);
create index referral_sent_of_need     on referral (sender, need_code, changed_at desc, referral_id desc);
create index referral_received         on referral (recipient, changed_at desc, referral_id desc);
create index referral_received_in_state on referral (recipient, state, need_code, changed_at desc, referral_id desc);
create index referral_received_of_need on referral (recipient, need_code, changed_at desc, referral_id desc);
-- Work: what is due, for whoever has to answer and for those who coordinate; and the visits of a day.
create index referral_due_of           on referral (waits_on, due_at, referral_id) where due_at is not null;
create index referral_due              on referral (due_at, referral_id) where due_at is not null;
create index referral_visits_of        on referral (recipient, visit_at, referral_id) where visit_at is not null;
create index referral_asked_of          on referral (waits_on, due_at, referral_id) where waits_for = 'answer';
create index referral_new_of           on referral (recipient, changed_at, referral_id) where state = 'sent';
create index referral_to_confirm_of    on referral (sender, changed_at, referral_id) where state = 'completed';
create index referral_by_code          on referral (short_code);
create index referral_of_person        on referral (person_id) where person_id is not null;

create table step (
    referral_id uuid        not null,
    sequence    bigint      not null,
    state       text        not null,
    changed_at  timestamptz not null,
    changed_by  text        not null,
    details     jsonb       not null,      -- the codes that were said with it
    primary key (referral_id, sequence)
);

-- What has happened to a referral besides, and moved it nowhere.
create table event (
    message_id  uuid        primary key,
    referral_id uuid        not null,
    what        text        not null,
    noted_at    timestamptz not null,
    noted_by    text        not null,
    details     jsonb       not null
);
create index event_of_referral on event (referral_id, noted_at);

-- Where nobody has answered in time, and nobody has since.
create table escalation (
    referral_id  uuid        primary key,
    escalated_at timestamptz not null
);
create index escalation_since on escalation (escalated_at, referral_id);

-- Which referral goes on as which, for one need of one person: redirected, or referred onward. The first of them names
-- the case.
create table link (
    later   uuid primary key,
    earlier uuid not null
);
create index link_from on link (earlier);

create table erasure (
    person_id uuid        primary key,
    erased_at timestamptz not null
);
