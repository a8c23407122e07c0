-- A story draws its failures first: among tens of thousands of messages they are found without reading what went well.
create index outcome_failed on outcome (message_id) where state in ('refused', 'quarantined');
