-- What an organisation may ask more or less of than the others, by name: connections, channels, rate and so on
-- (OWN_LIMITS of messaging/topology.py). What is not here is as for everybody.
alter table organisation add column limits jsonb not null default '{}';
