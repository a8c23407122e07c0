"""The clocks of Ley 1581 of 2012, in working days of Colombia."""

from datetime import UTC, date, datetime, timedelta
from itertools import product
from uuid import UUID

import pytest

from contracts import uuid7
from services.intake import rules
from services.intake.rules.rights import Request, Stage
from tests.examples import ANOTHER, COORDINATOR, DAY, NOW, PERSON_ID, RECIPIENT, SENDER
from tests.examples_rights import REQUEST_ID

ELSEWHERE_ID = uuid7()


def a_request(kind: str = "enquiry", received_at: datetime = NOW, at: datetime | None = None) -> Request:
    return rules.rights.receive(
        request_id=REQUEST_ID,
        person_id=PERSON_ID,
        kind=kind,
        organisation=SENDER,
        received_at=received_at,
        at=at or received_at,
    )


# -- working days -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "working"),
    [
        (date(2026, 3, 20), True),  # a Friday
        (date(2026, 3, 21), False),  # a Saturday
        (date(2026, 3, 22), False),  # a Sunday
        (date(2026, 3, 23), False),  # Saint Joseph, moved to the Monday after
        (date(2026, 3, 19), True),  # and not on his own day
        (date(2026, 4, 2), False),  # Maundy Thursday
        (date(2026, 4, 3), False),  # Good Friday
        (date(2026, 7, 20), False),  # Independence
        (date(2025, 12, 8), False),  # the Immaculate Conception, on a Monday of its own
        (date(2022, 8, 15), False),  # the Assumption, on a Monday already
    ],
)
def test_a_working_day_is_one_of_monday_to_friday_and_no_holiday_of_colombia(day: date, working: bool) -> None:
    assert rules.rights.is_working_day(day) is working


def test_a_day_begins_at_midnight_in_colombia() -> None:
    assert rules.days.day_of(datetime(2026, 3, 3, 4, 59, tzinfo=UTC)) == date(2026, 3, 2)
    assert rules.days.day_of(datetime(2026, 3, 3, 5, 0, tzinfo=UTC)) == date(2026, 3, 3)


def test_working_days_are_counted_back_over_holidays_too() -> None:
    assert rules.rights.working_days_before(date(2026, 3, 24), 2) == date(2026, 3, 19)


# -- terms ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "received", "answer_by", "extended_to"),
    [
        # Monday the second of March: no holiday in the first two weeks; Saint Joseph's Monday in the fourth.
        ("enquiry", date(2026, 3, 2), date(2026, 3, 16), date(2026, 3, 24)),
        ("correction", date(2026, 3, 2), date(2026, 3, 24), date(2026, 4, 7)),
        ("erasure", date(2026, 3, 2), date(2026, 3, 24), date(2026, 4, 7)),
        # On a Saturday, counted from the Monday; over Christmas and the New Year.
        ("enquiry", date(2025, 12, 20), date(2026, 1, 6), date(2026, 1, 14)),
    ],
)
def test_each_kind_is_answered_within_its_term_and_its_extension(
    kind: str, received: date, answer_by: date, extended_to: date
) -> None:
    received_at = datetime(received.year, received.month, received.day, 15, tzinfo=UTC)
    request = a_request(kind, received_at)
    assert request.answer_by == answer_by
    assert rules.rights.extend(request, told_at=received_at, at=received_at).answer_by == extended_to


def test_what_was_received_at_night_counts_from_the_day_it_was_in_colombia() -> None:
    at_night = datetime(2026, 3, 3, 3, 0, tzinfo=UTC)  # still Monday in Barranquilla
    assert a_request("enquiry", at_night).answer_by == date(2026, 3, 16)


def test_an_extension_is_told_before_the_first_term_ends_and_given_once() -> None:
    request = a_request()
    last_moment = datetime(2026, 3, 17, 4, 59, tzinfo=UTC)
    extended = rules.rights.extend(request, told_at=last_moment, at=last_moment)
    with pytest.raises(rules.Refused, match=r"^extended_too_late$"):
        rules.rights.extend(request, told_at=last_moment + timedelta(minutes=1), at=last_moment)
    with pytest.raises(rules.Refused, match=r"^already_extended$"):
        rules.rights.extend(extended, told_at=NOW, at=NOW)


# -- the clock --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("today", "stage", "due_on"),
    [
        (date(2026, 3, 11), Stage.REMIND, date(2026, 3, 12)),  # two working days before Monday the sixteenth
        (date(2026, 3, 12), Stage.OVERDUE, date(2026, 3, 17)),
        (date(2026, 3, 16), Stage.OVERDUE, date(2026, 3, 17)),
        (date(2026, 3, 17), None, None),
    ],
)
def test_a_deadline_reminds_once_and_tells_once_that_it_is_over(today: date, stage: Stage | None, due_on: date) -> None:
    request = rules.rights.run_deadline(a_request(), today=today)
    assert (request.stage, request.due_on) == (stage, due_on)


def told(request: Request, today: date) -> dict[str, UUID]:
    registered = {RECIPIENT: ELSEWHERE_ID}
    return dict(rules.rights.to_notify(request, registered=registered, coordinators={COORDINATOR}, today=today))


def test_coordinators_hear_of_what_is_overdue_and_registrars_of_nothing() -> None:
    request = a_request()
    assert told(request, request.answer_by) == {SENDER: PERSON_ID}
    assert told(request, request.answer_by + DAY) == {SENDER: PERSON_ID, COORDINATOR: PERSON_ID}


def test_of_an_erasure_coordinators_and_registrars_hear_at_once_each_under_the_id_that_it_knows() -> None:
    request = a_request("erasure")
    assert told(request, request.answer_by) == {SENDER: PERSON_ID, RECIPIENT: ELSEWHERE_ID, COORDINATOR: PERSON_ID}


@pytest.mark.parametrize(
    ("kind", "may_answer"),
    [("enquiry", {SENDER}), ("correction", {SENDER}), ("erasure", {RECIPIENT, COORDINATOR})],
)
def test_an_erasure_is_answered_by_who_registered_the_person_or_a_coordinator_and_all_else_by_whom_they_asked(
    kind: str, may_answer: set[str]
) -> None:
    answerers = rules.rights.answerers(a_request(kind), registrars={RECIPIENT}, coordinators={COORDINATOR})
    assert answerers == may_answer


def test_an_answer_ends_the_clock() -> None:
    answered = rules.rights.answer(a_request("correction"), "granted", answered_at=NOW)
    assert (answered.stage, answered.due_on) == (None, None)
    assert not answered.is_overdue(date(2030, 1, 1))


THREE = {uuid7(): one for one in (SENDER, RECIPIENT, ANOTHER)}


SAYINGS = [
    (by, answer)
    for by in (SENDER, RECIPIENT, ANOTHER, COORDINATOR)
    for answer in ("granted", "partly_granted", "denied")
]


@pytest.mark.parametrize("first", SAYINGS)
def test_nothing_of_anothers_is_erased_without_its_word_a_coordinators_or_ten_working_days(
    first: tuple[str, str],
) -> None:
    for others in product(SAYINGS, repeat=2):
        _play([first, *others])


def _play(said: list[tuple[str, str]]) -> None:
    request, left = a_request("erasure"), dict(THREE)
    for by, answer in said:
        if request.answer is not None or by in request.granted_by | request.kept_by:
            continue
        request, erased = rules.rights.answer_erasure(
            request, answer, by=by, left=left, coordinators={COORDINATOR}, answered_at=NOW, today=NOW.date()
        )
        assert {left[one] for one in erased} <= ({by} if by != COORDINATOR else set(left.values()))
        left = {one: whose for one, whose in left.items() if one not in erased}
        if request.answer is not None and by != COORDINATOR:
            assert set(left.values()) <= request.kept_by
    if request.stage is rules.rights.Stage.GRANT:
        assert request.due_on == date(2026, 3, 17)
        request, erased = rules.rights.grant_in_silence(request, left=left, at=NOW)
        assert {whose for one, whose in left.items() if one not in erased} <= set(request.kept_by)
        assert request.answer == ("partly_granted" if request.kept_by else "granted")
