"""What falls due while the console is away: who says that it was, and whose delay that is."""

import time
from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from contracts.codes import ReferralState, ReminderAbout
from contracts.deadlines import counts_from
from hub.console import presence
from hub.console.presence import EVERY, Presence
from hub.console.service import ConsoleService
from hub.console.store import absences, work
from hub.console.store.absences import Deadline
from hub.console.store.cases import Viewer
from hub.console.store.work import Bucket, Day
from messaging import database
from messaging.transaction import transaction
from tests.hub.console.kept import Kept
from tests.hub.console.test_cases import recorded

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
COORDINATOR, THEIRS = Viewer("barranquilla", coordinates=True), Viewer("iom", coordinates=False)
BEGAN = datetime.fromisoformat("2026-11-28T14:00:00+00:00")  # 9:00 in Barranquilla
ENDED = BEGAN + HOUR


@pytest.fixture
def said(kept: Kept) -> Iterator[Kept]:
    """The console's database, in which nobody has been there yet."""
    yield kept
    ask(kept, "delete from presence")
    ask(kept, "delete from away")


def ask(kept: Kept, statement: Any, values: Any = None) -> list[dict[str, Any]]:
    with database.connect(kept.url) as connection:
        found = connection.execute(statement, values)
        return database.rows(found)


def say(kept: Kept, one: Presence, now: datetime, serves: Collection[str] | None = ("iom",)) -> None:
    ask(kept, presence.SAY, one.values(now, serves))
    one.said()


def away(kept: Kept) -> list[tuple[str, datetime, datetime, str]]:
    rows = ask(kept, "select organisation, began_at, ended_at, part from away order by 1, 2, 4")
    return [(row["organisation"], row["began_at"], row["ended_at"], row["part"]) for row in rows]


def was_away(kept: Kept, *, began: datetime = BEGAN, ended: datetime = ENDED, organisation: str = "iom") -> None:
    ask(kept, "insert into away values (%s, %s, %s, 'console-web')", (organisation, began, ended))


def test_who_begins_again_after_an_hour_was_away_for_all_whom_it_serves(said: Kept) -> None:
    say(said, Presence("console-web"), BEGAN)
    say(said, Presence("console-web"), ENDED, ["iom", "fuvadis"])
    assert away(said) == [("fuvadis", BEGAN, ENDED, "console-web"), ("iom", BEGAN, ENDED, "console-web")]


def test_who_is_started_again_at_once_and_who_was_never_there_before_was_not_away(said: Kept) -> None:
    say(said, Presence("console-web"), BEGAN)
    say(said, Presence("console-web"), BEGAN + MINUTE)
    say(said, Presence("console-acting"), ENDED)
    assert away(said) == []


def test_a_clock_that_is_set_is_no_absence_and_standing_still_is_one(
    said: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, started = Presence("console-web"), time.monotonic()
    say(said, one, BEGAN)
    monkeypatch.setattr(time, "monotonic", lambda: started + EVERY)
    say(said, one, BEGAN + 100 * HOUR)
    assert away(said) == []
    monkeypatch.setattr(time, "monotonic", lambda: started + EVERY + 3600)
    say(said, one, BEGAN + 101 * HOUR)
    ((organisation, began, ended, _),) = away(said)
    assert (organisation, ended) == ("iom", BEGAN + 101 * HOUR)
    assert abs(began - (BEGAN + 100 * HOUR)) < MINUTE


def test_while_another_process_does_the_same_nobody_is_away(said: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    one, started = Presence("console-web"), time.monotonic()
    say(said, one, BEGAN)
    monkeypatch.setattr(time, "monotonic", lambda: started + 3600)
    ask(said, "update presence set seen_at = %s", (ENDED - MINUTE / 2,))
    say(said, one, ENDED)
    assert away(said) == []


def test_the_read_service_is_away_for_whom_the_other_processes_serve(said: Kept) -> None:
    say(said, Presence("console-web"), BEGAN, ["iom", "fuvadis"])
    say(said, Presence("console-inbox"), BEGAN, ["iom"])
    say(said, Presence("console"), BEGAN - HOUR, None)
    told = be_here(said, ENDED)
    assert away(said) == [(who, BEGAN - HOUR, ENDED, "console") for who in ("fuvadis", "iom")]
    assert told == [(("fuvadis", "iom"), BEGAN - HOUR, ENDED)]


def be_here(kept: Kept, now: datetime) -> list[tuple[tuple[str, ...], datetime, datetime]]:
    """What the hub's other services are told."""
    with database.connect(kept.url) as connection, transaction(connection) as tx:
        told: list[Any] = [draft.data for draft in ConsoleService().be_here(tx, now)]
    return [(one.organisations, one.began_at, one.ended_at) for one in told]


def test_the_hub_is_told_of_each_absence_once_whoever_has_noted_it(said: Kept) -> None:
    was_away(said)
    was_away(said, organisation="fuvadis")
    was_away(said, began=BEGAN + HOUR / 2)
    was_away(said, began=BEGAN - timedelta(days=40))  # the console's clock was set, or nobody has worked here for long
    assert be_here(said, ENDED) == [
        (("fuvadis", "iom"), BEGAN, ENDED),
        (("iom",), BEGAN + HOUR / 2, ENDED),
    ]
    assert be_here(said, ENDED + MINUTE) == []


def test_of_very_many_organisations_the_hub_is_told_in_several_messages(said: Kept) -> None:
    everybody = [f"org{number:04}" for number in range(2001)]
    ask(said, "insert into away select unnest(%s::text[]), %s, %s, 'part'", (everybody, BEGAN, ENDED))
    told = be_here(said, ENDED)
    assert [len(organisations) for organisations, _, _ in told] == [1000, 1000, 1]
    assert [one for organisations, _, _ in told for one in organisations] == everybody
    assert {(began, ended) for _, began, ended in told} == {(BEGAN, ENDED)}


def buckets(kept: Kept, viewer: Viewer, now: datetime) -> set[Bucket]:
    day = Day(now, now.replace(hour=5), now.replace(hour=5) + timedelta(days=1))
    counted = kept.read(work.counts, viewer, day)
    for bucket, many in counted.items():
        assert len(kept.read(work.work, viewer, day, bucket)) == many
    return {bucket for bucket, many in counted.items() if many}


def due(kept: Kept, due_at: datetime, recipient: str = "iom", sent_at: datetime = BEGAN - HOUR) -> None:
    kept.hear(
        recorded("due", 2, state=ReferralState.RECEIVED, sender="redcross", recipient=recipient,
                 waits_for=ReminderAbout.DECISION, due_at=due_at, sent_at=sent_at)
    )  # fmt: skip


@pytest.mark.parametrize(
    ("due_at", "late_from"),
    [
        (BEGAN - MINUTE, BEGAN - MINUTE),  # it was late before
        (BEGAN, ENDED + HOUR),
        (BEGAN + HOUR / 2, ENDED + HOUR),
        (ENDED + HOUR / 2, ENDED + HOUR),  # there was an hour less for it
        (ENDED + HOUR, ENDED + HOUR),
        (ENDED + 2 * HOUR, ENDED + 2 * HOUR),
    ],
)
def test_a_deadline_that_ended_meanwhile_counts_once_the_console_was_there_as_long_again(
    said: Kept, due_at: datetime, late_from: datetime
) -> None:
    was_away(said)
    due(said, due_at)
    undecided = {Bucket.UNDECIDED}
    for now in (late_from - MINUTE, late_from):
        assert buckets(said, COORDINATOR, now) == set()
        assert buckets(said, THEIRS, now) == undecided | {Bucket.DUE_TODAY}
        assert said.read(work.overdue_by, COORDINATOR, now, limit=9) == []
    now = late_from + MINUTE
    assert buckets(said, COORDINATOR, now) == {Bucket.OVERDUE_ELSEWHERE}
    assert buckets(said, THEIRS, now) == undecided | {Bucket.OVERDUE}
    assert [one["waits_on"] for one in said.read(work.overdue_by, COORDINATOR, now, limit=9)] == ["iom"]
    assert [one["late_from"] for one in said.read(work.overdue_of, COORDINATOR, now, "iom", limit=9)] == [late_from]


def test_whose_own_system_goes_on_is_late_all_the_same(said: Kept) -> None:
    was_away(said)
    due(said, BEGAN + HOUR / 2, recipient="americares")
    assert buckets(said, COORDINATOR, ENDED) == {Bucket.OVERDUE_ELSEWHERE}


def test_of_several_absences_the_longest_holds_and_in_whatever_order_facts_come(said: Kept) -> None:
    due(said, BEGAN + HOUR / 2)
    assert buckets(said, COORDINATOR, ENDED) == {Bucket.OVERDUE_ELSEWHERE}
    was_away(said, began=BEGAN + HOUR / 4)
    was_away(said)
    assert buckets(said, COORDINATOR, ENDED + HOUR) == set()
    deadlines = [
        Deadline("iom", BEGAN + HOUR / 2, BEGAN - HOUR),
        Deadline("redcross", BEGAN + HOUR / 2, BEGAN - HOUR),
        Deadline("iom", BEGAN + 5 * HOUR, BEGAN - HOUR),
        Deadline("iom", ENDED + HOUR / 2, ENDED),
    ]
    assert said.read(absences.excused, deadlines) == {deadlines[0]: ENDED + HOUR}


def test_what_was_sent_when_the_console_was_back_is_late_by_its_own_deadline(said: Kept) -> None:
    was_away(said)
    due(said, ENDED + HOUR / 2, sent_at=ENDED + MINUTE)
    assert buckets(said, COORDINATOR, ENDED + HOUR) == {Bucket.OVERDUE_ELSEWHERE}


@pytest.mark.parametrize("minutes", range(-90, 151, 15))
def test_lists_and_the_case_count_alike(said: Kept, minutes: int) -> None:
    was_away(said)
    due_at = BEGAN + minutes * MINUTE
    due(said, due_at, sent_at=BEGAN - HOUR)
    late_from = counts_from(due_at, [(BEGAN, ENDED)], since=BEGAN - HOUR)
    (row,) = ask(said, f"select {absences.LATE_FROM} as late_from from referral")
    assert row["late_from"] == late_from
