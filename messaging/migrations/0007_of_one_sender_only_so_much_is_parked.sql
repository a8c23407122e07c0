-- How much of one sender is parked is asked for whenever another message of it is to be (messaging/inbox.py).
drop index parked_waiting_of;
create index parked_of on parked (source);

-- Of an id that was used again the bytes are kept once, however often that happens; each was refused to its sender. What
-- the hub's own services say nobody is told of: there every row stays.
delete from parked using parked as first
where parked.state = 'quarantined' and parked.reason = 'id_reused' and parked.source <> 'hub'
  and first.state = 'quarantined' and first.reason = 'id_reused'
  and first.source = parked.source and first.message_id = parked.message_id and first.parked_id < parked.parked_id;
create unique index parked_reused on parked (source, message_id)
    where state = 'quarantined' and reason = 'id_reused' and source <> 'hub';

-- Of what is erased a digest is left; the same bytes may come, and be erased, again.
drop index parked_quarantined;
create unique index parked_quarantined on parked (reason, sha256(raw))
    where state = 'quarantined' and reason <> 'erased';
