-- An organisation's own address is told what waits, as its staff are. Whom a row is of is the code of one of the staff, or
-- an organisation's id behind an `@`, which no code begins with.
alter table notice_choice drop constraint notice_choice_staff_fkey;
alter table notice        drop constraint notice_staff_fkey;
alter table notice_told   drop constraint notice_told_staff_fkey;

create function nobody_is_told_any_more() returns trigger language plpgsql as $$
begin
    delete from notice_choice where staff = old.code;
    delete from notice where staff = old.code;
    delete from notice_told where staff = old.code;
    return null;
end $$;
create trigger nobody_is_told_any_more after delete on staff for each row execute function nobody_is_told_any_more();
