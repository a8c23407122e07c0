-- Who at the organisation said it, as it numbers its staff; null where it did not tell.
alter table history add column staff text;
