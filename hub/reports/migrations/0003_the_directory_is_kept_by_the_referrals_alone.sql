-- The hub's directory of services is written out from where it is kept: reports need no more of a service than which
-- needs it meets, and where.

alter table service drop column listing;

drop table capacity;
