-- What holds up all that comes after it about the same subject (messaging/inbox.py).
drop index parked_retry;
create index parked_holds_up on parked (subject, parked_id)
    where state = 'retry' or (state = 'waiting' and reason = 'clocks_apart' and waiting_for is null);

-- What waits for the clocks takes up nobody's room: it has no end that its sender could wait for.
drop index parked_waiting_of;
create index parked_waiting_of on parked (source) where state = 'waiting' and reason <> 'clocks_apart';

-- Many are due at once when clocks agree; the first of them are found without sorting all.
drop index parked_due;
create index parked_due on parked (next_attempt_at, parked_id) where state <> 'quarantined';
