"""Counts of fewer than five people in the protection sectors: not shown, and not to be worked out from what is.

Three rules, which hold for all reports together:

1. A *cell* is one kind of thing in one month and one municipality. It is shown whole, or without what it is made up of,
   or not at all; how, follows from the cell alone.
2. A period and a place choose cells. They never make others, so one report less another is made of whole cells.
3. A sum over cells takes what is shown of them and nothing else, and so tells no more than they do.

Of a cell with one small part all parts go, since one alone could be had by subtraction. A cell of the running month is
not shown: whoever asks every day would see people come one by one.
"""

from collections.abc import Sequence
from typing import Final

FEW: Final = 5
SMALL: Final = "<5"
WITHHELD: Final = "*"
AT_LEAST: Final = "≥"

PROTECTION: Final = frozenset({"protection", "child_protection", "gbv", "trafficking_and_smuggling"})
CONFIDENTIAL: Final = frozenset({"gbv"})
"""Of these no message links a need to its referral, or to a person."""

Shown = int | str
"""A count as it is shown: itself, `<5`, `*` (withheld), or `≥12` where something of it is withheld."""

NOTES: Final = (
    f"{SMALL}: from one to four people, in a protection sector.",
    f"{WITHHELD}: withheld, because fewer than five people could be told from it, in a protection sector.",
    f"{AT_LEAST}: at least so many; what is withheld is not in it.",
    "Protection sectors are counted up to the end of last month.",
)


def is_protected(need_code: str) -> bool:
    """Whether a need (`sector.need`) is of a protection sector."""
    return need_code.partition(".")[0] in PROTECTION


def is_confidential(need_code: str) -> bool:
    """Whether a need is one of those that nothing is linked to."""
    return need_code.partition(".")[0] in CONFIDENTIAL


def is_small(*counts: int) -> bool:
    """Whether any of these counts is of one to four people; nobody is nobody's secret."""
    return any(0 < count < FEW for count in counts)


def show(total: int, parts: Sequence[int], *, differences: Sequence[int] = ()) -> tuple[Shown, ...]:
    """Show a protected cell: its total, then its parts.

    `differences` are what can be had from the total and the parts by subtraction and is a count of people, too.
    """
    if is_small(total):
        return (SMALL, *(WITHHELD for _ in parts))
    if is_small(*parts, *differences):
        return (total, *(WITHHELD for _ in parts))
    return (total, *parts)


def add(cells: Sequence[Sequence[Shown]]) -> tuple[Shown, ...]:
    """Add cells, column by column, from what is shown of them."""
    return tuple(_sum(column) for column in zip(*cells, strict=True))


def _sum(column: Sequence[Shown]) -> Shown:
    shown = [one for one in column if isinstance(one, int)]
    if len(shown) == len(column):
        return sum(shown)
    if len(column) == 1:
        return column[0]
    return f"{AT_LEAST}{sum(shown)}" if shown else WITHHELD


def show_people(people: int, totals: Sequence[Shown]) -> Shown:
    """Show how many different people cells are about, given what is shown as the total of each.

    Who knows that number and all totals but one would know the one: so it says no more than the shown totals add up to.
    """
    if is_small(people):
        return SMALL
    known = [one for one in totals if isinstance(one, int)]
    if len(known) == len(totals):
        return people
    return f"{AT_LEAST}{min(people, sum(known))}" if known else WITHHELD
