-- How many messages of one sender wait is asked for whenever another one is early (messaging/inbox.py).
create index parked_waiting_of on parked (source) where state = 'waiting';
