"""The hub's other services learn of every transition, and of a confidential case as little as can be counted."""

from datetime import timedelta

import pytest

import contracts
from contracts import Message, codes, uuid7
from services.referrals import rules
from tests.examples import (
    ANOTHER,
    CONSENT_ID,
    NEED_ID,
    NOW,
    PERSON_ID,
    RECIPIENT,
    REFERRAL_ID,
    SENDER,
    confidential_request,
    consent_ended,
    consent_recorded,
    referral_requested,
    service_published,
)
from tests.services import stories
from tests.services.conftest import ReferralsUnderTest
from tests.services.stories import R, bring_to, prepare

CASE_CONSENT_ID = uuid7()


def recorded(referrals: ReferralsUnderTest) -> list[Message]:
    return [fact for fact in referrals.facts if fact.type == "referral.recorded.v1"]


@pytest.mark.parametrize("state", sorted(stories.TO))
def test_every_transition_is_recorded_once_under_its_number(referrals: ReferralsUnderTest, state: str) -> None:
    bring_to(referrals, state)
    numbered = referrals.rows("select sequence, what from history where sequence is not null order by sequence")
    assert [(fact.sequence, fact.data.state) for fact in recorded(referrals)] == [
        (step["sequence"], step["what"]) for step in numbered
    ]
    assert {fact.recipient for fact in recorded(referrals)} == {None}


def test_what_is_recorded_says_who_what_and_where(referrals: ReferralsUnderTest) -> None:
    bring_to(referrals, "sent", need_id=NEED_ID)
    (fact,) = recorded(referrals)
    said = fact.data
    assert (said.referral_id, said.person_id, said.need_id) == (REFERRAL_ID, PERSON_ID, NEED_ID)
    assert (said.sender, said.recipient, said.need_code, said.urgency) == (
        SENDER,
        RECIPIENT,
        "health.consultation",
        "normal",
    )
    assert (said.sent_at, said.changed_at, said.changed_by, said.zone) == (NOW, NOW, SENDER, "08001")


def test_a_service_of_several_municipalities_is_recorded_without_one(referrals: ReferralsUnderTest) -> None:
    prepare(referrals)
    referrals.hear(service_published(zones=("08001", "08758")), source=RECIPIENT, said_at=NOW + timedelta(hours=1))
    referrals.hear(referral_requested(), source=SENDER)
    assert recorded(referrals)[-1].data.zone is None


def test_a_confidential_case_is_recorded_without_the_person_and_without_the_need(
    referrals: ReferralsUnderTest,
) -> None:
    prepare(referrals)
    consent_id = uuid7()
    covering = {"field_groups": (codes.FieldGroup.CONTACT, codes.FieldGroup.PROTECTION), "case_code": "GBV-0001"}
    referrals.hear(consent_recorded(consent_id=consent_id, person_id=None, **covering), source="hub")
    referrals.hear(confidential_request(consent_id=consent_id), source=SENDER)
    referrals.hear(*stories.received[:1], source=RECIPIENT)
    for fact in recorded(referrals):
        assert (fact.data.person_id, fact.data.need_id) == (None, None)
        assert "GBV-0001" not in fact.to_json().decode()
    assert len(recorded(referrals)) == 2


COUNTED = {
    *("referral_id", "state", "changed_at", "changed_by", "sender", "recipient", "service_id", "need_code", "urgency"),
    *("sent_at", "answer_by", "zone", "decline_reason", "outcome", "confidential"),
}


@pytest.mark.parametrize("state", sorted(stories.TO))
def test_of_a_confidential_case_nothing_is_told_but_what_is_counted(referrals: ReferralsUnderTest, state: str) -> None:
    """Of a case under a code whose need is nothing special, too: what was told of it before is all that is told now."""
    prepare(referrals)
    case = {"consent_id": CASE_CONSENT_ID, "person_id": None, "case_code": "ACX-0001"}
    contact = (codes.FieldGroup.CONTACT,)
    referrals.hear(consent_recorded(**case, field_groups=contact), source="hub")
    referrals.hear(referral_requested(**case, shares=contact), source=SENDER)
    for data, source in stories.TO[state]:
        withdrawn = (data, source) == stories.withdrawn
        referrals.hear(consent_ended(consent_id=CASE_CONSENT_ID) if withdrawn else data, source=source)
    for fact in recorded(referrals):
        said = fact.data.model_dump(exclude_none=True)
        assert {name for name, value in said.items() if value != ()} <= COUNTED
        assert said["confidential"]


# -- what a list of work and a timeline show --------------------------------------------------------------------------


@pytest.mark.parametrize("state", sorted(stories.TO))
def test_what_the_parties_are_told_of_a_transition_is_recorded_as_well(
    referrals: ReferralsUnderTest, state: str
) -> None:
    prepare(referrals)
    told = referrals.hear(referral_requested(), source=SENDER)
    for data, source in stories.TO[state]:
        told += referrals.hear(data, source=source)
    statuses = {one.sequence: one.data for one in told if one.type == "referral.status.v1"}
    for fact in recorded(referrals):
        status = statuses[fact.sequence]
        both = set(contracts.ReferralStatus.model_fields) & set(contracts.ReferralRecorded.model_fields)
        assert {"due_at", "purge_by", "visit_at", "mode", "topic", "place_in_line", "cancel_reason"} < both
        assert {name: getattr(fact.data, name) for name in both} == {name: getattr(status, name) for name in both}


@pytest.mark.parametrize(
    ("state", "waits_for", "next_step", "due", "next_due"),
    [
        ("sent", "receipt", "remind", timedelta(days=3), timedelta(days=1.5)),
        ("received", "decision", "remind", timedelta(days=14), timedelta(days=7)),
        ("info_requested", "answer", "remind", timedelta(days=7), timedelta(days=3.5)),
        ("waitlisted", "decision", "remind", timedelta(days=20), timedelta(days=10)),
        ("completed", "outcome", "remind", timedelta(days=14), timedelta(days=7)),
        ("cancel_requested", "cancellation", "remind", timedelta(days=14), timedelta(days=7)),
    ],
)
def test_it_is_recorded_what_a_referral_waits_for_and_what_comes_next(
    referrals: ReferralsUnderTest, state: str, waits_for: str, next_step: str, due: timedelta, next_due: timedelta
) -> None:
    bring_to(referrals, state)
    said = recorded(referrals)[-1].data
    assert (said.waits_for, said.next_step, said.due_at, said.next_step_at) == (
        waits_for,
        next_step,
        NOW + due,
        NOW + next_due,
    )


@pytest.mark.parametrize("state", ["declined", "accepted", "scheduled", "in_service", "closed", "cancelled"])
def test_where_nobody_is_waited_for_nothing_comes_next(referrals: ReferralsUnderTest, state: str) -> None:
    bring_to(referrals, state)
    said = recorded(referrals)[-1].data
    assert (said.waits_for, said.next_step, said.due_at, said.next_step_at, said.purge_by) == (None,) * 5


def test_where_consent_is_withdrawn_the_purge_is_what_is_waited_for(referrals: ReferralsUnderTest) -> None:
    bring_to(referrals, "consent_withdrawn")
    said = recorded(referrals)[-1].data
    assert (said.due_at, said.purge_by, said.waits_for) == (None, NOW + timedelta(days=15), "purge")


def test_every_transition_says_under_what_it_was_sent_and_what_for(referrals: ReferralsUnderTest) -> None:
    minor = contracts.Minor(caregiver_is_sealed=True, unaccompanied=False, best_interest_assessed=False)
    bring_to(referrals, "closed", minor=minor)
    assert len(recorded(referrals)) == 5
    for fact in recorded(referrals):
        said = fact.data
        assert (said.consent_id, said.override, said.minor) == (CONSENT_ID, None, minor)
        assert (said.reason_code, said.shares) == (referral_requested().reason_code, referral_requested().shares)


def test_a_new_place_in_line_says_the_same(referrals: ReferralsUnderTest) -> None:
    bring_to(referrals, "waitlisted")
    (was, *_) = recorded(referrals)
    (moved,) = referrals.rows("update place_in_line set place = 3, notified_at = 'epoch' returning referral_id")
    referrals.tick("move_up_lines")
    said = recorded(referrals)[-1].data
    assert (moved["referral_id"], said.place_in_line) == (REFERRAL_ID, 3)
    assert (said.reason_code, said.shares, said.waits_for) == (was.data.reason_code, was.data.shares, "decision")


def test_a_referral_without_consent_says_why_for_as_long_as_it_lasts(referrals: ReferralsUnderTest) -> None:
    override = contracts.ConsentOverride(
        authorised_by="S-12", reason=codes.OverrideReason.LIFE_AT_RISK, expires_after_hours=4
    )
    bring_to(referrals, "accepted", consent_id=None, override=override)
    assert {(fact.data.consent_id, fact.data.override) for fact in recorded(referrals)} == {(None, "life_at_risk")}
    assert not any("S-12" in fact.to_json().decode() for fact in recorded(referrals))


def test_of_an_erased_person_it_is_no_longer_recorded_what_was_asked(referrals: ReferralsUnderTest) -> None:
    bring_to(referrals, "received")
    referrals.hear(contracts.PersonErased(person_id=PERSON_ID, erased_at=NOW), source="hub")
    data, source = stories.entered_in_error
    referrals.hear(data, source=source)
    for fact in recorded(referrals)[-2:]:
        assert (fact.data.reason_code, fact.data.shares, fact.data.minor, fact.data.visit_at) == (None, (), None, None)


def test_the_reasons_that_are_counted_are_recorded(referrals: ReferralsUnderTest) -> None:
    bring_to(referrals, "declined")
    assert recorded(referrals)[-1].data.decline_reason == "no_capacity"


def test_the_hubs_closing_repeats_what_the_recipient_said_came_of_it(referrals: ReferralsUnderTest) -> None:
    bring_to(referrals, "accepted")
    not_met = contracts.ReferralCompleted(
        **R, outcome=codes.Outcome.NOT_MET, not_met_reason=codes.NotMetReason.NO_CAPACITY
    )
    referrals.hear(not_met, source=RECIPIENT)
    while recorded(referrals)[-1].data.state != "closed":
        referrals.clock.now += timedelta(days=1)
        assert referrals.clock.now < NOW + timedelta(days=30)
        referrals.tick()
    closing = recorded(referrals)[-1].data
    assert (closing.changed_by, closing.outcome, closing.not_met_reason) == ("hub", "not_met", "no_capacity")


def test_what_is_refused_records_nothing(referrals: ReferralsUnderTest) -> None:
    bring_to(referrals, "declined")
    before = len(referrals.facts)
    data, source = stories.declined
    with pytest.raises(rules.Refused):
        referrals.hear(data, source=source)
    assert len(referrals.facts) == before


# -- what is no transition --------------------------------------------------------------------------------------------


def noted(referrals: ReferralsUnderTest) -> list[Message]:
    return [fact for fact in referrals.facts if fact.type == "referral.noted.v1"]


def let_it_expire(referrals: ReferralsUnderTest) -> None:
    while recorded(referrals)[-1].data.state != "expired":
        referrals.clock.now += timedelta(hours=6)
        assert referrals.clock.now < NOW + timedelta(days=30)
        referrals.tick()


@pytest.mark.parametrize(
    ("state", "awaited", "waits_for"),
    [
        ("sent", RECIPIENT, "receipt"),
        ("received", RECIPIENT, "decision"),
        ("waitlisted", RECIPIENT, "decision"),
        ("info_requested", SENDER, "answer"),
    ],
)
def test_what_a_deadline_does_is_noted_with_what_comes_next(
    referrals: ReferralsUnderTest, state: str, awaited: str, waits_for: str
) -> None:
    referrals.hear(service_published(service_id=(good := uuid7())), source=ANOTHER)
    bring_to(referrals, state)
    due_at = recorded(referrals)[-1].data.due_at
    let_it_expire(referrals)
    assert [(fact.data.what, fact.data.next_step) for fact in noted(referrals)] == [
        ("reminded", "escalate"),
        ("escalated", "suggest"),
        ("alternatives_suggested", "expire"),
    ]
    for fact, following in zip(noted(referrals), [*noted(referrals)[1:], recorded(referrals)[-1]], strict=True):
        said, when = fact.data, getattr(following.data, "noted_at", None) or following.data.changed_at
        assert (said.state, said.noted_by, said.awaited, said.waits_for) == (state, "hub", (awaited,), waits_for)
        assert said.due_at == due_at
        assert said.next_step_at is not None
        assert said.next_step_at <= when < said.next_step_at + timedelta(hours=6)
        assert (fact.recipient, fact.sequence) == (None, None)
    assert [one.service_id for one in noted(referrals)[-1].data.alternatives] == [good]


def test_alternatives_to_what_was_declined_are_noted_as_the_hubs(referrals: ReferralsUnderTest) -> None:
    referrals.hear(service_published(service_id=(good := uuid7())), source=ANOTHER)
    bring_to(referrals, "declined")
    (fact,) = noted(referrals)
    said = fact.data
    assert (said.what, said.noted_by, said.state) == ("alternatives_suggested", "hub", "declined")
    assert (said.awaited, said.due_at, said.next_step) == ((), None, None)
    assert [one.service_id for one in said.alternatives] == [good]


@pytest.mark.parametrize("state", sorted(stories.TO.keys() - {"consent_withdrawn"}))
def test_who_owes_a_purge_is_noted_whether_the_referral_had_ended_or_not_until_nobody_does(
    referrals: ReferralsUnderTest, state: str
) -> None:
    bring_to(referrals, state)
    referrals.hear(*stories.withdrawn[:1], source="hub")
    ended = state in {"declined", "closed", "cancelled", "entered_in_error"}
    purge, _ = stories.purged
    referrals.hear(purge, source=RECIPIENT)
    referrals.hear(purge, source=SENDER)
    owed, *purged = [fact.data for fact in noted(referrals) if fact.data.what in ("purge_owed", "purged")]
    assert (owed.what, owed.noted_by, owed.state) == ("purge_owed", "hub", state if ended else "consent_withdrawn")
    assert (owed.waits_for, owed.purge_by, owed.due_at) == ("purge", NOW + timedelta(days=15), None)
    assert set(owed.awaited) == {SENDER, RECIPIENT}
    assert [(one.what, one.noted_by, one.awaited) for one in purged] == [
        ("purged", RECIPIENT, (SENDER,)),
        ("purged", SENDER, ()),
    ]
    assert (purged[-1].purge_by, purged[-1].waits_for, purged[-1].next_step) == (None, None, None)


def test_of_a_confidential_case_it_is_noted_that_something_happened_and_nothing_else(
    referrals: ReferralsUnderTest,
) -> None:
    referrals.hear(service_published(service_id=uuid7()), source=ANOTHER)
    prepare(referrals)
    case = {"consent_id": CASE_CONSENT_ID, "person_id": None, "case_code": "ACX-0001"}
    contact = (codes.FieldGroup.CONTACT,)
    referrals.hear(consent_recorded(**case, field_groups=contact), source="hub")
    referrals.hear(referral_requested(**case, shares=contact), source=SENDER)
    let_it_expire(referrals)
    referrals.hear(consent_ended(consent_id=CASE_CONSENT_ID), source="hub")
    referrals.hear(*stories.purged[:1], source=RECIPIENT)
    events = ["reminded", "escalated", "alternatives_suggested", "purge_owed", "purged"]
    assert [fact.data.what for fact in noted(referrals)] == events
    for fact in noted(referrals):
        said = {name for name, value in fact.data.model_dump(exclude_none=True).items() if value != ()}
        assert said == {"referral_id", "what", "noted_at", "noted_by", "state", "confidential"}


def test_of_an_erased_person_too_it_is_noted_who_owes_a_purge(referrals: ReferralsUnderTest) -> None:
    bring_to(referrals, "received")
    referrals.hear(contracts.PersonErased(person_id=PERSON_ID, erased_at=NOW), source="hub")
    assert [fact.data.what for fact in noted(referrals)] == ["purge_owed"]


# -- services that the hub answers for -------------------------------------------------------------------------------


def test_where_the_hub_answers_it_is_told_what_the_recipient_is_told(referrals: ReferralsUnderTest) -> None:
    referrals.hear(service_published(answered_by="hub"), source=RECIPIENT)
    referrals.hear(consent_recorded(), source="hub")
    told = referrals.hear(referral_requested(), source=SENDER)
    for data, source in (stories.received, stories.accepted, stories.completed):
        told += referrals.hear(data, source=source)
    to_recipient = [message for message in told if message.recipient == RECIPIENT]
    copies = [fact for fact in referrals.facts if fact.type in ("referral.offered.v1", "referral.status.v1")]
    assert [(one.type, one.sequence, one.data) for one in copies] == [
        (one.type, one.sequence, one.data) for one in to_recipient
    ]


def test_a_note_to_the_recipient_is_not_copied(referrals: ReferralsUnderTest) -> None:
    referrals.hear(service_published(answered_by="hub"), source=RECIPIENT)
    referrals.hear(consent_recorded(), source="hub")
    referrals.hear(referral_requested(), source=SENDER)
    for data, source in (stories.received, stories.info_requested, stories.info_provided):
        referrals.hear(data, source=source)
    statuses = [fact for fact in referrals.facts if fact.type == "referral.status.v1"]
    assert len(statuses) == 3
    assert not any('"eyJ' in fact.to_json().decode() for fact in statuses)


def test_where_the_hub_answers_it_is_reminded_of_what_the_recipient_owes(referrals: ReferralsUnderTest) -> None:
    referrals.hear(service_published(answered_by="hub"), source=RECIPIENT)
    referrals.hear(consent_recorded(), source="hub")
    referrals.hear(referral_requested(), source=SENDER)
    for data, source in (stories.received, stories.declined, stories.withdrawn):
        referrals.hear(data, source=source)
    (reminder,) = [fact for fact in referrals.facts if fact.type == "referral.reminder.v1"]
    assert (reminder.data.referral_id, reminder.data.waits_for) == (REFERRAL_ID, "purge")
    purged, _ = stories.purged
    referrals.hear(purged, source=RECIPIENT)
    referrals.clock.now += timedelta(days=8)
    assert [message.recipient for message in referrals.tick()] == [SENDER]
    assert [fact for fact in referrals.facts if fact.type == "referral.reminder.v1"] == [reminder]


def test_where_the_organisation_answers_nothing_is_copied(referrals: ReferralsUnderTest) -> None:
    bring_to(referrals, "closed")
    assert {fact.type for fact in referrals.facts} == {"referral.recorded.v1", "service.recorded.v1"}


# -- a hundred at once ------------------------------------------------------------------------------------------------


def test_a_hundred_requests_of_one_cause_are_each_sent_and_the_doubled_ones_refused(
    referrals: ReferralsUnderTest,
) -> None:
    prepare(referrals)
    sent, refused = 0, []
    people = [(uuid7(), uuid7()) for _ in range(90)]
    for person_id, consent_id in people:
        referrals.hear(consent_recorded(consent_id=consent_id, person_id=person_id), source="hub")
    for person_id, consent_id in [*people, *people[:10]]:
        asked = referral_requested(referral_id=uuid7(), person_id=person_id, consent_id=consent_id)
        try:
            sent += len(referrals.hear(asked, source=SENDER)) == 2
        except rules.Refused as refusal:
            refused.append(refusal.code)
    assert (sent, len(recorded(referrals))) == (90, 90)
    assert refused == ["open_referral_exists"] * 10
