"""What no plan, no day and no place can be, the same for every service."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from contracts.places import places
from messaging.answers import Refused
from messaging.plausible import AHEAD_AT_MOST, BACK_AT_MOST, check_not_before, check_planned, check_zones

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
FARTHEST_EAST, FARTHEST_WEST = timezone(timedelta(hours=14)), timezone(timedelta(hours=-12))


@pytest.mark.parametrize(
    ("when", "code"),
    [
        (datetime(2999, 1, 1, tzinfo=UTC), "too_far_ahead"),
        (datetime.max.replace(tzinfo=UTC), "too_far_ahead"),
        (datetime.max.replace(tzinfo=FARTHEST_WEST), "too_far_ahead"),
        (NOW + AHEAD_AT_MOST + SECOND, "too_far_ahead"),
        (date(2999, 1, 1), "too_far_ahead"),
        (date.max, "too_far_ahead"),
        ((NOW + AHEAD_AT_MOST).date() + 2 * DAY, "too_far_ahead"),
        (datetime(2001, 1, 1, tzinfo=UTC), "too_long_ago"),
        (datetime(2000, 1, 1, tzinfo=FARTHEST_EAST), "too_long_ago"),
        (NOW - BACK_AT_MOST - SECOND, "too_long_ago"),
        (date(1000, 1, 1), "too_long_ago"),
        ((NOW - BACK_AT_MOST).date() - 2 * DAY, "too_long_ago"),
    ],
)
def test_a_plan_of_another_century_is_refused(when: datetime | date, code: str) -> None:
    with pytest.raises(Refused, match=rf"^{code}$"):
        check_planned(when, now=NOW)


@pytest.mark.parametrize(
    "when",
    [
        None,
        NOW,
        NOW + AHEAD_AT_MOST,
        NOW - BACK_AT_MOST,
        (NOW + AHEAD_AT_MOST).astimezone(FARTHEST_EAST),
        (NOW + AHEAD_AT_MOST).astimezone(FARTHEST_EAST).date(),
        (NOW - BACK_AT_MOST).astimezone(FARTHEST_WEST).date(),
    ],
)
def test_what_lies_within_two_years_ahead_and_ten_back_passes_wherever_it_is_said(when: datetime | date | None) -> None:
    check_planned(when, now=NOW)


def test_nothing_is_planned_for_before_what_it_builds_on() -> None:
    check_not_before(NOW, NOW, code="before_it_was_sent")
    check_not_before(NOW.astimezone(FARTHEST_WEST).date(), NOW, code="before_it_was_sent")
    check_not_before(None, NOW, code="before_it_was_sent")
    for when in (NOW - SECOND, NOW.date() - 2 * DAY):
        with pytest.raises(Refused, match=r"^before_it_was_sent$"):
            check_not_before(when, NOW, code="before_it_was_sent")


@pytest.mark.parametrize("zone", ["99999", "00000", "08000", "8001", "080010", "", "\u0660\u0668\u0660\u0660\u0661"])
def test_a_municipality_that_there_is_not_is_refused_among_any(zone: str) -> None:
    with pytest.raises(Refused, match=r"^zone_unknown$"):
        check_zones(["08001", zone, None])


def test_every_municipality_passes() -> None:
    check_zones([*places(), None])
