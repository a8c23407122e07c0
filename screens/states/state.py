"""A page as it can be, and the plainest way to it."""

from collections.abc import Callable
from dataclasses import dataclass

from screens.console import Person
from screens.visiting import Hand


@dataclass(frozen=True)
class State:
    """A page as it can be."""

    screen: str
    """Which page, as hub/console/web/permissions.py names it."""
    name: str
    who: Person | None
    reach: Callable[[Hand], None]
    is_refused: bool = False
    """Whether it shows what is wrong with a form that was sent."""


def to(path: str) -> Callable[[Hand], None]:
    """Open a page, and do no more."""
    return lambda hand: hand.go(path)
