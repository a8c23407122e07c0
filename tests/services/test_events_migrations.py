"""A database of events that attendance stood in before is brought up to date without losing a step or an erasure."""

import shutil
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest
from psycopg.rows import dict_row

from contracts import uuid7
from deploy.local import Stack
from messaging.migrate import migrate
from tests.services.conftest import SERVICES

EVENTS: Final = SERVICES / "events"

JORNADA: Final = """
    insert into jornada (jornada_id, organiser, state, sequence, changed_at, planned_at, kind, name, zone, place,
                         starts_at, ends_at, contributions, confirmed_by)
    values (%s, 'redcross', 'confirmed', 1, now(), now(), 'outreach_trip', 'J', '08001', 'P', now(), now(), '{}', '{}')
"""

ATTENDANCE: Final = """
    insert into attendance (attendance_id, jornada_id, person_id, recorded_by, present, present_at, sequence, late,
                            deliveries, need_ids, steps, erased)
    values (%s, %s, %s, 'redcross', true, now(), 1, false, '[]', '{}', %s, %s)
"""


@pytest.fixture
def before(stack: Stack, tmp_path: Path) -> str:
    """A database as it was with the first migration alone."""
    folder = tmp_path / "events"
    (folder / "migrations").mkdir(parents=True)
    first = min((EVENTS / "migrations").glob("*.sql"))
    shutil.copy2(first, folder / "migrations")
    url = stack.create_database("events_before")
    migrate(url, folder)
    return url


def test_steps_keep_their_first_ids_and_the_erased_stay_erased(before: str) -> None:
    jornada_id, served, only_present, gone = (uuid7() for _ in range(4))
    with psycopg.connect(before) as connection:
        connection.execute(JORNADA, (jornada_id,))
        for person_id, steps, erased in (
            (served, ["appointment", "pre_registration"], False),
            (only_present, [], False),
            (gone, [], True),
        ):
            connection.execute(ATTENDANCE, (uuid7(), jornada_id, person_id, steps, erased))

    migrate(before, EVENTS)

    with psycopg.connect(before, row_factory=dict_row) as now:
        kept: list[dict[str, Any]] = now.execute("select person_id, steps from attendance").fetchall()
        assert {one["person_id"]: one["steps"] for one in kept} == {
            served: {"appointment": 1, "pre_registration": 1},
            only_present: {},
            gone: {},
        }
        assert now.execute("select person_id from erased_person").fetchall() == [{"person_id": gone}]
