-- What a consent's receipt says to withdraw by, and how a consent ends without anybody: when its time is over.

alter table consent
    add column receipt_code text unique,    -- null: granted before there were receipts
    add column end_reason   text;

update consent set end_reason = 'withdrawn' where ended_at is not null;

alter table consent
    add constraint consent_ends_for_a_reason check (num_nonnulls(ended_at, end_reason) in (0, 2)),
    add constraint consent_is_withdrawn_by_somebody check (
        num_nonnulls(withdrawn_at, withdrawn_by, withdrawn_manner, ended_through, ending_message)
            = case when end_reason = 'withdrawn' then 5 else 0 end
    ),
    drop constraint consent_check1;         -- the same, when there was no other end

create index consent_to_lapse on consent (valid_until) where ended_at is null and valid_until is not null;
