"""A confidential case goes to nobody who reads with the hub's screens, by whatever message it would get there."""

from datetime import timedelta
from typing import Any

import pytest

import contracts
from contracts import codes, uuid7
from contracts.codes import Power
from services.referrals import rules
from tests.examples import (
    ANOTHER,
    NOW,
    RECIPIENT,
    SENDER,
    confidential_request,
    consent_recorded,
    organisation_recorded,
    referral_requested,
    service_published,
)
from tests.services import stories
from tests.services.conftest import ReferralsUnderTest
from tests.services.stories import OTHER_SERVICE_ID, know_the_other, prepare

CASE_CONSENT_ID = uuid7()
GBV: dict[str, Any] = {"need_codes": ("gbv.case_management", "health.consultation")}
COVERING: dict[str, Any] = {
    "person_id": None,
    "case_code": "GBV-0001",
    "field_groups": (codes.FieldGroup.CONTACT, codes.FieldGroup.PROTECTION),
}


def uses_screens(referrals: ReferralsUnderTest, organisation: str, *, number: int = 3) -> None:
    referrals.hear(organisation_recorded(organisation, number=number, powers=(Power.USES_SCREENS,)), source="hub")


def send_a_case(referrals: ReferralsUnderTest, **asked: Any) -> Any:
    prepare(referrals)
    referrals.hear(consent_recorded(consent_id=CASE_CONSENT_ID, **COVERING), source="hub")
    return referrals.hear(confidential_request(consent_id=CASE_CONSENT_ID, **asked), source=SENDER)


def refused(referrals: ReferralsUnderTest, said: stories.Said) -> tuple[str, str | None]:
    with pytest.raises(rules.Refused) as refusal:
        referrals.hear(said[0], source=said[1])
    return refusal.value.code, refusal.value.where


@pytest.mark.parametrize("need", ["gbv.case_management", "health.consultation"])
def test_no_request_of_one_is_taken_however_it_came_in(referrals: ReferralsUnderTest, need: str) -> None:
    uses_screens(referrals, RECIPIENT)
    with pytest.raises(rules.Refused, match=r"^confidential_needs_own_key$"):
        send_a_case(referrals, need_code=need)


@pytest.mark.parametrize("need", ["gbv.case_management", "health.consultation"])
def test_nobody_passes_one_on_to_who_uses_the_screens(referrals: ReferralsUnderTest, need: str) -> None:
    send_a_case(referrals, need_code=need)
    know_the_other(referrals, **COVERING)
    referrals.hear(*stories.received[:1], source=RECIPIENT)
    uses_screens(referrals, ANOTHER)
    assert refused(referrals, stories.redirected) == ("confidential_needs_own_key", "data.recipient")
    # What is refused has changed nothing: it is still its recipient's to answer.
    assert [one["state"] for one in referrals.rows("select state from referral")] == ["received"]

    referrals.hear(organisation_recorded(ANOTHER, number=4), source="hub")  # with a system of its own, say
    offered = [one for one in referrals.hear(*stories.redirected[:1], source=RECIPIENT) if "offered" in one.type]
    assert [one.recipient for one in offered] == [ANOTHER]


def test_a_closed_one_is_not_opened_again_at_who_uses_them_meanwhile(referrals: ReferralsUnderTest) -> None:
    send_a_case(referrals)
    for data, source in stories.TO["closed"]:
        referrals.hear(data, source=source)
    uses_screens(referrals, RECIPIENT)
    assert refused(referrals, stories.reopened) == ("confidential_needs_own_key", None)


def test_any_other_case_goes_there(referrals: ReferralsUnderTest) -> None:
    uses_screens(referrals, RECIPIENT)
    uses_screens(referrals, ANOTHER)
    prepare(referrals)
    referrals.hear(referral_requested(), source=SENDER)
    know_the_other(referrals)
    referrals.hear(*stories.received[:1], source=RECIPIENT)
    assert any("offered" in one.type for one in referrals.hear(*stories.redirected[:1], source=RECIPIENT))


def test_who_could_not_be_sent_one_is_not_suggested_for_it(referrals: ReferralsUnderTest) -> None:
    send_a_case(referrals, need_code="gbv.case_management")
    later = NOW + timedelta(hours=1)
    referrals.hear(service_published(**GBV), source=RECIPIENT, said_at=later)
    referrals.hear(service_published(service_id=OTHER_SERVICE_ID, **GBV), source=ANOTHER)

    def suggested(need: str) -> list[str]:
        sought = contracts.ServicesSought(search_id=uuid7(), need_code=need, urgency=codes.Urgency.NORMAL, zone="08001")
        (answer,) = referrals.hear(sought, source=SENDER)
        return sorted(one.organisation for one in answer.data.services)

    assert suggested("gbv.case_management") == sorted([RECIPIENT, ANOTHER])
    uses_screens(referrals, ANOTHER)
    assert suggested("gbv.case_management") == [RECIPIENT]
    assert suggested("health.consultation") == sorted([RECIPIENT, ANOTHER])
    referrals.hear(*stories.received[:1], source=RECIPIENT)
    told = referrals.hear(*stories.declined[:1], source=RECIPIENT)
    assert not [one for one in told if "alternatives" in one.type]
