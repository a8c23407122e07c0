"""What became of each row: counted, and written down line by line as the answers come. Never what stands in a row."""

import csv
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

NOT_READ = "not_read"  # of a column; everything else is of a row
HEADING = ("line", "outcome", "code", "column", "late", "attendance_id")


class Outcome(StrEnum):
    """What became of a row."""

    ACCEPTED = "accepted"
    MATCHED = "matched"  # the person was known to the service before
    CORRECTED = "corrected"
    REPEATED = "repeated"  # nothing changed: the person counts as present already
    REFUSED = "refused"
    UNANSWERED = "unanswered"


class Report:
    """Counts outcomes, and writes them to a CSV file if there is one."""

    def __init__(self, file: Any = None) -> None:
        self._table = None if file is None else csv.writer(file)
        self.outcomes: Counter[Outcome] = Counter()
        self.reasons: Counter[tuple[Outcome, str]] = Counter()
        self.others: Counter[tuple[str, str]] = Counter()
        self.late = 0
        if self._table is not None:
            self._table.writerow(HEADING)

    @classmethod
    @contextmanager
    def to(cls, path: Path | None) -> Iterator["Report"]:
        """Open a report; raises OSError when the file cannot be written."""
        if path is None:
            yield cls()
        else:
            with path.open("w", encoding="utf-8", newline="") as file:
                yield cls(file)

    def add(
        self,
        line: int,
        outcome: Outcome,
        *,
        code: str | None = None,
        column: str | None = None,
        late: bool = False,
        attendance_id: object = None,
    ) -> None:
        """Take down what became of a row."""
        self.outcomes[outcome] += 1
        self.late += late
        if code is not None:
            self.reasons[outcome, code] += 1
        if self._table is not None:
            self._table.writerow((line, outcome, code or "", column or "", "late" if late else "", attendance_id or ""))

    def add_unread(self, line: int, column: str) -> None:
        """Take down a column that is not read, on the line of the headings."""
        if self._table is not None:
            self._table.writerow((line, NOT_READ, "", column, "", ""))

    def add_other(self, code: str, refused_type: str) -> None:
        """Take down a refusal of something else: mostly of what followed from a row, such as a consent."""
        self.others[refused_type, code] += 1

    def show(self, console: Console) -> None:
        """Print the counts."""
        table = Table("rows", "")
        for outcome in Outcome:
            if self.outcomes[outcome]:
                table.add_row(str(self.outcomes[outcome]), f"[bold]{outcome}")
                for (of, code), count in self.reasons.most_common():
                    if of == outcome:
                        table.add_row(f"[dim]{count}", f"[dim]  {code}")
        if self.late:
            table.add_row(str(self.late), "late: after the jornada was reported")
        for (refused_type, code), count in self.others.most_common():
            table.add_row(str(count), f"refused besides: {refused_type}, {code}")
        console.print(table)
