"""A referral goes on as another, redirected or referred onward: linked both ways, without loops, and not for ever."""

from datetime import timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest

import contracts
from contracts import Message, codes, uuid7
from services.referrals import rules
from services.referrals.rules.chains import CHAIN_AT_MOST
from tests.examples import NOW, PERSON_ID, SEALED, consent_recorded, referral_requested, service_published
from tests.services.conftest import ReferralsUnderTest

ORGANISATIONS = ("redcross", "iom", "fuvadis", "americares", "barranquilla", "unicef", "acnur")


class Chain:
    """A person who is passed on from organisation to organisation, each of which has a service."""

    def __init__(self, referrals: ReferralsUnderTest) -> None:
        self.referrals = referrals
        self.services = {organisation: uuid7() for organisation in ORGANISATIONS}
        for organisation, service_id in self.services.items():
            referrals.hear(service_published(service_id=service_id), source=organisation)

    def consent(self, sender: str, recipient: str, **overrides: Any) -> UUID:
        consent_id = uuid7()
        given = {"consent_id": consent_id, "granted_to": sender, "recipients": (recipient,), **overrides}
        self.referrals.hear(consent_recorded(**given), source="hub")
        return consent_id

    def send(self, sender: str, recipient: str, *, person_id: UUID = PERSON_ID) -> UUID:
        """Refer the person and have the recipient take the referral on; return its id."""
        referral_id = uuid7()
        asked = referral_requested(
            referral_id=referral_id,
            recipient=recipient,
            service_id=self.services[recipient],
            person_id=person_id,
            consent_id=self.consent(sender, recipient, person_id=person_id),
        )
        self.referrals.hear(asked, source=sender)
        self.referrals.hear(contracts.ReferralReceived(referral_id=referral_id), source=recipient)
        return referral_id

    def accept(self, referral_id: UUID, recipient: str) -> None:
        self.referrals.hear(contracts.ReferralAccepted(referral_id=referral_id), source=recipient)

    def refer_onward(self, first: UUID, onward: UUID, recipient: str) -> list[Message]:
        """Complete the first as referred onward."""
        self.accept(first, recipient)
        return self.referrals.hear(onward_of(first, onward), source=recipient)

    def redirect(self, first: UUID, by: str, to: str) -> UUID:
        following = uuid7()
        said = contracts.ReferralRedirected(
            referral_id=first,
            new_referral_id=following,
            recipient=to,
            service_id=self.services[to],
            consent_id=self.consent(by, to),
            sealed=SEALED,
        )
        self.referrals.hear(said, source=by)
        self.referrals.hear(contracts.ReferralReceived(referral_id=following), source=to)
        return following

    def close(self, referral_id: UUID, sender: str, recipient: str) -> list[Message]:
        self.accept(referral_id, recipient)
        met: dict[str, Any] = {"referral_id": referral_id, "outcome": codes.Outcome.NEED_MET}
        self.referrals.hear(contracts.ReferralCompleted(**met), source=recipient)
        return self.referrals.hear(contracts.ReferralClosed(**met), source=sender)


def onward_of(first: UUID, onward: UUID) -> contracts.ReferralCompleted:
    return contracts.ReferralCompleted(
        referral_id=first, outcome=codes.Outcome.REFERRED_ONWARD, onward_referral_id=onward
    )


def closed_as_onward(referral_id: UUID) -> contracts.ReferralClosed:
    return contracts.ReferralClosed(referral_id=referral_id, outcome=codes.Outcome.REFERRED_ONWARD)


def news_of(referral_id: UUID, heard: list[Message]) -> list[tuple[Any, ...]]:
    return [
        (
            message.recipient,
            message.sequence,
            message.data.state,
            message.data.onward_state,
            message.data.onward_outcome,
        )
        for message in heard
        if message.data.referral_id == referral_id
    ]


@pytest.fixture
def chain(referrals: ReferralsUnderTest) -> Chain:
    return Chain(referrals)


def test_both_ends_of_an_onward_referral_know_each_other(chain: Chain) -> None:
    first, onward = chain.send("redcross", "iom"), chain.send("iom", "fuvadis")
    statuses = chain.refer_onward(first, onward, "iom")
    assert [(one.data.state, one.data.onward_referral_id) for one in statuses] == [("completed", onward)] * 2
    rows = chain.referrals.rows(
        "select referral_id, onward_from, goes_on_as from referral order by sent_at, referral_id"
    )
    links = {row.pop("referral_id"): row for row in rows}
    assert links == {
        first: {"onward_from": None, "goes_on_as": onward},
        onward: {"onward_from": first, "goes_on_as": None},
    }


def test_both_ends_of_a_redirection_know_each_other(chain: Chain) -> None:
    first = chain.send("redcross", "iom")
    following = chain.redirect(first, by="iom", to="fuvadis")
    rows = chain.referrals.rows("select redirected_from, goes_on_as from referral order by referral_id = %s", following)
    assert [(row["redirected_from"], row["goes_on_as"]) for row in rows] == [(None, following), (first, None)]


def test_the_first_sender_is_told_what_came_of_it_under_the_next_number(chain: Chain) -> None:
    first, onward = chain.send("redcross", "iom"), chain.send("iom", "fuvadis")
    chain.refer_onward(first, onward, "iom")
    heard = chain.close(onward, "iom", "fuvadis")
    assert news_of(first, heard) == [
        ("redcross", 5, "completed", "closed", "need_met"),
        ("iom", 5, "completed", "closed", "need_met"),
    ]
    recorded = chain.referrals.facts[-1]
    assert (recorded.type, recorded.data.referral_id, recorded.data.outcome, recorded.data.onward_outcome) == (
        "referral.recorded.v1",
        first,
        "referred_onward",
        "need_met",
    )


def test_everybody_before_is_told_by_the_last_of_a_long_chain_and_by_nobody_else(chain: Chain) -> None:
    first, second = chain.send("redcross", "iom"), chain.send("iom", "fuvadis")
    chain.refer_onward(first, second, "iom")
    third = chain.redirect(second, by="fuvadis", to="americares")
    last = chain.send("americares", "barranquilla")
    told = chain.refer_onward(third, last, "americares")
    assert news_of(first, told) == []  # it goes on
    closing = chain.referrals.hear(closed_as_onward(third), source="iom")
    assert news_of(first, closing) == []
    heard = chain.close(last, "americares", "barranquilla")
    assert {one[0] for one in news_of(first, heard)} == {"redcross", "iom"}
    assert {one[0] for one in news_of(third, heard)} == {"iom", "americares"}
    assert news_of(second, heard) == []  # who redirected it is not waiting, and its sender is party to what followed


def test_a_chain_that_had_ended_before_it_was_linked_is_told_at_once(chain: Chain) -> None:
    first, onward = chain.send("redcross", "iom"), chain.send("iom", "fuvadis")
    declined = contracts.ReferralDeclined(referral_id=onward, reason=codes.DeclineReason.NO_LONGER_INTERESTED)
    chain.referrals.hear(declined, source="fuvadis")
    heard = chain.refer_onward(first, onward, "iom")
    assert [(one[1], one[3]) for one in news_of(first, heard)] == [
        (4, None),
        (4, None),
        (5, "declined"),
        (5, "declined"),
    ]


def test_a_chain_that_expires_is_told_too(chain: Chain) -> None:
    first, onward = chain.send("redcross", "iom"), chain.send("iom", "fuvadis")
    chain.refer_onward(first, onward, "iom")
    chain.referrals.hear(closed_as_onward(first), source="redcross")
    heard: list[Message] = []
    while not any(message.data.referral_id == first for message in heard):
        chain.referrals.clock.now += timedelta(hours=12)
        assert chain.referrals.clock.now < NOW + timedelta(days=30)
        heard = chain.referrals.tick()
    assert [one[2:] for one in news_of(first, heard)] == [("closed", "expired", None)] * 2


def test_an_onward_referral_that_is_not_known_or_not_ones_own_is_waited_for_alike(chain: Chain) -> None:
    first, of_others = chain.send("redcross", "iom"), chain.send("fuvadis", "americares")
    chain.accept(first, "iom")
    for onward in (uuid7(), of_others):
        with pytest.raises(rules.MissingPrerequisite) as out_of_order:
            chain.referrals.hear(onward_of(first, onward), source="iom")
        assert (out_of_order.value.code, out_of_order.value.key) == ("not_a_party", str(onward))
    rows = chain.referrals.rows("select state from referral where referral_id = %s", first)
    assert rows == [{"state": "accepted"}]


def test_only_what_one_has_sent_oneself_goes_on_from_ones_referral(chain: Chain) -> None:
    first, received = chain.send("redcross", "iom"), chain.send("fuvadis", "iom", person_id=uuid7())
    with pytest.raises(rules.Refused, match=r"^onward_not_yours$"):
        chain.refer_onward(first, received, "iom")


def test_a_chain_is_of_one_person(chain: Chain) -> None:
    first, onward = chain.send("redcross", "iom"), chain.send("iom", "fuvadis", person_id=uuid7())
    with pytest.raises(rules.Refused, match=r"^onward_of_another_person$"):
        chain.refer_onward(first, onward, "iom")


def test_a_referral_goes_on_from_one_other_only(chain: Chain) -> None:
    first, onward = chain.send("redcross", "iom"), chain.send("iom", "fuvadis")
    chain.refer_onward(first, onward, "iom")
    chain.referrals.hear(closed_as_onward(first), source="redcross")
    second = chain.send("americares", "iom")
    with pytest.raises(rules.Refused, match=r"^onward_taken$"):
        chain.refer_onward(second, onward, "iom")


def test_nobody_is_redirected_to_a_service_that_had_them_before(chain: Chain) -> None:
    first = chain.send("redcross", "iom")
    following = chain.redirect(first, by="iom", to="fuvadis")
    with pytest.raises(rules.Refused, match=r"^chain_loops$"):
        chain.redirect(following, by="fuvadis", to="iom")


def test_nobody_is_referred_onward_in_a_circle(chain: Chain) -> None:
    first, second = chain.send("redcross", "iom"), chain.send("iom", "fuvadis")
    chain.refer_onward(first, second, "iom")
    chain.referrals.hear(closed_as_onward(first), source="redcross")
    back = chain.send("fuvadis", "iom")
    with pytest.raises(rules.Refused, match=r"^chain_loops$"):
        chain.refer_onward(second, back, "fuvadis")


def test_nobody_is_passed_on_for_ever(chain: Chain) -> None:
    here = chain.send("redcross", "iom")
    for by, to in pairwise(ORGANISATIONS[1 : CHAIN_AT_MOST + 1]):
        here = chain.redirect(here, by=by, to=to)
    by, to = ORGANISATIONS[CHAIN_AT_MOST], ORGANISATIONS[CHAIN_AT_MOST + 1]
    with pytest.raises(rules.Refused, match=r"^chain_too_long$"):
        chain.redirect(here, by=by, to=to)


def test_nobody_learns_from_a_refusal_to_whom_others_had_sent_the_person_before(chain: Chain) -> None:
    """Of the chain before its own referral the last one knows nothing: nor that the person comes back."""
    first, second = chain.send("redcross", "iom"), chain.send("iom", "fuvadis")
    chain.refer_onward(first, second, "iom")
    third = chain.send("fuvadis", "americares")
    chain.refer_onward(second, third, "fuvadis")
    back_at_the_first = chain.send("americares", "iom")
    chain.refer_onward(third, back_at_the_first, "americares")
    rows = chain.referrals.rows("select goes_on_as from referral where referral_id = %s", third)
    assert rows == [{"goes_on_as": back_at_the_first}]
