"""The hub's other services learn of every transition, and of a confidential case as little as can be counted."""

from datetime import timedelta

import pytest

import contracts
from contracts import Message, codes, uuid7
from services.referrals import rules
from tests.examples import (
    NEED_ID,
    NOW,
    PERSON_ID,
    RECIPIENT,
    REFERRAL_ID,
    SENDER,
    confidential_request,
    consent_recorded,
    referral_requested,
    service_published,
)
from tests.services import stories
from tests.services.conftest import ReferralsUnderTest
from tests.services.stories import R, bring_to, prepare


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
    assert {fact.type for fact in referrals.facts} == {"referral.recorded.v1"}


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
