-- Whoever has been erased stays erased, also where what an organisation says of them comes behind it. Of who was erased
-- before this migration nothing tells: what stayed under their ids is what is counted.

create table erased_person (
    person_id uuid primary key  -- and nothing else: the id leads nowhere any more
);
