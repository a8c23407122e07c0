-- Somebody says that the person has taken the consent back, and until that is known nothing new is sent under it.

alter table consent add column suspended_at timestamptz;
