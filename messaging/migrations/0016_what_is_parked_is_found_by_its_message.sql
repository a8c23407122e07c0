-- Operators ask by a message's id what became of it, and what may be done about it.
create index parked_of_message on parked (message_id);
