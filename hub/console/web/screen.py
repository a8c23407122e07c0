"""A page's declaration: its route and what it is made by. Who may come to it stands in permissions.py."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from hub.console.web.visit import Visit

Handler = Callable[[Visit], Response]
SOON: Final = 1
"""Second: the least that a page says until it is to be looked at again, for browsers know no part of one."""


@dataclass(frozen=True, slots=True)
class Screen:
    """One page, or one thing that can be done."""

    name: str
    """As permissions.py has it."""
    path: str
    get: Handler | None = None
    post: Handler | None = None
    label: str = ""
    """In the navigation (a text of the catalogue); empty: it is not there."""
    act: str | None = None
    """What it notes in the audit, always: without it the page is not sent."""
    answers_itself: bool = False
    """Whether what is posted is answered with the page itself, which browsers keep together with what was typed: only
    where nothing is typed, or a password is, for such a form they keep without what was typed."""
    hashes: bool = False
    """Whether what is posted is held against a password or a PIN, which costs: only a few do so at a time."""
    keeps_typed: bool = True
    """Whether what was typed into its form waits for whoever typed it; not where its page does not show it again. Of
    pages that anybody may come to nothing waits: what is typed there is a secret."""
    is_activity: bool = True
    """Whether to ask for it shows that somebody is there; not where a page asks by itself."""
    is_awaited: bool = False
    """Whether a page that asks to be looked at again in SOON is made a few times before it is sent, so that whoever
    waits for what comes in a moment sees it in that moment."""
    in_emergency: bool = False
    """Whether it can be looked at without the console's database, with the local account (emergency.py)."""
