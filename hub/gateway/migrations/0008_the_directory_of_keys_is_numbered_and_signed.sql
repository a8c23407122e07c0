-- Every directory of public keys that the hub has signed; the last one is in force. Whoever has accepted one takes none
-- of a lower number, so a number is never given twice, and what was said when stays known.
create table key_directory (
    number    bigint      primary key,
    issued_at timestamptz not null,
    jws       text        not null
);
