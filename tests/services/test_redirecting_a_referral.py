"""A recipient passes a person on: the referral ends, and a new one, linked to it, goes to the other organisation."""

from datetime import timedelta
from typing import Any

import pytest

from contracts import codes
from services.referrals import rules
from tests.examples import (
    ANOTHER,
    CONSENT_ID,
    NOW,
    RECIPIENT,
    REFERRAL_ID,
    SENDER,
)
from tests.services import stories
from tests.services.conftest import ServiceUnderTest
from tests.services.stories import (
    FRESH_CONSENT_ID,
    ONWARD_ID,
    RESEALED,
    bring_to,
    know_the_other,
    state_of,
)


def test_the_new_referral_is_offered_to_the_other_organisation_in_the_first_senders_name(
    referrals: ServiceUnderTest,
) -> None:
    bring_to(referrals, "received", accessibility=(codes.Accessibility.STEP_FREE,))
    know_the_other(referrals)
    data, source = stories.redirected
    to_sender, to_recipient, offered, sent = referrals.hear(data, source=source)
    assert [(told.recipient, told.sequence, told.data.state) for told in (to_sender, to_recipient)] == [
        (SENDER, 3, "redirected"),
        (RECIPIENT, 3, "redirected"),
    ]
    assert to_sender.data.new_referral_id == ONWARD_ID
    assert (offered.recipient, offered.sequence, offered.subject) == (ANOTHER, 1, str(ONWARD_ID))
    assert (offered.data.sender, offered.data.redirected_from) == (SENDER, REFERRAL_ID)
    assert (offered.data.request.sealed, offered.data.request.consent_id) == (RESEALED, FRESH_CONSENT_ID)
    assert offered.data.request.accessibility == (codes.Accessibility.STEP_FREE,)
    assert (sent.recipient, sent.sequence, sent.data.changed_by) == (SENDER, 1, RECIPIENT)


def test_the_sealed_block_for_the_other_organisation_goes_to_nobody_else(referrals: ServiceUnderTest) -> None:
    bring_to(referrals, "received")
    know_the_other(referrals)
    data, source = stories.redirected
    heard = referrals.hear(data, source=source)
    assert [answer.recipient for answer in heard if RESEALED in answer.to_json().decode()] == [ANOTHER]


def test_the_new_referral_has_its_own_time_to_a_decision(referrals: ServiceUnderTest) -> None:
    bring_to(referrals, "received", answer_by=NOW + timedelta(days=2))
    know_the_other(referrals)
    referrals.clock.now = NOW + timedelta(days=3)
    data, source = stories.redirected
    offered = referrals.hear(data, source=source)[2]
    assert offered.data.answer_by == NOW + timedelta(days=17)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"recipient": SENDER}, "recipient_is_party"),
        ({"recipient": RECIPIENT}, "recipient_is_party"),
        ({"consent_id": CONSENT_ID}, "consent_not_fresh"),
        ({"recipient": "americares"}, "service_not_of_recipient"),
    ],
)
def test_a_redirection_that_may_not_be_leaves_the_referral_where_it_was(
    referrals: ServiceUnderTest, changed: dict[str, Any], code: str
) -> None:
    bring_to(referrals, "received")
    know_the_other(referrals)
    data, source = stories.redirected
    with pytest.raises(rules.Refused, match=rf"^{code}$"):
        referrals.hear(data.model_copy(update=changed), source=source)
    assert state_of(referrals) == "received"


def test_a_redirection_without_a_consent_for_the_other_organisation_is_refused(referrals: ServiceUnderTest) -> None:
    bring_to(referrals, "received")
    know_the_other(referrals, recipients=("americares",))
    data, source = stories.redirected
    with pytest.raises(rules.Refused, match=r"^consent_not_for_recipient$"):
        referrals.hear(data, source=source)
    assert state_of(referrals) == "received"


def test_only_a_referral_that_was_received_is_redirected(referrals: ServiceUnderTest) -> None:
    bring_to(referrals, "accepted")
    know_the_other(referrals)
    data, source = stories.redirected
    with pytest.raises(rules.Refused, match=r"^not_while_accepted$"):
        referrals.hear(data, source=source)
