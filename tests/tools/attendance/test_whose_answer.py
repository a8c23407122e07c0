"""Whose answers an import believes: those of the hub's services and of the organiser's own, and nobody else's."""

from collections.abc import Sequence
from typing import Any

import pytest

from contracts import Message
from tests.tools.attendance.test_telling_rows import teller
from tools.attendance.desk import Answer, Desk
from tools.attendance.importing import Import
from tools.attendance.report import Outcome, Report
from tools.attendance.rows import Row

ORGANISER = teller().organiser
CAME = {"nombres": "Ana", "telefono": "3004815162", "fecha_atencion": "2026-03-07"}


class DeskWithAnswers(Desk):
    """A desk without a broker: it answers each message that is sent, as whoever it is told to."""

    def __init__(self, *answers: tuple[str, str | None, str | None]) -> None:
        """`answers`: who says so, the outcome, and the code."""
        self.organisation = "redcross"
        self._to_give = answers
        self._given: list[Answer] = []

    def send(self, batch: Sequence[Message[Any]]) -> None:
        for message in batch:
            self._given += [
                Answer(source, message.id, outcome, code, refused_type=code and message.type)
                for source, outcome, code in self._to_give
            ]

    def answers(self, *, within: float) -> list[Answer]:
        given, self._given = self._given, []
        return given


def imported(*answers: tuple[str, str | None, str | None]) -> Report:
    report = Report()
    Import(DeskWithAnswers(*answers), teller(), report, patience=0.0).run([Row(2, CAME)])
    return report


@pytest.mark.parametrize("source", ["hub", ORGANISER])
def test_the_hub_and_the_organiser_say_what_became_of_a_row(source: str) -> None:
    assert imported((source, "accepted", None)).outcomes == {Outcome.ACCEPTED: 1}


@pytest.mark.parametrize("lie", [("fuvadis", None, "jornada_unknown"), ("fuvadis", "accepted", None)])
def test_a_planted_answer_of_anybody_else_settles_nothing(lie: tuple[str, str | None, str | None]) -> None:
    assert imported(lie).outcomes == {Outcome.UNANSWERED: 1}
    heard_later = imported(lie, ("hub", None, "not_that_day"))
    assert (heard_later.outcomes, heard_later.others) == ({Outcome.REFUSED: 1}, {})
