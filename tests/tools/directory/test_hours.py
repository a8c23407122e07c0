"""Schedules that are the same every week, for good, become opening hours on Colombia's clocks; others do not."""

from datetime import date
from typing import Any

import pytest

from tools.directory.hours import NotEveryWeekError, read_hours
from tools.directory.record import Record

TODAY = date(2026, 11, 27)
WEEKLY = {"freq": "WEEKLY", "interval": 1, "byday": "MO,TU", "opens_at": "09:00", "closes_at": "12:00"}


def read(*, today: date | None = TODAY, **fields: Any) -> tuple[str, str, str]:
    hours = read_hours(Record({**WEEKLY, **fields}, []), today=today)
    return ",".join(hours.days), hours.opens, hours.closes


@pytest.mark.parametrize(
    "fields",
    [
        {"valid_from": "2019-01-01", "valid_to": "2019-12-31"},
        {"valid_to": "2019-12-31"},
        {"valid_to": "2999-12-31"},
        {"valid_to": "soon"},
        {"until": "2020-01-01"},
        {"until": "2999-01-01"},
        {"valid_from": "2027-01-01"},
        {"valid_from": "next year"},
        {"valid_from": 2019},
        {"valid_from": "2019-01-01 and on"},
        {"dtstart": "2027-01-01"},
        {"count": 1},
        {"count": 0},
        {"count": "many"},
        {"bymonthday": "1"},
        {"bymonthday": "-1"},
        {"byweekno": "41,42"},
        {"byyearday": "2"},
        {"bymonth": "1"},
        {"bysetpos": -1},
        {"freq": "MONTHLY"},
        {"freq": "DAILY"},
        {"freq": None},
        {"interval": 2},
        {"interval": 1.5},
        {"interval": True},
        {"interval": "1"},
        {"byday": "1MO"},
        {"byday": "MO,-1FR"},
        {"byday": "MO TU"},
        {"byday": "Monday"},
        {"byday": ""},
        {"byday": ["MO"]},
        {"opens_at": None},
        {"opens_at": "morning"},
        {"opens_at": "09:00 p. m."},
        {"opens_at": "09:00:30"},
        {"opens_at": "24:00"},
        {"opens_at": "0900"},
        {"opens_at": 9},
        {"opens_at": "09:00 UTC"},
        {"opens_at": "09:00+99:00"},
        {"opens_at": "\u0660\u0669:00"},
        {"closes_at": "12:00-05:00x"},
        {"timezone": "Bogota"},
        {"timezone": True},
        {"timezone": 300},
        {"timezone": 0, "opens_at": "09:00-05:00"},
        {"timezone": -5, "closes_at": "12:00Z"},
    ],
    ids=str,
)
def test_hours_that_are_not_the_same_every_week_for_good_are_none(fields: dict[str, Any]) -> None:
    with pytest.raises(NotEveryWeekError):
        read(**fields)


@pytest.mark.parametrize(
    ("fields", "hours"),
    [
        ({}, ("MO,TU", "09:00", "12:00")),
        ({"opens_at": "09:00:00", "closes_at": "12:00:00.000"}, ("MO,TU", "09:00", "12:00")),
        ({"opens_at": "9:00"}, ("MO,TU", "09:00", "12:00")),
        ({"freq": "weekly", "byday": "mo, tu ,MO", "interval": None}, ("MO,TU", "09:00", "12:00")),
        ({"interval": 1.0}, ("MO,TU", "09:00", "12:00")),
        ({"wkst": "SU"}, ("MO,TU", "09:00", "12:00")),
        ({"valid_from": "2019-01-01"}, ("MO,TU", "09:00", "12:00")),
        ({"valid_from": "2019-01-01T00:00:00Z", "dtstart": "2026-11-27"}, ("MO,TU", "09:00", "12:00")),
        ({"valid_to": None, "until": "", "count": None, "bymonthday": ""}, ("MO,TU", "09:00", "12:00")),
        ({"timezone": -5}, ("MO,TU", "09:00", "12:00")),
        ({"timezone": -5, "opens_at": "09:00-05:00", "closes_at": "12:00-05"}, ("MO,TU", "09:00", "12:00")),
        ({"timezone": 0, "opens_at": "14:00", "closes_at": "22:00"}, ("MO,TU", "09:00", "17:00")),
        ({"timezone": -4, "opens_at": "09:00", "closes_at": "17:00"}, ("MO,TU", "08:00", "16:00")),
        ({"timezone": 5.5, "opens_at": "19:30", "closes_at": "23:30"}, ("MO,TU", "09:00", "13:00")),
        ({"opens_at": "14:00Z", "closes_at": "22:00Z"}, ("MO,TU", "09:00", "17:00")),
        ({"opens_at": "14:00z", "closes_at": "22:00+00:00"}, ("MO,TU", "09:00", "17:00")),
        ({"opens_at": "14:00Z", "closes_at": "17:00-0500"}, ("MO,TU", "09:00", "17:00")),
        ({"byday": "TU", "opens_at": "02:00Z", "closes_at": "06:00Z"}, ("MO", "21:00", "01:00")),
        ({"byday": "MO", "opens_at": "02:00Z", "closes_at": "03:00Z"}, ("SU", "21:00", "22:00")),
        ({"byday": "SU", "opens_at": "22:00-09:00", "closes_at": "23:00-09:00"}, ("MO", "02:00", "03:00")),
    ],
    ids=str,
)
def test_hours_of_every_week_are_those_on_colombias_clocks(fields: dict[str, Any], hours: tuple[str, str, str]) -> None:
    assert read(**fields) == hours


def test_without_a_day_to_compare_it_with_no_beginning_counts_as_past() -> None:
    with pytest.raises(NotEveryWeekError):
        read(valid_from="2019-01-01", today=None)
