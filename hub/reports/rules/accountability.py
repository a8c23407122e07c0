"""Accountability: what was published beside what is counted."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from hub.reports.rules import small_counts
from hub.reports.rules.asked import Asked
from hub.reports.rules.sheets import Column, Sheet
from hub.reports.rules.small_counts import Shown

COLUMNS: Final = (
    Column("figure", "Figure"),
    Column("published", "Published"),
    Column("counted", "Counted"),
    Column("equal", "Equal"),
)


@dataclass(frozen=True)
class Figure:
    """One figure of the report: how it is counted, and what was published of it."""

    label: str
    count: str
    """The query that counts it."""
    of: Mapping[str, str] = field(default_factory=dict)
    """What the query is asked for, such as a programme."""
    first_month: str | None = None
    last_month: str | None = None
    place: str | None = None
    published: int | None = None
    """None: nothing was."""

    def is_asked(self, asked: Asked) -> bool:
        """Whether this figure is of the period and the place; it is never counted anew for another."""
        return asked.covers_period(self.first_month, self.last_month) and (
            asked.place is None or (self.place or "").startswith(asked.place)
        )


@dataclass(frozen=True)
class Counted:
    """A figure and what was counted of it."""

    figure: Figure
    counted: Shown

    @property
    def equal(self) -> bool | None:
        """Whether the published figure is what was counted; None where nothing was published."""
        return None if self.figure.published is None else self.figure.published == self.counted


@dataclass(frozen=True)
class Result:
    """The accountability report."""

    figures: tuple[Counted, ...]
    source: str
    """Where the published figures come from."""

    @property
    def equal(self) -> bool:
        """Whether every published figure is what was counted."""
        return all(one.equal is not False for one in self.figures)

    def sheet(self) -> Sheet:
        """Make the sheet."""
        rows = tuple(
            (
                one.figure.label,
                one.figure.published,
                one.counted,
                None if one.equal is None else "yes" if one.equal else "NO",
            )
            for one in self.figures
        )
        notes = (f"Published: {self.source}.", "Counted from the network's messages, each person once.")
        return Sheet("accountability", COLUMNS, rows, (*notes, *small_counts.NOTES))
