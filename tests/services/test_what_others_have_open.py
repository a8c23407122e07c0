"""One organisation's referral of a person is no other sender's business: neither blocked by it, nor told of it."""

from typing import Any
from uuid import UUID

import pytest

import contracts
from contracts import Message, codes, uuid7
from services.referrals import rules, store
from tests.examples import (
    ANOTHER,
    COORDINATOR,
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
from tests.services.stories import FRESH_CONSENT_ID, ONWARD_ID, OTHER_SERVICE_ID, bring_to, know_the_other, prepare

OVERRIDE = contracts.ConsentOverride(
    authorised_by="LF-07", reason=codes.OverrideReason.LIFE_AT_RISK, expires_after_hours=2
)


def consents_to(referrals: ReferralsUnderTest, sender: str, **overrides: Any) -> UUID:
    """Let the person consent to being referred by somebody."""
    consent_id = uuid7()
    referrals.hear(consent_recorded(consent_id=consent_id, granted_to=sender, **overrides), source="hub")
    return consent_id


def ask(referrals: ReferralsUnderTest, sender: str, **asked: Any) -> list[Message[Any]]:
    """Refer the person, under a consent given to the sender where nothing else is said."""
    if "consent_id" not in asked:
        asked["consent_id"] = consents_to(referrals, sender)
    return referrals.hear(referral_requested(**{"referral_id": uuid7(), **asked}), source=sender)


def offered_of(heard: list[Message[Any]]) -> Message[Any]:
    (offered,) = [one for one in heard if isinstance(one.data, contracts.ReferralOffered)]
    return offered


def without_ids(message: Message[Any]) -> dict[str, Any]:
    own = {"referral_id", "request", "service_id"}
    return {name: value for name, value in message.data.model_dump().items() if name not in own}


@pytest.mark.parametrize("state", sorted(rules.OPEN))
def test_another_sender_hears_nothing_of_an_open_referral_in_any_state(
    referrals: ReferralsUnderTest, state: str
) -> None:
    bring_to(referrals, state)
    told = [one for one in ask(referrals, ANOTHER) if one.recipient == ANOTHER]
    alone = [one for one in ask(referrals, ANOTHER, **nobody_else(referrals)) if one.recipient == ANOTHER]
    assert [(one.type, one.sequence, without_ids(one)) for one in told] == [
        (one.type, one.sequence, without_ids(one)) for one in alone
    ]


def nobody_else(referrals: ReferralsUnderTest) -> dict[str, Any]:
    """A person whom nobody else has referred."""
    person_id = uuid7()
    return {"person_id": person_id, "consent_id": consents_to(referrals, ANOTHER, person_id=person_id)}


def test_an_override_of_another_does_not_block_who_has_consent(referrals: ReferralsUnderTest) -> None:
    prepare(referrals)
    ask(referrals, ANOTHER, consent_id=None, override=OVERRIDE)
    assert [one.recipient for one in referrals.hear(referral_requested(), source=SENDER)][:2] == [RECIPIENT, SENDER]


@pytest.mark.parametrize("state", sorted(stories.TO))
def test_the_recipient_is_told_which_others_it_holds_open_for_the_person(
    referrals: ReferralsUnderTest, state: str
) -> None:
    bring_to(referrals, state)
    offered = offered_of(ask(referrals, ANOTHER))
    assert offered.recipient == RECIPIENT
    assert offered.data.also_open == ((REFERRAL_ID,) if state in rules.OPEN else ())


def test_what_asks_another_service_or_is_of_another_person_is_not_named(referrals: ReferralsUnderTest) -> None:
    bring_to(referrals, "received")
    referrals.hear(service_published(service_id=OTHER_SERVICE_ID), source=RECIPIENT)
    assert offered_of(ask(referrals, ANOTHER, service_id=OTHER_SERVICE_ID)).data.also_open == ()
    assert offered_of(ask(referrals, ANOTHER, **nobody_else(referrals))).data.also_open == ()


def test_what_is_open_beside_it_is_named_to_nobody_but_the_recipient(referrals: ReferralsUnderTest) -> None:
    bring_to(referrals, "received")
    referrals.facts.clear()
    heard = ask(referrals, ANOTHER)
    others = [one for one in (*heard, *referrals.facts) if one.recipient != RECIPIENT]
    assert others
    assert not any(str(REFERRAL_ID) in one.to_json().decode() for one in others)


def test_who_redirects_is_not_told_that_the_sender_has_asked_there_itself(referrals: ReferralsUnderTest) -> None:
    bring_to(referrals, "received")
    know_the_other(referrals)
    direct = uuid7()
    own = {"consent_id": consents_to(referrals, SENDER, recipients=(ANOTHER,))}
    ask(referrals, SENDER, referral_id=direct, recipient=ANOTHER, service_id=OTHER_SERVICE_ID, **own)
    data, source = stories.redirected
    heard = referrals.hear(data, source=source)
    assert offered_of(heard).data.also_open == (direct,)
    assert not any(str(direct) in one.to_json().decode() for one in heard if one.recipient != ANOTHER)


def test_nobody_redirects_a_second_referral_of_the_same_sender_to_the_same_service(
    referrals: ReferralsUnderTest,
) -> None:
    bring_to(referrals, "received")
    know_the_other(referrals)
    data, source = stories.redirected
    referrals.hear(data, source=source)
    second = uuid7()
    ask(referrals, SENDER, referral_id=second)
    referrals.hear(contracts.ReferralReceived(referral_id=second), source=RECIPIENT)
    again = data.model_copy(update={"referral_id": second, "new_referral_id": uuid7()})
    with pytest.raises(rules.Refused, match=r"^open_referral_exists$"):
        referrals.hear(again, source=source)


def test_of_a_case_the_recipient_is_told_of_the_same_senders_and_of_no_other(referrals: ReferralsUnderTest) -> None:
    prepare(referrals)
    know_the_other(referrals)
    case = {"person_id": None, "case_code": "GBV-0001"}
    groups = {"field_groups": (codes.FieldGroup.CONTACT, codes.FieldGroup.PROTECTION)}

    def ask_for_the_case(sender: str, recipient: str, service_id: UUID) -> tuple[UUID, Message[Any]]:
        consent_id = consents_to(referrals, sender, recipients=(recipient,), **case, **groups)
        asked = confidential_request(
            referral_id=uuid7(), recipient=recipient, service_id=service_id, consent_id=consent_id
        )
        return asked.referral_id, offered_of(referrals.hear(asked, source=sender))

    stranger, offered = ask_for_the_case("americares", ANOTHER, OTHER_SERVICE_ID)  # the same code of somebody else's
    direct, offered = ask_for_the_case(SENDER, ANOTHER, OTHER_SERVICE_ID)
    assert offered.data.also_open == ()
    first, _ = ask_for_the_case(SENDER, RECIPIENT, referral_requested().service_id)
    referrals.hear(contracts.ReferralReceived(referral_id=first), source=RECIPIENT)
    data, source = stories.redirected
    fresh = consents_to(referrals, RECIPIENT, recipients=(ANOTHER,), **case, **groups)
    onward = data.model_copy(update={"referral_id": first, "new_referral_id": ONWARD_ID, "consent_id": fresh})
    assert offered_of(referrals.hear(onward, source=source)).data.also_open == (direct,)
    assert stranger != direct


def test_a_referral_is_reopened_whatever_another_sender_has_open(referrals: ReferralsUnderTest) -> None:
    bring_to(referrals, "closed")
    ask(referrals, ANOTHER)
    data, _ = stories.reopened
    referrals.hear(data, source=COORDINATOR)
    referrals.check_constraints()


def test_a_batch_names_what_it_has_sent_itself_and_leaves_out_what_it_has_ended(
    referrals: ReferralsUnderTest,
) -> None:
    prepare(referrals)
    referrals.hear(referral_requested(), source=SENDER)
    second = offered_of(ask(referrals, ANOTHER))
    assert second.data.also_open == (REFERRAL_ID,)
    withdrawn, _ = stories.cancel_requested
    referrals.hear(withdrawn, source=SENDER)
    third = offered_of(ask(referrals, "americares"))
    assert third.data.also_open == (second.data.referral_id,)


def test_the_statement_of_what_is_open_and_the_rules_agree() -> None:
    for statement in (store.referrals.OPEN_OF_PERSON, store.referrals.OPEN_OF_CASE):
        assert {state for state in rules.State if f"'{state}'" in statement} == rules.ENDED


def test_more_open_ones_than_the_offer_can_name_do_not_keep_it_back(referrals: ReferralsUnderTest) -> None:
    prepare(referrals)
    for number in range(25):
        offered = offered_of(ask(referrals, f"org-{number:02}"))
        assert len(offered.data.also_open) == min(number, 20)
    assert str(PERSON_ID) not in str(offered.data.also_open)
    assert FRESH_CONSENT_ID not in offered.data.also_open
