"""What the hub's other services are told of the services that organisations offer."""

from datetime import timedelta
from typing import Any

import pytest

import contracts
from contracts import codes
from services.referrals import rules
from tests.examples import ANOTHER, NOW, RECIPIENT, SERVICE_ID, service_published
from tests.services.conftest import ReferralsUnderTest
from tests.services.test_capacity import capacity_stated

HOUR = timedelta(hours=1)


def told(referrals: ReferralsUnderTest, said: Any, **how: Any) -> contracts.ServiceRecorded:
    """What the hub's services are told once an organisation has said something of a service of its own."""
    assert referrals.hear(said, source=RECIPIENT, **how) == []
    answer = referrals.facts.pop()
    assert referrals.facts == []
    assert (answer.type, answer.recipient, answer.subject) == ("service.recorded.v1", None, str(SERVICE_ID))
    fact: contracts.ServiceRecorded = answer.data
    return fact


def test_a_service_is_told_as_it_is_known_now_with_what_was_stated_last(referrals: ReferralsUnderTest) -> None:
    said = told(referrals, service_published())
    assert (said.organisation, said.name, said.active) == (RECIPIENT, "Consulta médica general", True)
    assert (said.need_codes, said.zones, said.published_at) == (
        ("health.consultation", "health.medicines"), ("08001",), NOW,
    )  # fmt: skip
    assert (said.capacity, said.stated_at) == (None, None)

    stated = told(referrals, capacity_stated())
    assert (stated.capacity, stated.stated_at) == (
        codes.CapacityState(capacity_stated().state),
        capacity_stated().stated_at,
    )

    again = service_published(name="Consulta", active=False)
    withdrawn = told(referrals, again, said_at=NOW + HOUR)
    assert (withdrawn.name, withdrawn.active, withdrawn.published_at) == ("Consulta", False, NOW + HOUR)
    assert withdrawn.capacity == stated.capacity


@pytest.mark.parametrize(
    ("said", "source"),
    [(service_published(name="Otra"), ANOTHER), (service_published(name="Otra"), RECIPIENT)],
    ids=["another's", "older"],
)
def test_what_is_refused_is_told_nobody(referrals: ReferralsUnderTest, said: Any, source: str) -> None:
    referrals.hear(service_published(), source=RECIPIENT, said_at=NOW)
    before = [*referrals.facts]
    with pytest.raises(rules.Refused):
        referrals.hear(said, source=source, said_at=NOW - HOUR)
    assert referrals.facts == before


def test_a_place_that_is_hidden_is_in_no_fact(referrals: ReferralsUnderTest) -> None:
    hidden = service_published(need_codes=("gbv.case_management",), confidential_location=True, description="Calle 72")
    assert "Calle 72" not in told(referrals, hidden).model_dump_json()
