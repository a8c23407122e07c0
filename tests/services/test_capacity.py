"""An organisation says whether a service can take people on: its own service, its newest word."""

from datetime import timedelta
from typing import Any

import pytest

import contracts
from contracts import codes
from services.referrals import rules
from tests.examples import NOW, RECIPIENT, SERVICE_ID, service_published
from tests.services.conftest import ReferralsUnderTest

HOUR = timedelta(hours=1)


def capacity_stated(**overrides: Any) -> contracts.CapacityStated:
    return contracts.CapacityStated(
        **{
            "service_id": SERVICE_ID,
            "state": codes.CapacityState.WAITING_LIST,
            "waiting": 14,
            "estimate_days": 20,
            "stated_at": NOW,
            "valid_until": NOW + 72 * HOUR,
            **overrides,
        }
    )


def kept(referrals: ReferralsUnderTest) -> list[tuple[Any, ...]]:
    return [(row["state"], row["waiting"]) for row in referrals.rows("select state, waiting from capacity")]


def test_what_is_stated_is_kept(referrals: ReferralsUnderTest) -> None:
    referrals.hear(service_published(), source=RECIPIENT)
    assert referrals.hear(capacity_stated(), source=RECIPIENT) == []
    assert kept(referrals) == [("waiting_list", 14)]


def test_a_newer_word_replaces_an_older_one(referrals: ReferralsUnderTest) -> None:
    referrals.hear(service_published(), source=RECIPIENT)
    referrals.hear(capacity_stated(), source=RECIPIENT)
    referrals.clock.now = NOW + HOUR
    newer = capacity_stated(state=codes.CapacityState.OPEN, waiting=None, stated_at=NOW + HOUR)
    referrals.hear(newer, source=RECIPIENT)
    assert kept(referrals) == [("open", None)]


@pytest.mark.parametrize("stated_at", [NOW - HOUR, NOW])
def test_an_older_word_and_a_repeat_change_nothing(referrals: ReferralsUnderTest, stated_at: Any) -> None:
    referrals.hear(service_published(), source=RECIPIENT)
    referrals.hear(capacity_stated(), source=RECIPIENT)
    with pytest.raises(rules.Refused, match=r"^superseded$"):
        referrals.hear(capacity_stated(state=codes.CapacityState.FULL, stated_at=stated_at), source=RECIPIENT)
    assert kept(referrals) == [("waiting_list", 14)]


def test_a_service_may_be_published_again_without_a_word_on_its_capacity(referrals: ReferralsUnderTest) -> None:
    referrals.hear(service_published(), source=RECIPIENT)
    referrals.hear(capacity_stated(), source=RECIPIENT)
    referrals.hear(service_published(name="Consulta"), source=RECIPIENT, said_at=NOW + HOUR)
    assert kept(referrals) == [("waiting_list", 14)]
