-- How soon a need has to be met and what makes the person more vulnerable, by somebody trained to tell.

alter table need
    add column vulnerabilities text[] not null default '{}',    -- codes
    add column triaged_by      text,                            -- the organisation
    add column triaged_at      timestamptz,                     -- by that organisation's clock
    add check (num_nonnulls(triaged_by, triaged_at) in (0, 2));
