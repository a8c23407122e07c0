-- Who stands where on the waiting list of a service: as its organisation said, and as the hub has counted since.

create table place_in_line (
    referral_id   uuid        primary key references referral,
    service_id    uuid        not null references service,
    place         integer     not null,
    told          integer     not null,     -- the place that its parties were last told, and when
    told_at       timestamptz not null,
    joined_at     timestamptz not null,
    left_at       timestamptz,              -- those behind have not moved up yet; then the row goes
    estimate_days integer                   -- as the organisation said when it gave the place
);
create index place_of_service on place_in_line (service_id);
create index place_left on place_in_line (service_id) where left_at is not null;
create index place_untold on place_in_line (told_at) where place <> told;

-- Who waits already has no place that is known: they are on no list of the hub's.
