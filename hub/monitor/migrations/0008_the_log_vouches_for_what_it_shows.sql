-- Who shows the log asks the gateway who was sent a message, and is told that of what the log shows alone: by a proof for its
-- id, which nobody makes but with the key that both databases have (`./ruta provision`) and no reader sees.
create table vouching (
    id  int   primary key default 1 check (id = 1),
    key bytea not null check (length(key) = 32)
);

-- Of each of these that the log shows, and nobody's message of a confidential case has the id of, a proof for five minutes.
create function vouch(p_ids uuid[]) returns table (id uuid, proof bytea)
    language sql stable security definer set search_path = pg_catalog, pg_temp
    begin atomic
        select asked, sha256(key || sha256(key || uuid_send(asked) || int8send(extract(epoch from now())::bigint / 300)))
        from unnest(p_ids) as asked cross join public.vouching
        where exists (select from public.message where message.id = asked)
          and not exists (select from public.message where message.id = asked and (confidential or erased));
    end;
revoke execute on function vouch(uuid[]) from public;
