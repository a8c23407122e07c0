-- Besides the key that provisioning makes and writes into a file of credentials there may be one that was shown once, by
-- `./ruta partner api-key new`, so that an organisation changes from one to the other without a gap.
alter table api_key
    add column shown_once boolean not null default false,  -- it is in no file of ours: provisioning lets it be
    add column closed     boolean not null default false;  -- provisioning had made it, an operator has revoked it: no
                                                           -- other is made in its place
