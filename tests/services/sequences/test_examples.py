"""What arrives together ends as if it had come one by one: the examples that batches have got wrong, or might."""

from collections.abc import Callable, Sequence
from typing import Any, Final
from uuid import UUID

import pytest

from contracts import Message, codes, uuid7
from tests.examples import (
    DAY,
    NEED_ID,
    NOW,
    SENDER,
    consent_granted,
    consent_withdrawn,
    need_identified,
    referral_requested,
    say,
)
from tests.examples_employment import (
    OURS,
    enrolled,
    entrepreneur_left,
    participation_ended,
    participation_started,
)
from tests.examples_events import ORGANISER, attendance_recorded, attendance_struck_out
from tests.examples_intake import etpv_step_struck_out, etpv_step_taken, need_triaged
from tests.examples_route import referral_recorded, route_left, route_opened
from tests.services import stories
from tests.services.outcomes import of_events, of_intake, of_referrals
from tests.services.outcomes.cases import Said
from tests.services.sequences.making import Batch, Sequenced
from tests.services.sequences.playing import End, Player

OTHER_ID: Final = uuid7()
ANOTHER_ID: Final = uuid7()

Play = Callable[..., End]


@pytest.fixture
def play(player_of: Callable[[str], Player]) -> Play:
    """Let batches arrive at a service, one after the other."""

    def arrive(service: str, *batches: Batch) -> End:
        return player_of(service).play(Sequenced(batches))

    return arrive


def told(said: Sequence[Said]) -> Batch:
    """What leads up to a case, as messages."""
    return tuple(say(one.data, source=one.by, time=one.time) for one in said)


def by(source: str, *data: Any) -> Batch:
    """What somebody says, as messages."""
    return tuple(say(one, source=source) for one in data)


def refusals(end: End) -> list[str]:
    """The codes of all refusals, in order."""
    return [one["data"]["code"] for one in end.said if one["type"] == "message.refused.v1"]


# ---------------------------------------------------------------------------------------------------------------------
# What is written later is written last
# ---------------------------------------------------------------------------------------------------------------------


def test_a_need_that_is_identified_and_triaged_between_others_keeps_its_triage(play: Play) -> None:
    end = play(
        "intake",
        (*told(of_intake.KNOWN), *by(SENDER, need_identified())),
        by(
            SENDER,
            need_triaged(),
            need_identified(need_id=OTHER_ID),
            need_triaged(need_id=OTHER_ID, urgency=codes.Urgency.EMERGENCY),
        ),
    )
    assert {row["need_id"]: row["urgency"] for row in end.rows["need"]} == {
        str(NEED_ID): "urgent",
        str(OTHER_ID): "emergency",
    }


def test_a_consent_that_is_granted_and_withdrawn_between_others_ends_withdrawn(play: Play) -> None:
    end = play(
        "intake",
        (*told(of_intake.KNOWN), *by(SENDER, consent_granted())),
        by(
            SENDER,
            need_identified(),  # so that the person is known by then
            consent_withdrawn(),
            consent_granted(consent_id=OTHER_ID),
            consent_withdrawn(consent_id=OTHER_ID),
        ),
    )
    assert [row["end_reason"] for row in end.rows["consent"]] == ["withdrawn", "withdrawn"]


def test_a_step_of_the_statute_that_is_taken_and_struck_out_between_others_ends_struck_out(play: Play) -> None:
    end = play(
        "intake",
        (*told(of_intake.KNOWN), *by(SENDER, etpv_step_taken())),
        by(
            SENDER,
            etpv_step_struck_out(),
            etpv_step_taken(step_id=OTHER_ID),
            etpv_step_struck_out(step_id=OTHER_ID),
        ),
    )
    assert [row["strike_reason"] for row in end.rows["etpv_step"]] == ["wrong_person", "wrong_person"]


# ---------------------------------------------------------------------------------------------------------------------
# Of some things there is one at a time
# ---------------------------------------------------------------------------------------------------------------------

COMPLETED: Final = told(of_referrals.at("completed"))
ON_ROUTE: Final = told(of_intake.WELCOMED)
ATTENDED: Final = told(of_events.ATTENDED)

# Of each: the service, what comes before, the word that ends the first, the word that begins the second, the table and
# key by which the second is found, and the code that it is refused with while the first goes on.
ONE_AT_A_TIME: Final[dict[str, tuple[str, Batch, Message[Any], Message[Any], tuple[str, UUID], str]]] = {
    "one_open_referral": (
        "referrals",
        COMPLETED,
        say(stories.closed[0], source=stories.closed[1]),
        say(referral_requested(referral_id=OTHER_ID), source=SENDER),
        ("referral", OTHER_ID),
        "open_referral_exists",
    ),
    "one_open_route": (
        "intake",
        ON_ROUTE,
        say(route_left()),
        say(route_opened(route_id=OTHER_ID)),
        ("route", OTHER_ID),
        "open_route_exists",
    ),
    "one_presence": (
        "events",
        ATTENDED,
        say(attendance_struck_out(), source=ORGANISER),
        say(attendance_recorded(attendance_id=OTHER_ID), source=ORGANISER),
        ("attendance", OTHER_ID),
        "already_present",
    ),
    "one_open_participation": (
        "employment",
        by(OURS, participation_started()),
        say(participation_ended(ended_at=NOW), source=OURS),
        say(participation_started(participation_id=OTHER_ID), source=OURS),
        ("participation", OTHER_ID),
        "already_takes_part",
    ),
    "one_accompanied_entrepreneur": (
        "employment",
        by(OURS, enrolled()),
        say(entrepreneur_left(left_at=NOW), source=OURS),
        say(enrolled(entrepreneur_id=OTHER_ID), source=OURS),
        ("entrepreneur", OTHER_ID),
        "already_accompanied",
    ),
}


def is_in(end: End, table: str, key: UUID) -> bool:
    """Whether a row has come into a table."""
    return any(row[f"{table}_id"] == str(key) for row in end.rows[table])


@pytest.mark.parametrize("index", ONE_AT_A_TIME)
def test_the_first_ends_and_the_second_begins_in_one_batch(play: Play, index: str) -> None:
    service, before, ends, begins, (table, key), _ = ONE_AT_A_TIME[index]
    end = play(service, before, (ends, begins))
    assert refusals(end) == []
    assert is_in(end, table, key)


@pytest.mark.parametrize("index", ONE_AT_A_TIME)
def test_the_second_does_not_begin_before_the_first_has_ended_in_the_same_batch(play: Play, index: str) -> None:
    service, before, ends, begins, (table, key), code = ONE_AT_A_TIME[index]
    end = play(service, before, (begins, ends))
    assert refusals(end) == [code]
    assert not is_in(end, table, key)


@pytest.mark.parametrize("index", ONE_AT_A_TIME)
def test_all_of_it_may_come_in_one_batch(play: Play, index: str) -> None:
    service, before, ends, begins, (table, key), _ = ONE_AT_A_TIME[index]
    end = play(service, (*before, ends, begins))
    assert refusals(end) == []
    assert is_in(end, table, key)


def test_a_referral_moves_a_route_once_however_often_it_is_told_of_in_a_batch(play: Play) -> None:
    met = by("hub", referral_recorded(), referral_recorded(), referral_recorded(changed_at=NOW + DAY))
    end = play("intake", told(of_intake.WITH_PLAN), met)
    moves = [row["what"] for row in end.rows["route_history"] if row["referral_id"] is not None]
    assert moves == ["need_met"]
