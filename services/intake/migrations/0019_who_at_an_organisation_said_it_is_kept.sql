-- Who at the organisation said it, as it numbers its staff, wherever the message that said it is known; null where it did
-- not tell.
alter table person add column staff text;               -- of the last registration, as message_id
alter table household add column staff text;            -- of the last word, as message_id
alter table consent
    add column staff        text,                       -- who took it down
    add column ending_staff text,                       -- who told that it was withdrawn
    add column claim_staff  text;                       -- who claims that it was
alter table need
    add column staff        text,
    add column triage_staff text;
alter table need_referral add column staff text;
alter table etpv_step add column staff text;
alter table rights_request add column staff text;
alter table match_decision add column staff text;
alter table graduation_rule add column staff text;
alter table route_history add column staff text;
