"""A page's declaration: its route and what it is made by. Who may come to it stands in permissions.py."""

from collections.abc import Callable
from dataclasses import dataclass

from starlette.responses import Response

from hub.console.web.visit import Visit

Handler = Callable[[Visit], Response]


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
    hashes: bool = False
    """Whether what is posted is held against a password or a PIN, which costs: only a few do so at a time."""
    is_activity: bool = True
    """Whether to ask for it shows that somebody is there; not where a page asks by itself."""
