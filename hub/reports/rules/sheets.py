"""A report as rows under headings, whatever it is written as in the end."""

from dataclasses import dataclass

Cell = int | float | str | None


@dataclass(frozen=True)
class Column:
    """One column of a sheet."""

    name: str
    """As JSON names it."""
    heading: str
    hashtag: str | None = None
    """What it is in HXL."""


@dataclass(frozen=True)
class Sheet:
    """A report: its columns, its rows in the order of the columns, and what the reader has to know."""

    name: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()
