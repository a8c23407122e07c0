"""A person is erased: what is open stops, what was asked for them is forgotten, and what is counted stays."""

import pytest

import contracts
from contracts import codes, uuid7
from services.referrals import rules
from tests.examples import NEED_ID, NOW, PERSON_ID, RECIPIENT, REFERRAL_ID, SENDER, consent_recorded, referral_requested
from tests.services import stories
from tests.services.conftest import ReferralsUnderTest
from tests.services.stories import bring_to, prepare, state_of

ERASED = contracts.PersonErased(person_id=PERSON_ID, erased_at=NOW)


def test_what_is_open_stops_and_both_parties_are_asked_to_purge(referrals: ReferralsUnderTest) -> None:
    bring_to(referrals, "scheduled")
    told = referrals.hear(ERASED, source="hub")
    assert {(one.recipient, one.data.state) for one in told} == {
        (SENDER, "consent_withdrawn"),
        (RECIPIENT, "consent_withdrawn"),
    }
    assert all(one.data.purge_by for one in told)
    assert referrals.facts[-1].data.state == "consent_withdrawn"


@pytest.mark.parametrize("state", ["scheduled", "closed", "consent_withdrawn"])
def test_what_was_asked_for_them_is_forgotten_and_that_it_was_stays(referrals: ReferralsUnderTest, state: str) -> None:
    bring_to(referrals, state, need_id=NEED_ID)
    referrals.hear(ERASED, source="hub")
    (row,) = referrals.rows("select sender, recipient, need_code, request, need_id, visit_at from referral")
    assert (row["sender"], row["recipient"], row["need_code"]) == (SENDER, RECIPIENT, "health.consultation")
    assert (row["request"], row["need_id"], row["visit_at"]) == ({}, None, None)
    assert str(NEED_ID) not in str(referrals.rows("select referral::text from referral"))


def test_what_has_ended_stays_as_it_was(referrals: ReferralsUnderTest) -> None:
    bring_to(referrals, "closed")
    assert referrals.hear(ERASED, source="hub") == []
    assert state_of(referrals) == "closed"


def test_what_has_ended_is_not_opened_again(referrals: ReferralsUnderTest) -> None:
    bring_to(referrals, "closed")
    referrals.hear(ERASED, source="hub")
    data, source = stories.reopened
    with pytest.raises(rules.Refused, match=r"^person_erased$"):
        referrals.hear(data, source=source)


def test_nothing_more_is_sent_under_a_consent_of_theirs(referrals: ReferralsUnderTest) -> None:
    prepare(referrals)
    referrals.hear(ERASED, source="hub")
    with pytest.raises(rules.Refused, match=r"^consent_withdrawn$"):
        referrals.hear(referral_requested(), source=SENDER)
    assert referrals.rows("select 1 from referral") == []


def test_an_erasure_told_twice_changes_nothing_more(referrals: ReferralsUnderTest) -> None:
    bring_to(referrals, "scheduled")
    referrals.hear(ERASED, source="hub")
    assert referrals.hear(ERASED, source="hub") == []


def test_an_erasure_of_somebody_who_was_never_referred_does_nothing(referrals: ReferralsUnderTest) -> None:
    assert referrals.hear(ERASED, source="hub") == []


def test_nobody_elses_referrals_are_touched(referrals: ReferralsUnderTest) -> None:
    bring_to(referrals, "accepted")
    other, consent_id = uuid7(), uuid7()
    referrals.hear(consent_recorded(consent_id=consent_id, person_id=other), source="hub")
    asked = referral_requested(referral_id=uuid7(), person_id=other, consent_id=consent_id)
    referrals.hear(asked, source=SENDER)
    referrals.hear(contracts.PersonErased(person_id=other, erased_at=NOW), source="hub")
    assert state_of(referrals) == "accepted"
    (row,) = referrals.rows("select request from referral where referral_id = %s", REFERRAL_ID)
    assert row["request"]["contact"]["channel"] == codes.ContactChannel.WHATSAPP


def test_who_waited_behind_an_erased_person_moves_up(referrals: ReferralsUnderTest) -> None:
    bring_to(referrals, "waitlisted")
    referrals.hear(ERASED, source="hub")
    (row,) = referrals.rows("select left_at from place_in_line")
    assert row["left_at"] == NOW
