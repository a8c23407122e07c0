-- The field's term: what a request's deadline comes to next is a stage.

alter table rights_request rename column step to stage;
