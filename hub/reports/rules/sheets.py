"""A report as rows under headings, whatever it is written as in the end."""

from dataclasses import dataclass, replace
from typing import Final

Cell = int | float | str | None
P_CODES: Final = "CO"
"""What OCHA's codes of places put before those of DIVIPOLA."""


@dataclass(frozen=True)
class Column:
    """One column of a sheet."""

    name: str
    """As JSON names it."""
    heading: str
    hashtag: str | None = None
    """What it is in HXL."""
    p_code: bool = False
    """Whether it holds DIVIPOLA codes."""
    counts: bool = False
    """Whether it holds counts of people, of which something may be withheld."""


@dataclass(frozen=True)
class Sheet:
    """A report: its columns, its rows in the order of the columns, and what the reader has to know."""

    name: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()


def for_programs(sheet: Sheet) -> Sheet:
    """Return a sheet in which every count is a number or nothing, so that programs can add them up.

    What is shown in place of a count (`<5`, `*`, `≥12`) moves into a column of its own, under the count's name. Places
    have their p-codes, too. What is added stands behind what was there.
    """
    coded = [at for at, column in enumerate(sheet.columns) if column.p_code]
    counting = [at for at, column in enumerate(sheet.columns) if column.counts]
    added = [_p_codes(sheet.columns[at]) for at in coded]
    if counting:
        in_hxl = any(column.hashtag for column in sheet.columns)
        added.append(Column("withheld", "Withheld", "#meta+withheld" if in_hxl else None))
    rows: list[tuple[Cell, ...]] = []
    for row in sheet.rows:
        withheld = {at: row[at] for at in counting if isinstance(row[at], str)}
        said = "; ".join(f"{sheet.columns[at].name}: {shown}" for at, shown in withheld.items())
        numbers = (None if at in withheld else cell for at, cell in enumerate(row))
        places = (f"{P_CODES}{row[at]}" if row[at] else None for at in coded)
        rows.append((*numbers, *places, *([said or None] if counting else ())))
    return replace(sheet, columns=(*sheet.columns, *added), rows=tuple(rows))


def _p_codes(column: Column) -> Column:
    name, heading = column.name.removesuffix("_code"), column.heading.removesuffix(" code")
    return Column(f"{name}_pcode", f"{heading} p-code", column.hashtag and f"{column.hashtag}+v_pcode")
