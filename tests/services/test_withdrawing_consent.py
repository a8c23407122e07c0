"""A person takes consent back: every open referral under it stops, and every holder owes a purge receipt."""

import pytest

from contracts import uuid7
from services.referrals import rules, store
from tests.examples import (
    CONSENT_ID,
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
from tests.services.stories import TO, bring_to, state_of


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


@pytest.mark.parametrize("state", ["declined", "closed", "cancelled", "entered_in_error"])
def test_a_referral_that_has_ended_stays_as_it_was(referrals: ServiceUnderTest, state: str) -> None:
    bring_to(referrals, state)
    assert referrals.hear(consent_ended(), source="hub") == []
    assert state_of(referrals) == state


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


def test_an_end_that_overtook_the_consent_waits(referrals: ServiceUnderTest) -> None:
    with pytest.raises(rules.TooEarly) as early:
        referrals.hear(consent_ended(), source="hub")
    assert early.value.key == str(CONSENT_ID)


def test_an_end_heard_twice_keeps_the_first(referrals: ServiceUnderTest) -> None:
    bring_to(referrals, "accepted")
    referrals.hear(consent_ended(), source="hub")
    assert referrals.hear(consent_ended(ended_at=NOW.replace(year=2027)), source="hub") == []
    assert referrals.rows("select ended_at from consent") == [{"ended_at": NOW}]


def test_outstanding_receipts_are_visible_until_each_holder_has_answered(referrals: ServiceUnderTest) -> None:
    bring_to(referrals, "consent_withdrawn")
    owed = store.outstanding_purges(referrals.tx)
    assert [(row["referral_id"], row["holder"]) for row in owed] == [(REFERRAL_ID, RECIPIENT), (REFERRAL_ID, SENDER)]
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
