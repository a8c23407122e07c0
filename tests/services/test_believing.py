"""No sender's clock more than an hour ahead is believed, in any field that a contract marks, by any service."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import contracts
from contracts import Message
from contracts.fields import Model
from deploy.local import Stack
from messaging import believing, clock
from messaging.answers import Refused
from tests.examples import NOW, consent_granted, need_identified, referral_requested, say, service_published
from tests.examples_employment import agreement_signed
from tests.examples_intake import household_recorded, need_triaged
from tests.services.network import WholeNetwork
from tests.services.outcomes.cases import Said
from tests.services.outcomes.surroundings import CASES, surroundings
from tests.services.test_capacity import capacity_stated

YEAR_2099 = datetime(2099, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
ACTS: list[Any] = [
    pytest.param(case.done, id=f"{service} {type(case.done.data).__name__}")
    for service, cases in CASES.items()
    for case in cases
    if isinstance(case.done, Said) and isinstance(case.done.data, Model) and case.done.by != "hub"
]


@pytest.fixture(autouse=True)
def _stands_still(tmp_path: Path) -> Iterator[None]:
    with surroundings(tmp_path):
        yield


def ahead(message: Message[Any], where: str, when: datetime) -> Message[Any]:
    """The message with one of its moments, or days, at another."""
    name = where.removeprefix("data.")
    if where == name:
        return message.model_copy(update={name: when})
    now = getattr(message.data, name)
    data = message.data.model_copy(update={name: when if isinstance(now, datetime) else when.date()})
    return message.model_copy(update={"data": data})


@pytest.mark.parametrize("act", ACTS)
def test_a_clock_of_2099_is_not_believed_in_any_field_of_any_handlers_message(act: Said) -> None:
    message = say(act.data, source=act.by)
    believing.check_times(message)
    for one in contracts.stated(message):
        with pytest.raises(Refused) as refused:
            believing.check_times(ahead(message, one.where, YEAR_2099))
        assert (refused.value.code, refused.value.where) == (one.code, one.where)


@pytest.mark.parametrize(
    ("data", "where", "code"),
    [
        (service_published(), "time", "said_in_the_future"),
        (household_recorded(), "data.recorded_at", "said_in_the_future"),
        (need_identified(), "data.identified_at", "said_in_the_future"),
        (need_triaged(), "data.triaged_at", "said_in_the_future"),
        (capacity_stated(), "data.stated_at", "stated_in_the_future"),
        (capacity_stated(), "time", "said_in_the_future"),
    ],
)
def test_an_hour_ahead_is_believed_and_no_more(data: Any, where: str, code: str) -> None:
    believing.check_times(ahead(say(data), where, NOW + HOUR))
    with pytest.raises(Refused, match=rf"^{code}$"):
        believing.check_times(ahead(say(data), where, NOW + HOUR + timedelta(microseconds=1)))


@pytest.mark.parametrize(
    ("now", "today"),
    [
        (datetime(2026, 3, 2, 4, 59, tzinfo=UTC), date(2026, 3, 2)),  # two minutes to midnight in Barranquilla
        (datetime(2026, 3, 2, 3, 30, tzinfo=UTC), date(2026, 3, 1)),
    ],
)
def test_a_day_has_come_when_it_has_in_colombia(monkeypatch: pytest.MonkeyPatch, now: datetime, today: date) -> None:
    monkeypatch.setattr(clock, "now", lambda: now)
    signed = agreement_signed(signed_on=today)
    believing.check_times(say(signed, time=now))
    tomorrow = signed.model_copy(update={"signed_on": today + timedelta(days=1)})
    with pytest.raises(Refused, match=r"^said_in_the_future$"):
        believing.check_times(say(tomorrow, time=now))


def test_what_is_planned_or_ends_may_lie_as_far_ahead_as_anybody_likes() -> None:
    believing.check_times(say(consent_granted(valid_from=YEAR_2099, valid_until=YEAR_2099 + HOUR)))
    believing.check_times(say(referral_requested(answer_by=YEAR_2099)))


def test_what_the_hubs_services_say_for_themselves_is_taken() -> None:
    believing.check_times(say(service_published(), source="hub", time=YEAR_2099))


@pytest.fixture
def network(stack: Stack) -> Iterator[WholeNetwork]:
    network = WholeNetwork(stack, "believing")
    yield network
    network.close()


def test_after_a_clock_of_2099_the_right_time_is_the_newest_word_and_its_sender_heard_of_one_refusal(
    network: WholeNetwork,
) -> None:
    """What more services read, each of them refuses; by one id, so that who applies each id once hears of it once."""
    wrong = say(service_published(), time=YEAR_2099)
    for service in ("referrals", "reports"):
        network.hand_over(service, wrong.to_json())
    refusals = network.inboxes["redcross"]
    assert {(one.data.code, one.data.where, one.data.refused_id) for one in refusals} == {
        ("said_in_the_future", "time", wrong.id)
    }
    assert {one.data.refused_by for one in refusals} <= {"referrals", "reports", None}
    assert (len(refusals), len({one.id for one in refusals})) == (2, 1)

    network.says("redcross", service_published(active=False))

    assert len(refusals) == 2
    (row,) = network.nodes["referrals"].query("select active from service")
    assert row["active"] is False
