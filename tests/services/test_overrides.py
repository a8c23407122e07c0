"""Consent is overridden for a life at risk, now and then: not by the thousand, and not without anybody's knowing."""

from datetime import timedelta
from typing import Any

import pytest

import contracts
from contracts import Message, codes, uuid7
from services.referrals import rules
from services.referrals.rules.sending import OVERRIDES_AT_MOST
from tests.examples import (
    ANOTHER,
    COORDINATOR,
    NOW,
    PERSON_ID,
    RECIPIENT,
    SENDER,
    confidential_request,
    referral_requested,
    service_published,
)
from tests.services.conftest import ReferralsUnderTest
from tests.services.stories import prepare

HOUR = timedelta(hours=1)
OVERRIDE = contracts.ConsentOverride(
    authorised_by="RC-77", reason=codes.OverrideReason.LIFE_AT_RISK, expires_after_hours=6
)


def override(referrals: ReferralsUnderTest, by: str = SENDER, **asked: Any) -> list[Message[Any]]:
    """Refer an invented person without their consent."""
    fields = {"referral_id": uuid7(), "person_id": uuid7(), "consent_id": None, "override": OVERRIDE, **asked}
    return referrals.hear(referral_requested(**fields), source=by)


def test_after_twenty_overrides_in_an_hour_an_organisation_is_refused(referrals: ReferralsUnderTest) -> None:
    prepare(referrals)
    for _ in range(OVERRIDES_AT_MOST):
        override(referrals)
    for _ in range(3):
        with pytest.raises(rules.Refused, match=r"^override_limit$"):
            override(referrals)
    assert len(referrals.rows("select 1 from referral")) == OVERRIDES_AT_MOST == 20


@pytest.mark.parametrize(
    "asked",
    [
        {"urgency": codes.Urgency.EMERGENCY},
        {"need_code": "health.medicines"},
        {"override": OVERRIDE.model_copy(update={"authorised_by": "RC-78", "expires_after_hours": 72})},
        {"override": OVERRIDE.model_copy(update={"reason": codes.OverrideReason.CHILD_AT_RISK})},
    ],
)
def test_nothing_in_the_request_gets_round_the_limit(referrals: ReferralsUnderTest, asked: dict[str, Any]) -> None:
    prepare(referrals)
    for _ in range(OVERRIDES_AT_MOST):
        override(referrals)
    with pytest.raises(rules.Refused, match=r"^override_limit$"):
        override(referrals, **asked)


def test_cases_services_and_recipients_count_together(referrals: ReferralsUnderTest) -> None:
    prepare(referrals)
    referrals.hear(service_published(service_id=(elsewhere := uuid7())), source=ANOTHER)
    for number in range(OVERRIDES_AT_MOST // 2):
        override(referrals, recipient=ANOTHER, service_id=elsewhere)
        case = confidential_request(
            referral_id=uuid7(), case_code=f"GBV-{number:04}", consent_id=None, override=OVERRIDE
        )
        referrals.hear(case, source=SENDER)
    with pytest.raises(rules.Refused, match=r"^override_limit$"):
        override(referrals)


def test_a_clock_that_is_wrong_at_the_sender_does_not_get_round_the_limit(referrals: ReferralsUnderTest) -> None:
    prepare(referrals)
    for number in range(OVERRIDES_AT_MOST):
        asked = referral_requested(referral_id=uuid7(), person_id=uuid7(), consent_id=None, override=OVERRIDE)
        referrals.hear(asked, source=SENDER, said_at=NOW - number * timedelta(minutes=15))
    with pytest.raises(rules.Refused, match=r"^override_limit$"):
        override(referrals)


def test_an_hour_later_it_may_again_and_meanwhile_others_may(referrals: ReferralsUnderTest) -> None:
    prepare(referrals)
    for _ in range(OVERRIDES_AT_MOST):
        override(referrals)
    assert override(referrals, by=ANOTHER)
    referrals.clock.now += HOUR - timedelta(seconds=1)
    with pytest.raises(rules.Refused, match=r"^override_limit$"):
        override(referrals)
    referrals.clock.now += timedelta(seconds=1)
    assert override(referrals)


def test_who_may_override_no_more_still_refers_under_a_consent(referrals: ReferralsUnderTest) -> None:
    prepare(referrals)
    for _ in range(OVERRIDES_AT_MOST):
        override(referrals)
    assert [one.recipient for one in referrals.hear(referral_requested(), source=SENDER)] == [RECIPIENT, SENDER]


def test_what_is_refused_uses_up_nothing(referrals: ReferralsUnderTest) -> None:
    prepare(referrals)
    for _ in range(OVERRIDES_AT_MOST):
        with pytest.raises(rules.Refused, match=r"^service_not_of_recipient$"):
            override(referrals, recipient=ANOTHER)
    assert override(referrals)


def test_the_coordinators_are_told_of_each_override_without_who_it_is_about(referrals: ReferralsUnderTest) -> None:
    prepare(referrals)
    heard = override(referrals, person_id=PERSON_ID)
    (notice,) = [one for one in heard if one.recipient == COORDINATOR]
    assert isinstance(notice.data, contracts.ReferralConsentOverridden)
    said = notice.data
    assert (said.sender, said.recipient, said.reason) == (SENDER, RECIPIENT, "life_at_risk")
    assert said.expires_at == NOW + 6 * HOUR
    body = notice.to_json().decode()
    assert not any(one in body for one in (str(PERSON_ID), "RC-77", "health.consultation"))


def test_who_refers_under_a_consent_is_nothing_to_a_coordinator(referrals: ReferralsUnderTest) -> None:
    prepare(referrals)
    assert COORDINATOR not in {one.recipient for one in referrals.hear(referral_requested(), source=SENDER)}
