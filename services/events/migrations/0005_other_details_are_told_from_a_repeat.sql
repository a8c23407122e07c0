-- What is sealed nobody here can open. A digest by the recorder's own key tells whether it is the same that came before.

alter table attendance add column details_digest text;  -- null: the recorder said none, or nothing was sealed
