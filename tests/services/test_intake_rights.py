"""What people ask of those who hold their data: kept, extended, answered, and told of when it is due."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

import contracts
from contracts import Message, codes, sealing
from services.intake import rules
from services.intake import service as intake_service
from tests.examples import ANOTHER, COORDINATOR, DAY, NOW, PERSON_ID, SENDER, person_registered
from tests.examples_rights import REQUEST_ID, rights_answered, rights_extended, rights_requested
from tests.services.conftest import ServiceUnderTest


@pytest.fixture
def registered(intake: ServiceUnderTest, hub_key: sealing.Key, monkeypatch: pytest.MonkeyPatch) -> ServiceUnderTest:
    """Intake, knowing the examples' person, whom SENDER has registered."""
    monkeypatch.setattr(intake_service, "COORDINATORS", frozenset({COORDINATOR}))
    intake.hear(person_registered(sealing.public_part(hub_key)), source=SENDER)
    return intake


@pytest.fixture
def asked(registered: ServiceUnderTest) -> ServiceUnderTest:
    """The person has asked ANOTHER organisation what is held of them."""
    registered.hear(rights_requested(), source=ANOTHER)
    return registered


def on(intake: ServiceUnderTest, day: date) -> list[Message[Any]]:
    """Let it be a day, and the clocks run; return what is said then."""
    intake.clock.now = datetime(day.year, day.month, day.day, 15, tzinfo=UTC)
    drafts = intake.service.remind_of_requests(intake.tx, intake.clock.now)  # type: ignore[attr-defined]
    intake.tx.keep()
    return [contracts.stamp(draft, source="hub", time=intake.clock.now) for draft in drafts]


def told(said: list[Message[Any]]) -> list[tuple[str | None, date, bool]]:
    assert all(isinstance(one.data, contracts.RightsDue) for one in said)
    return [(one.recipient, one.data.answer_by, one.data.overdue) for one in said]


# -- kept -------------------------------------------------------------------------------------------------------------


def test_whoever_the_person_goes_to_is_told_by_when_to_answer(registered: ServiceUnderTest) -> None:
    (due,) = registered.hear(rights_requested(), source=ANOTHER)
    assert told([due]) == [(ANOTHER, date(2026, 3, 16), False)]
    assert (due.data.request_id, due.data.kind, due.data.organisation) == (REQUEST_ID, "enquiry", ANOTHER)


def test_what_is_told_of_only_when_it_is_overdue_is_told_to_the_coordinators_at_once(
    registered: ServiceUnderTest,
) -> None:
    late = registered.hear(rights_requested(received_at=NOW - 60 * DAY), source=ANOTHER)
    assert told(late) == [(COORDINATOR, date(2026, 1, 16), True), (ANOTHER, date(2026, 1, 16), True)]
    assert on(registered, date(2026, 3, 4)) == []


def test_a_request_of_somebody_whom_nobody_has_registered_is_too_early(intake: ServiceUnderTest) -> None:
    with pytest.raises(rules.TooEarly) as early:
        intake.hear(rights_requested(), source=ANOTHER)
    assert (early.value.key, early.value.code) == (str(PERSON_ID), "person_unknown")


def test_the_same_request_again_changes_nothing(asked: ServiceUnderTest) -> None:
    with pytest.raises(rules.Refused, match=r"^already_requested$"):
        asked.hear(rights_requested(received_at=NOW - DAY), source=ANOTHER)
    assert asked.rows("select received_at from rights_request") == [{"received_at": NOW}]


# -- extended ---------------------------------------------------------------------------------------------------------


def test_an_extension_sets_the_last_day_on(asked: ServiceUnderTest) -> None:
    assert told(asked.hear(rights_extended(), source=ANOTHER)) == [(ANOTHER, date(2026, 3, 24), False)]
    assert on(asked, date(2026, 3, 17)) == []


def test_a_second_extension_is_refused(asked: ServiceUnderTest) -> None:
    asked.hear(rights_extended(), source=ANOTHER)
    with pytest.raises(rules.Refused, match=r"^already_extended$"):
        asked.hear(rights_extended(), source=ANOTHER)


# -- answered ---------------------------------------------------------------------------------------------------------


def test_an_answer_ends_the_clock(asked: ServiceUnderTest) -> None:
    assert asked.hear(rights_answered(), source=ANOTHER) == []
    assert asked.rows("select answer, due_on from rights_request") == [{"answer": "granted", "due_on": None}]
    assert on(asked, date(2026, 12, 1)) == []


@pytest.mark.parametrize("said", [rights_extended(), rights_answered()], ids=["extended", "answered"])
def test_what_has_been_answered_is_neither_extended_nor_answered_again(asked: ServiceUnderTest, said: Any) -> None:
    asked.hear(rights_answered(answer=codes.RightsAnswer.DENIED), source=ANOTHER)
    with pytest.raises(rules.Refused, match=r"^already_answered$"):
        asked.hear(said, source=ANOTHER)
    assert asked.rows("select answer from rights_request") == [{"answer": "denied"}]


@pytest.mark.parametrize("said", [rights_extended(), rights_answered()], ids=["extended", "answered"])
def test_only_whom_the_person_went_to_sees_to_it(asked: ServiceUnderTest, said: Any) -> None:
    with pytest.raises(rules.Refused, match=r"^received_by_another$"):
        asked.hear(said, source=SENDER)


@pytest.mark.parametrize("said", [rights_extended(), rights_answered()], ids=["extended", "answered"])
def test_what_is_said_of_a_request_that_nobody_has_told_of_is_too_early(
    registered: ServiceUnderTest, said: Any
) -> None:
    with pytest.raises(rules.TooEarly) as early:
        registered.hear(said, source=ANOTHER)
    assert (early.value.key, early.value.code) == (str(REQUEST_ID), "request_unknown")


# -- due --------------------------------------------------------------------------------------------------------------


def test_it_is_told_two_working_days_before_and_when_it_is_overdue_once_each(asked: ServiceUnderTest) -> None:
    assert on(asked, date(2026, 3, 11)) == []
    assert told(on(asked, date(2026, 3, 12))) == [(ANOTHER, date(2026, 3, 16), False)]
    assert on(asked, date(2026, 3, 12)) == on(asked, date(2026, 3, 16)) == []
    assert told(on(asked, date(2026, 3, 17))) == [
        (COORDINATOR, date(2026, 3, 16), True),
        (ANOTHER, date(2026, 3, 16), True),
    ]
    assert on(asked, date(2026, 3, 17)) == on(asked, date(2026, 12, 1)) == []


def test_after_an_outage_only_what_is_still_true_is_told(asked: ServiceUnderTest) -> None:
    assert [overdue for _, _, overdue in told(on(asked, date(2026, 3, 20)))] == [True, True]
    assert on(asked, date(2026, 3, 20)) == []
