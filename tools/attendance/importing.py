"""Sends a file row by row and waits for what becomes of each; never more than a window of rows is held at once."""

import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final
from uuid import UUID

import contracts
from tools.attendance.desk import Answer, Desk
from tools.attendance.entry import RefusedRow, check
from tools.attendance.offers import Offers
from tools.attendance.registering import presence, registrations
from tools.attendance.report import Outcome, Report
from tools.attendance.rows import Row, Unreadable, UnusableFileError
from tools.attendance.telling import Teller, corrected

SENT_AT_ONCE: Final = 100
WINDOW: Final = 2000  # rows that are sent and not answered yet
STILL_UNKNOWN_AFTER: Final = 60.0  # seconds without any answer

HUB: Final = "hub"  # whose services answer, unless the organiser runs one itself

# Answers that say that nothing had to be done: the person counts as present.
REPEATS: Final = {"already_recorded", "already_present", "already_corrected", "recorded_differently"}


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A row that was sent."""

    line: int
    said: contracts.AttendanceRecorded | contracts.AttendanceCorrected
    was: Outcome | None = None  # what became of it before its details were said once more


class Import:
    """One file on its way."""

    def __init__(
        self,
        desk: Desk,
        teller: Teller,
        report: Report,
        *,
        day: date | None = None,
        all_consented: bool = False,
        offers: Offers | None = None,
        correct: bool = False,
        register_first: bool = False,
        month_first: Collection[str] = (),
        patience: float = STILL_UNKNOWN_AFTER,
        advance: Callable[[], None] = lambda: None,
    ) -> None:
        """`correct`: what was recorded otherwise before is corrected; `advance` is called for each row that is over.

        `offers`: the services that rows may refer to.
        `month_first`: columns whose days may be written with the month first.
        `register_first`: people are registered by us, and the organiser hears only that they came and were served.
        """
        self._desk = desk
        self._teller = teller
        self._report = report
        self._day = day
        self._all_consented = all_consented
        self._offers = offers
        self._corrected_at = datetime.now(UTC) if correct else None
        self._register_first = register_first
        self._month_first = month_first
        self._patience = patience
        self._advance = advance
        self._waiting: dict[UUID, _Waiting] = {}
        self._batch: list[_Waiting] = []
        self._registrations: list[Any] = []  # that go out before the batch; nothing here waits for what becomes of them

    def run(self, rows: Iterable[Row | Unreadable]) -> None:
        """Send every row, and return when each is answered or nothing has come for as long as the patience lasts.

        Raises UnusableFileError where the file cannot be read on; what came before has been settled then.
        """
        unusable = None
        try:
            for row in rows:
                self._take(row)
                if len(self._batch) >= SENT_AT_ONCE:
                    self._send()
                    self._settle(at_most=WINDOW)
        except UnusableFileError as error:
            unusable = error
        self._send()
        self._settle(at_most=0)
        for row_sent in self._waiting.values():
            self._settle_row(row_sent, Outcome.UNANSWERED)
        if unusable is not None:
            raise unusable

    def _take(self, row: Row | Unreadable) -> None:
        try:
            if isinstance(row, Unreadable):
                raise RefusedRow(row.code, row.column)
            entry = check(
                row,
                day=self._day,
                all_consented=self._all_consented,
                offers=self._offers,
                shared_with=self._teller.shared_with,
                month_first=self._month_first,
            )
        except RefusedRow as refused:
            self._report.add(row.line, Outcome.REFUSED, code=refused.code, column=refused.column)
            self._advance()
        else:
            said = self._teller.attendance(entry, row.line)
            if self._register_first:
                self._registrations += registrations(said, registered_at=self._corrected_at or said.present_at)
                said = presence(said)
            self._batch.append(_Waiting(row.line, said))

    def _send(self) -> None:
        self._desk.send([self._desk.stamp(one) for one in self._registrations])
        self._registrations = []
        stamped = [self._desk.stamp(one.said) for one in self._batch]
        self._waiting |= {message.id: one for message, one in zip(stamped, self._batch, strict=True)}
        self._batch = []
        self._desk.send(stamped)

    def _settle(self, *, at_most: int) -> None:
        """Read answers until no more than `at_most` rows wait for theirs; give up when none comes any more."""
        heard = time.monotonic()
        within = 0.0  # what has come already is read in any case
        while True:
            answers = self._desk.answers(within=within)
            for answer in answers:
                self._hear(answer)
            if self._batch:
                self._send()  # corrections
            if answers:
                heard = time.monotonic()
            if len(self._waiting) <= at_most or time.monotonic() - heard > self._patience:
                return
            within = 1.0

    def _hear(self, answer: Answer) -> None:
        if answer.source not in (HUB, self._teller.organiser):
            return  # what we send is brought to nobody else: docs/partners.md
        row = None if answer.message_id is None else self._waiting.pop(answer.message_id, None)
        if row is None:  # of what followed from a row; or of an earlier run that was interrupted
            if answer.code is not None and answer.refused_type is not None:
                self._report.add_other(answer.code, answer.refused_type)
            return
        recorded = row.said if isinstance(row.said, contracts.AttendanceRecorded) else None
        again_at = None if recorded is None else self._corrected_at
        if recorded and again_at and recorded.sealed is not None and answer.outcome == Outcome.MATCHED:
            # Known from another jornada of that day or a later one, so that these details would not be taken for newer.
            self._batch.append(_Waiting(row.line, corrected(recorded, again_at), was=Outcome.MATCHED))
        elif answer.outcome is not None:
            self._settle_row(row, row.was or Outcome(answer.outcome), late=answer.late)
        elif recorded and again_at and answer.code == "recorded_differently":
            self._batch.append(_Waiting(row.line, corrected(recorded, again_at)))
        else:
            outcome = Outcome.REPEATED if answer.code in REPEATS else Outcome.REFUSED
            self._settle_row(row, outcome, code=answer.code)

    def _settle_row(self, row: _Waiting, outcome: Outcome, **more: Any) -> None:
        self._report.add(row.line, outcome, attendance_id=row.said.attendance_id, **more)
        self._advance()
