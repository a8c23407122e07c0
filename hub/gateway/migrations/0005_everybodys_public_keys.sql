-- To which keys something may be sealed for whom, `hub` among them: since when, until when, and who holds the private
-- part. A key that is in force no more stays known, so that whoever still seals to it hears of it.
create table public_key (
    number       bigint      generated always as identity,  -- in the order in which they came, whatever clocks said
    organisation text        not null,
    key_id       text        not null,              -- its RFC 7638 thumbprint
    jwk          jsonb       not null,
    custody      boolean     not null,              -- the hub made it, and holds the private part for the organisation
    valid_from   timestamptz not null,
    valid_until  timestamptz,                       -- null: until another takes its place
    revoked_at   timestamptz,
    primary key (organisation, key_id)
);
