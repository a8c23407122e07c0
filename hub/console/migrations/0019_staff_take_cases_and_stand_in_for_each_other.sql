-- Whose a referral is among an organisation's staff, as far as somebody has taken it: where there is no row, everybody's.
create table assignment (
    organisation text        not null,
    referral_id  uuid        not null,
    staff        text        not null references staff on delete cascade,
    since        timestamptz not null,
    primary key (organisation, referral_id)
);
create index assignment_of on assignment (staff, since desc, referral_id);

-- Who is away, and to which colleague all that is theirs is shown until then. None of the two is away for another: what
-- is somebody's is in the hands of one other at most.
create table absence (
    staff     text        primary key references staff on delete cascade,
    colleague text        not null references staff on delete cascade,
    began_at  timestamptz not null,
    ends_at   timestamptz not null,
    check (staff <> colleague)
);
create index absence_stood_in_for on absence (colleague);

-- Visits of which nobody has said yet whether somebody came, from behind.
create index referral_visits_open_of on referral (recipient, visit_at, referral_id) where state = 'scheduled';
