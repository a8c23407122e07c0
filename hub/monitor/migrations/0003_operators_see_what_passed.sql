-- What organisations have said and passed the gateway, for reconciliation; nothing of a confidential case or an erased person.
create view operators.message as
    select arrived_at, id, source, routing_key from message
    where kind = 'passed' and source <> 'hub' and not confidential and not erased and routing_key is not null;
