"""Saying facts again: a service that owns them answers whoever only reads, page by page.

The reader asks for each page when it has kept the one before (`facts.asked`, messaging/rebuilding.py), so that a page
at most is on its way, and nothing is kept here of how far anybody has come. A page is a message among others, and costs
everybody else what a message costs. It comes to its reader at once or not at all: nothing of it can be missing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import contracts

FACTS_AT_ONCE: Final = 100
BYTES_AT_ONCE: Final = 128 * 1024  # half of what a message may have
PARTS_AT_ONCE: Final = 5_000  # of its commas and brackets: what may be read has room for them (contracts/reading.py)
COMES_BY_ITSELF: Final = timedelta(minutes=10)  # after a reader has begun: clocks may be apart by half of that

Told = tuple[str, Sequence[contracts.FactSaid]]
"""Where something stands in its kind's order, and what is known of it."""


@dataclass(frozen=True)
class Kind:
    """Facts of one kind, in an order in which those that come later stand behind."""

    name: str
    after: Callable[[str | None, int], Sequence[Told]]
    """What stands behind a place, from the first where that is None: no more than so many."""


@dataclass(frozen=True)
class Page:
    """Some facts, and how far they go."""

    facts: tuple[contracts.FactSaid, ...]
    after: str | None
    total: int | None


def page(asked: contracts.FactsAsked, kinds: Sequence[Kind], *, count: Callable[[], int]) -> Page:
    """Return the page that is asked for; `count` tells of how many things there are facts, which the first page says.

    What somebody asks that is no place of ours begins at the first.
    """
    name, _, place = (asked.after or "").partition(":")
    begins = next((number for number, kind in enumerate(kinds) if kind.name == name), 0)
    room, facts, behind = _Room(), list[contracts.FactSaid](), asked.after
    for kind in kinds[begins:]:
        known = place if kind.name == name and place else None
        told: Sequence[Told] = [("", ())] * FACTS_AT_ONCE
        while len(told) == FACTS_AT_ONCE:
            told = kind.after(known, FACTS_AT_ONCE)
            for known, about in told:
                if not room.takes(about) and facts:
                    return _page(asked, facts, behind, count)
                facts += about
                behind = f"{kind.name}:{known}"
    return _page(asked, facts, None, count)


def _page(
    asked: contracts.FactsAsked, facts: Sequence[contracts.FactSaid], behind: str | None, count: Callable[[], int]
) -> Page:
    return Page(tuple(facts), behind, count() if asked.page == 1 else None)


class _Room:
    """What a page still has room for."""

    def __init__(self) -> None:
        self._facts, self._bytes, self._parts = FACTS_AT_ONCE, BYTES_AT_ONCE, PARTS_AT_ONCE

    def takes(self, facts: Sequence[contracts.FactSaid]) -> bool:
        """Take these, and tell whether there was room for them."""
        for one in facts:
            text = one.model_dump_json(exclude_none=True)
            self._facts -= 1
            self._bytes -= len(text.encode())
            self._parts -= text.count(",") + text.count("[") + text.count("{")
        return min(self._facts, self._bytes, self._parts) >= 0
