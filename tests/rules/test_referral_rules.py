"""Who may do what to a referral, and what each refusal is called."""

from datetime import timedelta
from typing import Any

import pytest

from contracts import uuid7
from services.referrals import rules
from services.referrals.rules import State
from tests.examples import CONSENT_ID, NOW, a_consent, a_draft, a_sent_referral, a_service, send

HOUR = timedelta(hours=1)


def test_a_stranger_hears_the_same_about_a_referral_that_exists_and_one_that_does_not() -> None:
    referral = a_sent_referral()
    with pytest.raises(rules.MissingPrerequisite) as out_of_order:
        rules.accept(referral, by="fuvadis", at=NOW)
    unknown = rules.not_a_party(referral.referral_id)
    assert (
        (out_of_order.value.code, out_of_order.value.key) == (unknown.code, unknown.key) == ("not_a_party", unknown.key)
    )


def test_every_transition_takes_the_next_number() -> None:
    referral = a_sent_referral()
    referral = rules.receive(referral, by=referral.recipient, at=NOW)
    referral = rules.accept(referral, by=referral.recipient, at=NOW)
    assert [step.sequence for step in referral.steps] == [1, 2, 3]
    assert referral.sequence == 3


@pytest.mark.parametrize("state", sorted(rules.UNDECIDED))
def test_a_cancellation_before_acceptance_is_confirmed_by_the_hub_at_once(state: State) -> None:
    referral = rules.request_cancel(a_sent_referral(state=state, steps=()), by="redcross", at=NOW, reason="safety")
    assert [(step.what, step.actor) for step in referral.steps] == [
        ("cancel_requested", "sender"),
        ("cancelled", "hub"),
    ]


def test_a_cancellation_after_acceptance_waits_for_the_recipient() -> None:
    referral = rules.request_cancel(a_sent_referral(state=State.ACCEPTED), by="redcross", at=NOW, reason="safety")
    assert referral.state == State.CANCEL_REQUESTED
    assert rules.confirm_cancel(referral, by="iom", at=NOW).state == State.CANCELLED
    assert rules.complete(referral, by="iom", at=NOW, outcome="need_met").state == State.COMPLETED


def test_an_appointment_may_be_moved_but_not_reported_twice_nor_moved_back_by_an_older_word() -> None:
    accepted = a_sent_referral(state=State.ACCEPTED)
    referral = rules.schedule(accepted, by="iom", at=NOW, visit_at=NOW + HOUR, said_at=NOW)
    moved = rules.schedule(referral, by="iom", at=NOW, visit_at=NOW + 2 * HOUR, said_at=NOW + HOUR)
    assert moved.sequence == referral.sequence + 1
    with pytest.raises(rules.Refused, match="already_scheduled"):
        rules.schedule(moved, by="iom", at=NOW, visit_at=NOW + 2 * HOUR, said_at=NOW + HOUR)
    with pytest.raises(rules.Refused, match="superseded"):
        rules.schedule(moved, by="iom", at=NOW, visit_at=NOW + 3 * HOUR, said_at=NOW)


def test_a_service_starts_once_and_may_be_noted_many_times() -> None:
    started = rules.start_service(a_sent_referral(state=State.ACCEPTED), by="iom", at=NOW)
    with pytest.raises(rules.Refused, match="already_in_service"):
        rules.start_service(started, by="iom", at=NOW)
    noted = rules.note_service(rules.note_service(started, by="iom", at=NOW), by="iom", at=NOW)
    assert noted.sequence == started.sequence + 2


def test_a_note_that_overtook_the_start_of_its_service_waits() -> None:
    with pytest.raises(rules.MissingPrerequisite):
        rules.note_service(a_sent_referral(state=State.ACCEPTED), by="iom", at=NOW)
    with pytest.raises(rules.Refused, match="not_while_declined"):
        rules.note_service(a_sent_referral(state=State.DECLINED), by="iom", at=NOW)
    with pytest.raises(rules.Refused, match="not_yours"):
        rules.note_service(a_sent_referral(state=State.ACCEPTED), by="redcross", at=NOW)


def test_a_receipt_and_an_answer_are_the_same_move_by_different_organisations() -> None:
    asked = a_sent_referral(state=State.INFO_REQUESTED)
    with pytest.raises(rules.Refused, match="not_yours"):
        rules.provide_info(asked, by="iom", at=NOW)
    with pytest.raises(rules.Refused, match="not_yours"):
        rules.receive(asked, by="redcross", at=NOW)
    with pytest.raises(rules.Refused, match="nothing_asked"):
        rules.provide_info(a_sent_referral(state=State.RECEIVED), by="redcross", at=NOW)


def test_only_a_coordinator_reopens_and_only_sender_or_coordinator_enter_in_error() -> None:
    closed = a_sent_referral(state=State.CLOSED)
    city = frozenset({"barranquilla"})
    reopened = rules.reopen(
        closed, by="barranquilla", at=NOW, reason="need_not_met", coordinators=city, use_screens=set()
    )
    assert reopened.state == State.IN_SERVICE
    with pytest.raises(rules.Refused, match="not_yours"):
        rules.reopen(closed, by="redcross", at=NOW, reason="need_not_met", coordinators=city, use_screens=set())
    with pytest.raises(rules.MissingPrerequisite, match="not_a_party"):
        rules.reopen(closed, by="fuvadis", at=NOW, reason="need_not_met", coordinators=city, use_screens=set())
    for by in ("redcross", "barranquilla"):
        wrong = rules.enter_in_error(closed, by=by, at=NOW, reason="duplicate", coordinators=city)
        assert wrong.state == State.ENTERED_IN_ERROR
    with pytest.raises(rules.Refused, match="not_yours"):
        rules.enter_in_error(closed, by="iom", at=NOW, reason="duplicate", coordinators=city)


def test_a_coordinator_that_is_no_party_answers_for_nobody() -> None:
    with pytest.raises(rules.MissingPrerequisite, match="not_a_party"):
        rules.accept(a_sent_referral(state=State.RECEIVED), by="barranquilla", at=NOW)


def test_a_purge_receipt_counts_once_and_only_after_a_withdrawal() -> None:
    referral = a_sent_referral()
    with pytest.raises(rules.Refused, match="not_while_sent"):
        rules.record_purge(referral, by="iom", at=NOW)
    purged = rules.record_purge(rules.withdraw_consent(referral, by="iom", at=NOW), by="iom", at=NOW)
    assert purged.steps[-1].sequence is None
    with pytest.raises(rules.Refused, match="already_purged"):
        rules.record_purge(purged, by="iom", at=NOW)


def test_an_organisation_does_not_refer_to_itself() -> None:
    with pytest.raises(rules.Refused, match="recipient_is_sender"):
        send(a_draft(recipient="redcross"))


def test_a_redirection_needs_somebody_new_and_a_consent_asked_for_anew() -> None:
    referral = a_sent_referral(state=State.RECEIVED)
    for party in referral.parties:
        with pytest.raises(rules.Refused, match="recipient_is_party"):
            rules.redirect(referral, by="iom", at=NOW, to=party, consent_id=uuid7())
    with pytest.raises(rules.Refused, match="consent_not_fresh"):
        rules.redirect(referral, by="iom", at=NOW, to="fuvadis", consent_id=CONSENT_ID)
    redirected = rules.redirect(referral, by="iom", at=NOW, to="fuvadis", consent_id=uuid7())
    assert redirected.state == State.REDIRECTED


@pytest.mark.parametrize(
    ("overrides", "code"),
    [({"organisation": "fuvadis"}, "service_not_of_recipient"), ({"active": False}, "service_inactive")],
)
def test_a_referral_goes_only_to_a_service_its_recipient_offers(overrides: dict[str, Any], code: str) -> None:
    with pytest.raises(rules.Refused, match=code):
        send(a_draft(), service=a_service(**overrides))


@pytest.mark.parametrize(
    ("overrides", "code"),
    [
        ({"person_id": uuid7()}, "consent_of_another_person"),
        ({"person_id": None, "case_code": "GBV-0001"}, "consent_of_another_person"),
        ({"granted_to": "fuvadis"}, "consent_not_granted_to_you"),
        ({"ended_at": NOW}, "consent_withdrawn"),
        ({"valid_until": NOW}, "consent_expired"),
        ({"valid_from": NOW + 2 * HOUR}, "consent_not_valid_yet"),
        ({"purposes": frozenset({"report"})}, "consent_not_for_purpose"),
        ({"recipients": frozenset({"fuvadis"})}, "consent_not_for_recipient"),
        ({"field_groups": frozenset({"identity"})}, "consent_not_for_fields"),
    ],
)
def test_a_consent_covers_one_person_their_purposes_recipients_and_fields_while_it_lasts(
    overrides: dict[str, Any], code: str
) -> None:
    with pytest.raises(rules.Refused, match=code):
        send(a_draft(), consent=a_consent(**overrides))


def test_nothing_is_sent_without_a_consent_or_an_override() -> None:
    with pytest.raises(rules.Refused, match="consent_missing"):
        send(a_draft(), consent=None)


def test_a_partners_clock_may_be_a_little_ahead() -> None:
    assert send(a_draft(), consent=a_consent(valid_from=NOW + HOUR)).state == State.SENT


def test_a_confidential_case_shares_the_least() -> None:
    draft = a_draft(person_id=None, case_code="GBV-0001")
    every = frozenset({"identity", "contact", "protection"})
    consent = a_consent(person_id=None, case_code="GBV-0001", field_groups=every)
    with pytest.raises(rules.Refused, match="confidential_shares_too_much"):
        send(draft, consent=consent, shares=every)
    assert send(draft, consent=consent, shares=every - {"identity"}).state == State.SENT


def test_an_override_lasts_hours_and_is_kept_for_the_audit() -> None:
    override = rules.Override(authorised_by="RC-77", reason="life_at_risk", given_at=NOW, lasts=6 * HOUR)
    draft = a_draft(consent_id=None)
    overridden, sent = send(draft, consent=None, override=override, at=NOW + HOUR).steps
    assert (overridden.reason, sent.sequence) == ("life_at_risk", 1)
    assert overridden.details == {"authorised_by": "RC-77", "expires_at": (NOW + 6 * HOUR).isoformat()}
    with pytest.raises(rules.Refused, match="override_expired"):
        send(draft, consent=None, override=override, at=NOW + 6 * HOUR)


def test_the_hours_of_an_override_do_not_count_from_the_future() -> None:
    override = rules.Override("RC-77", "life_at_risk", given_at=NOW + 100 * HOUR, lasts=HOUR)
    (overridden, _) = send(a_draft(consent_id=None), consent=None, override=override).steps
    assert overridden.details is not None
    assert overridden.details["expires_at"] == (NOW + HOUR).isoformat()
