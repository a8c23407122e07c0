"""Accountability: what was published beside what is counted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from hub.reports.rules import small_counts
from hub.reports.rules.asked import Asked, WronglyAskedError
from hub.reports.rules.sheets import Column, Sheet
from hub.reports.rules.small_counts import Shown

COLUMNS: Final = (
    Column("figure", "Figure"),
    Column("published", "Published"),
    Column("counted", "Counted", counts=True),
    Column("equal", "Equal"),
)

BY_PERIOD: Final = frozenset({"people_served", "people_placed"})
"""The counts that know months, of figures of which nothing was published."""
BY_PLACE: Final = frozenset({"people_served"})
"""Those that know municipalities."""


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
        """Whether this figure is of the period and the place, or can be counted for them where nothing was published.

        How many different people there were in one month more is a count of few, so that no figure of a protection
        sector is counted for another period or place.
        """
        if self.published is not None:
            return asked.covers_period(self.first_month, self.last_month) and (
                asked.place is None or (self.place or "").startswith(asked.place)
            )
        return asked == Asked() or (
            not small_counts.is_protected(self.of.get("need", ""))
            and (self.count in BY_PERIOD or (asked.from_month is None and asked.to_month is None))
            and (self.count in BY_PLACE or asked.place is None)
        )

    def counted_for(self, asked: Asked) -> Asked:
        """The period and place that it is counted for: its own where it was published, else what is asked for."""
        return asked if self.published is None else Asked(self.first_month, self.last_month)


def choose(figures: Sequence[Figure], asked: Asked) -> list[Figure]:
    """Choose the figures of a period and a place.

    Raises WronglyAskedError when none of them was published: a report that compares nothing would say that all is well.
    """
    chosen = [figure for figure in figures if figure.is_asked(asked)]
    if all(figure.published is None for figure in chosen):
        raise WronglyAskedError("No published figure is of that period and place, so that there is nothing to compare.")
    return chosen


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
    left_out: tuple[str, ...] = ()
    """The labels of the figures that are not of the period and place."""

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
        notes = [f"Published: {self.source}.", "Counted from the network's messages, each person once."]
        if self.left_out:
            notes.append(f"Left out, not of this period and place: {'; '.join(self.left_out)}.")
        return Sheet("accountability", COLUMNS, rows, (*notes, *small_counts.NOTES))
