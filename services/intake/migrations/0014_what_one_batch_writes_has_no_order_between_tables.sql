-- Rows that refer to each other may be written in one batch, table by table: they have to fit when it is committed.

alter table assessment alter constraint assessment_route_id_fkey deferrable initially deferred;
alter table household_member alter constraint household_member_household_id_fkey deferrable initially deferred;
alter table household_member alter constraint household_member_person_id_fkey deferrable initially deferred;
alter table match alter constraint match_other_id_fkey deferrable initially deferred;
alter table match alter constraint match_person_id_fkey deferrable initially deferred;
alter table match_decision alter constraint match_decision_match_id_fkey deferrable initially deferred;
alter table match_held_back alter constraint match_held_back_person_id_fkey deferrable initially deferred;
alter table match_waiting alter constraint match_waiting_person_id_fkey deferrable initially deferred;
alter table network_person alter constraint network_person_person_id_fkey deferrable initially deferred;
alter table route alter constraint route_household_id_fkey deferrable initially deferred;
alter table route alter constraint route_rule_id_fkey deferrable initially deferred;
alter table route_history alter constraint route_history_route_id_fkey deferrable initially deferred;
alter table route_history alter constraint route_history_rule_id_fkey deferrable initially deferred;
alter table route_track alter constraint route_track_route_id_fkey deferrable initially deferred;
