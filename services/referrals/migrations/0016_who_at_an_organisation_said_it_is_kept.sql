-- Who at the organisation did it, as it numbers its staff; null where it did not tell, and of what the hub did.
alter table history add column staff text;
