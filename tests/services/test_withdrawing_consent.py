"""A person takes consent back: every open referral under it stops, and every holder owes a purge receipt."""

from datetime import timedelta
from typing import Any

import pytest

import contracts
from contracts import Message, uuid7
from services.referrals import rules, store
from tests.examples import (
    CONSENT_ID,
    COORDINATOR,
    NOW,
    PERSON_ID,
    RECIPIENT,
    REFERRAL_ID,
    SENDER,
    consent_ended,
    consent_recorded,
    referral_requested,
    service_published,
)
from tests.services import stories
from tests.services.conftest import ServiceUnderTest
from tests.services.stories import ONWARD_ID, TO, bring_to, know_the_other, state_of

DAY = timedelta(days=1)
HOLDERS = [SENDER, RECIPIENT]


def bring_to_its_end(referrals: ServiceUnderTest, state: str) -> None:
    """Bring a referral to an end other than a withdrawal."""
    if state == "redirected":
        bring_to(referrals, "received")
        know_the_other(referrals)
        data, source = stories.redirected
        referrals.hear(data, source=source)
    elif state == "expired":
        bring_to(referrals, "sent")
        pass_days(referrals, 4)
    else:
        bring_to(referrals, state)


def pass_days(referrals: ServiceUnderTest, days: int) -> list[Message[Any]]:
    """Tick every few hours for so many days; return what was said meanwhile."""
    heard = []
    for _ in range(4 * days):
        referrals.clock.now += DAY / 4
        heard += referrals.tick()
    return heard


def owed(referrals: ServiceUnderTest) -> list[str]:
    """Who owes a purge receipt for the referral."""
    rows = store.outstanding_purges(referrals.tx)
    return [row["holder"] for row in rows if row["referral_id"] == REFERRAL_ID]


@pytest.mark.parametrize("state", sorted(TO.keys() - rules.ENDED))
def test_an_open_referral_stops_and_both_holders_are_asked_to_purge(referrals: ServiceUnderTest, state: str) -> None:
    bring_to(referrals, state)
    answers = referrals.hear(consent_ended(), source="hub")
    assert state_of(referrals) == "consent_withdrawn"
    assert [(answer.recipient, answer.data.state, answer.data.changed_by) for answer in answers] == [
        (SENDER, "consent_withdrawn", "hub"),
        (RECIPIENT, "consent_withdrawn", "hub"),
    ]
    assert all(answer.data.purge_by > NOW for answer in answers)


ENDED = sorted(rules.ENDED - {"consent_withdrawn"})


@pytest.mark.parametrize("state", ENDED)
def test_a_referral_that_has_ended_stays_as_it_was_and_both_holders_are_asked_to_purge(
    referrals: ServiceUnderTest, state: str
) -> None:
    bring_to_its_end(referrals, state)
    before = referrals.rows("select state, sequence from referral where referral_id = %s", REFERRAL_ID)
    answers = referrals.hear(consent_ended(), source="hub")
    assert [(one.type, one.recipient, one.sequence, one.subject) for one in answers] == [
        ("referral.reminder.v1", holder, None, str(REFERRAL_ID)) for holder in HOLDERS
    ]
    assert {(one.data.state, one.data.waits_for, one.data.due_at) for one in answers} == {
        (state, "purge", referrals.clock.now + rules.PURGE_WITHIN)
    }
    assert referrals.rows("select state, sequence from referral where referral_id = %s", REFERRAL_ID) == before
    asked = store.history_of(referrals.tx, REFERRAL_ID)[-1]
    assert (asked["what"], asked["sequence"], asked["actor"]) == ("purge_asked", None, "person")


@pytest.mark.parametrize("state", ENDED)
def test_holders_of_what_has_ended_answer_are_reminded_and_escalated_as_any_other(
    referrals: ServiceUnderTest, state: str
) -> None:
    bring_to_its_end(referrals, state)
    referrals.hear(consent_ended(), source="hub")
    assert sorted(owed(referrals)) == sorted(HOLDERS)
    data, _ = stories.purged
    assert referrals.hear(data, source=SENDER) == []
    assert owed(referrals) == [RECIPIENT]
    heard = [one for one in pass_days(referrals, 20) if one.subject == str(REFERRAL_ID)]
    assert [(one.type, one.recipient, one.data.waits_for) for one in heard] == [
        ("referral.reminder.v1", RECIPIENT, "purge"),
        ("referral.escalated.v1", COORDINATOR, "purge"),
    ]
    assert referrals.hear(data, source=RECIPIENT) == []
    assert owed(referrals) == []
    assert state_of(referrals) == state


def test_a_withdrawal_of_the_first_consent_leaves_the_referral_that_went_on_under_another(
    referrals: ServiceUnderTest,
) -> None:
    bring_to_its_end(referrals, "redirected")
    assert {one.subject for one in referrals.hear(consent_ended(), source="hub")} == {str(REFERRAL_ID)}
    (onward,) = referrals.rows("select state, unpurged from referral where referral_id = %s", ONWARD_ID)
    assert onward == {"state": "sent", "unpurged": []}


@pytest.mark.parametrize("source", [SENDER, COORDINATOR])
def test_striking_a_referral_out_cancels_no_purge(referrals: ServiceUnderTest, source: str) -> None:
    bring_to(referrals, "consent_withdrawn")
    purge_by = referrals.clock.now + rules.PURGE_WITHIN
    data, _ = stories.entered_in_error
    told = referrals.hear(data, source=source)
    assert [(one.data.state, one.data.purge_by, one.data.due_at) for one in told] == [
        ("entered_in_error", purge_by, None),
        ("entered_in_error", purge_by, None),
    ]
    receipt, _ = stories.purged
    referrals.hear(receipt, source=SENDER)
    assert [(one.type, one.recipient, one.data.waits_for) for one in pass_days(referrals, 20)] == [
        ("referral.reminder.v1", RECIPIENT, "purge"),
        ("referral.escalated.v1", COORDINATOR, "purge"),
    ]
    assert referrals.hear(receipt, source=RECIPIENT) == []
    assert owed(referrals) == []


def test_a_closed_referral_is_not_opened_again_once_its_consent_has_ended(referrals: ServiceUnderTest) -> None:
    bring_to(referrals, "closed")
    referrals.hear(consent_ended(), source="hub")
    data, source = stories.reopened
    receipt, _ = stories.purged
    for holder in HOLDERS:
        with pytest.raises(rules.Refused, match=r"^consent_withdrawn$"):
            referrals.hear(data, source=source)
        referrals.hear(receipt, source=holder)
    with pytest.raises(rules.Refused, match=r"^consent_withdrawn$"):
        referrals.hear(data, source=source)


def test_every_referral_under_the_consent_stops_and_none_under_another(referrals: ServiceUnderTest) -> None:
    bring_to(referrals, "accepted")
    second, third = uuid7(), uuid7()
    for service_id in (second, third):
        referrals.hear(service_published(service_id=service_id), source=RECIPIENT)
    other_consent = uuid7()
    referrals.hear(consent_recorded(consent_id=other_consent), source="hub")
    referrals.hear(referral_requested(referral_id=uuid7(), service_id=second), source=SENDER)
    referrals.hear(referral_requested(referral_id=uuid7(), service_id=third, consent_id=other_consent), source=SENDER)
    assert len(referrals.hear(consent_ended(), source="hub")) == 4
    rows = referrals.rows("select consent_id, state from referral order by state, referral_id")
    assert [(row["consent_id"], row["state"]) for row in rows] == [
        (CONSENT_ID, "consent_withdrawn"),
        (CONSENT_ID, "consent_withdrawn"),
        (other_consent, "sent"),
    ]


def test_nothing_more_is_sent_under_it(referrals: ServiceUnderTest) -> None:
    bring_to(referrals, "closed")
    referrals.hear(consent_ended(), source="hub")
    with pytest.raises(rules.Refused, match=r"^consent_withdrawn$"):
        referrals.hear(referral_requested(referral_id=uuid7()), source=SENDER)


@pytest.mark.parametrize("state", ["accepted", "closed"])
def test_an_end_heard_twice_keeps_the_first_and_asks_for_nothing_again(referrals: ServiceUnderTest, state: str) -> None:
    bring_to(referrals, state)
    referrals.hear(consent_ended(), source="hub")
    data, _ = stories.purged
    for holder in HOLDERS:
        referrals.hear(data, source=holder)
    assert referrals.hear(consent_ended(ended_at=NOW.replace(year=2027)), source="hub") == []
    assert referrals.rows("select ended_at from consent") == [{"ended_at": NOW}]
    assert owed(referrals) == []


def test_outstanding_receipts_are_visible_until_each_holder_has_answered(referrals: ServiceUnderTest) -> None:
    bring_to(referrals, "consent_withdrawn")
    outstanding = store.outstanding_purges(referrals.tx)
    assert [(row["referral_id"], row["holder"]) for row in outstanding] == [
        (REFERRAL_ID, RECIPIENT),
        (REFERRAL_ID, SENDER),
    ]
    data, _ = stories.purged
    for holder in (SENDER, RECIPIENT):
        assert referrals.hear(data, source=holder) == []
    assert store.outstanding_purges(referrals.tx) == []
    receipts = [
        step["organisation"] for step in store.history_of(referrals.tx, REFERRAL_ID) if step["what"] == "purged"
    ]
    assert receipts == [SENDER, RECIPIENT]


def test_a_receipt_given_twice_is_refused_as_a_repeat(referrals: ServiceUnderTest) -> None:
    bring_to(referrals, "consent_withdrawn")
    data, source = stories.purged
    referrals.hear(data, source=source)
    with pytest.raises(rules.Refused, match=r"^already_purged$"):
        referrals.hear(data, source=source)


def test_the_person_may_be_referred_again_under_a_new_consent(referrals: ServiceUnderTest) -> None:
    bring_to(referrals, "consent_withdrawn")
    new = uuid7()
    referrals.hear(consent_recorded(consent_id=new), source="hub")
    referrals.hear(referral_requested(referral_id=uuid7(), consent_id=new), source=SENDER)
    rows = referrals.rows("select count(*) as count from referral where person_id = %s", PERSON_ID)
    assert rows == [{"count": 2}]


# -- suspended --------------------------------------------------------------------------------------------------------


def test_under_a_suspended_consent_nothing_new_leaves_what_is_open_goes_on_and_resumed_it_holds(
    referrals: ServiceUnderTest,
) -> None:
    bring_to(referrals, "sent")
    referrals.hear(service_published(service_id=stories.OTHER_SERVICE_ID), source=RECIPIENT)
    referrals.hear(contracts.ConsentSuspended(consent_id=CONSENT_ID, suspended_at=NOW), source="hub")
    assert state_of(referrals) == "sent"
    another = referral_requested(referral_id=uuid7(), service_id=stories.OTHER_SERVICE_ID)
    with pytest.raises(rules.Refused, match=r"^consent_suspended$"):
        referrals.hear(another, source=SENDER)
    referrals.hear(contracts.ConsentResumed(consent_id=CONSENT_ID, resumed_at=NOW), source="hub")
    referrals.hear(another, source=SENDER)


@pytest.mark.parametrize(
    ("state", "said"),
    [("info_requested", stories.info_provided), ("closed", stories.reopened)],
    ids=["an answer", "a reopening"],
)
def test_under_a_suspended_consent_no_answer_and_no_reopening_carries_more_of_the_person(
    referrals: ServiceUnderTest, state: str, said: stories.Said
) -> None:
    bring_to(referrals, state)
    referrals.hear(contracts.ConsentSuspended(consent_id=CONSENT_ID, suspended_at=NOW), source="hub")
    data, source = said
    with pytest.raises(rules.Refused, match=r"^consent_suspended$"):
        referrals.hear(data, source=source)
    assert state_of(referrals) == state
    referrals.hear(contracts.ConsentResumed(consent_id=CONSENT_ID, resumed_at=NOW), source="hub")
    referrals.hear(data, source=source)
    assert state_of(referrals) != state
