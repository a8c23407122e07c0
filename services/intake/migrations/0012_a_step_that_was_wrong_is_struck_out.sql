-- A step that should not have been recorded stays, struck out: nothing is held against it, and nobody counts by it.

alter table etpv_step
    add column struck_out_at timestamptz,          -- by the hub's clock
    add column strike_reason text,
    add constraint struck_out_for_a_reason check ((struck_out_at is null) = (strike_reason is null));
