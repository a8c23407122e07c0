-- An organisation that registered a person has them erased where it registered them; where others did, those assent.

alter table rights_request
    add column granted_by text[] not null default '{}',  -- who had what it registered itself erased
    add column kept_by    text[] not null default '{}';  -- who then said that it keeps what it registered itself
