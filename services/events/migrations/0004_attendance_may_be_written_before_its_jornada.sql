-- A jornada and who was there may be said, and written, in one batch, table by table: they have to fit when it is committed.

alter table attendance alter constraint attendance_jornada_id_fkey deferrable initially deferred;
