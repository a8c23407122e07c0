"""When it is safe to reach a person: by weekdays and hours of where they are."""

from datetime import datetime, timedelta

import pytest

from hub.console.web.reaching import Safe, safe_at
from messaging.believing import COLOMBIA

MONDAY = datetime(2026, 11, 30, tzinfo=COLOMBIA)
MORNING = {"day": "monday", "starts": "09:00", "ends": "11:30"}
NOON = {"day": "monday", "starts": "11:30", "ends": "12:00"}
THURSDAY = {"day": "thursday", "starts": "18:00", "ends": "19:00"}


def at(hour: int, minute: int = 0, *, days: int = 0) -> datetime:
    return MONDAY + timedelta(days=days, hours=hour, minutes=minute)


@pytest.mark.parametrize(
    ("moment", "times", "expected"),
    [
        (at(3), [], Safe(True)),
        (at(8, 59), [MORNING], Safe(False, next=at(9))),
        (at(9), [MORNING], Safe(True, until=at(11, 30))),
        (at(11, 29), [MORNING, NOON], Safe(True, until=at(11, 30))),
        (at(11, 30), [MORNING], Safe(False, next=at(9, days=7))),
        (at(11, 30), [NOON, MORNING], Safe(True, until=at(12))),
        (at(12), [MORNING, THURSDAY], Safe(False, next=at(18, days=3))),
    ],
)
def test_it_is_safe_inside_the_times_and_otherwise_it_is_said_from_when_on(
    moment: datetime, times: list[dict[str, str]], expected: Safe
) -> None:
    assert safe_at(moment, times) == expected


def test_the_hour_is_that_of_where_the_person_is() -> None:
    utc = datetime.fromisoformat("2026-12-01T00:30:00+00:00")  # in Barranquilla it is Monday still, half past seven
    evening = {"day": "monday", "starts": "19:00", "ends": "20:00"}
    assert safe_at(utc, [evening]).now
    assert not safe_at(utc, [{**evening, "day": "tuesday"}]).now
