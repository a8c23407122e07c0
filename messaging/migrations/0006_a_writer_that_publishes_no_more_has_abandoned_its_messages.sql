-- The field's term: what a writer has committed and will not publish itself is abandoned, and the relay's.

alter table outbox_writer rename column handed_over to abandoned;
