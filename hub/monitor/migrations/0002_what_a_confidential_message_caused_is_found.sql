-- What a message has caused is hidden with it, also where that came first: found as quickly as by its other keys.

create index message_causation on message (causation) where causation is not null;
