-- A step that is taken back and said again later is another step, with another id: of each is kept which change of the
-- attendance said it. And whoever has been erased stays erased, also where no attendance of theirs had come here.

alter table attendance rename column steps to step_names;
alter table attendance add column steps jsonb not null default '{}';  -- of the Statute, each with the number of the change
update attendance
   set steps = (select jsonb_object_agg(step, 1) from unnest(step_names) as step)  -- all had their first id
 where step_names <> '{}';
alter table attendance alter column steps drop default, drop column step_names;

create table erased_person (
    person_id uuid primary key  -- and nothing else: the id leads nowhere any more
);
insert into erased_person select distinct person_id from attendance where erased;
