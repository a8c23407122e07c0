"""En espera: whose messages wait for what, until when, and how much of their sender's room that takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from starlette.responses import Response

from contracts import refusals
from hub.console.web.screen import Screen
from hub.console.web.settings import Settings
from hub.console.web.visit import Visit
from hub.console.web.words import N_
from hub.gateway.http.problems import Language
from hub.monitor.seen import Seen, SeenWait
from hub.monitor.waiting import NOT_SHOWN
from hub.monitor.web import looking
from messaging import inbox
from messaging.identity import HUB

PATH: Final = "/en-espera"
SHOWN: Final = 100


@dataclass(frozen=True)
class Row:
    """What waits of one sender in one service for one reason."""

    service: str
    wait: SeenWait
    why: str  # empty where the code has no words
    until: datetime | None  # None: as long as it takes, or until it has been tried often enough
    share: int  # per cent of what of its sender may lie in this service; 0 of what the hub says, or whose is not shown


def screens(settings: Settings) -> Sequence[Screen]:
    """The pages of this module."""

    def show(visit: Visit) -> Response:
        looked, seen = looking.last(visit, settings)
        found = rows(seen, visit.language) if seen is not None else []
        visit.note("network_seen", page="waits", count=len(found))
        return visit.page(
            "waits.html",
            looked=looked,
            seen=seen,
            rows=found[:SHOWN],
            many=len(found),
            unknown=unknown(seen) if seen is not None else (),
        )

    return (Screen("waits", PATH, get=show, label=N_("En espera"), act="network_seen", in_emergency=True),)


def unknown(seen: Seen) -> list[str]:
    """The services of which nobody knows what waits in them."""
    return [one.name for one in seen.services if one.waits is None]


def rows(seen: Seen, language: Language) -> list[Row]:
    """What waits, that whose time ends first before the others."""
    found = [_row(one.name, wait, language) for one in seen.services for wait in one.waits or ()]
    return sorted(found, key=lambda row: (row.until is None, row.until or datetime.fromisoformat(row.wait.since)))


def _row(service: str, wait: SeenWait, language: Language) -> Row:
    ends = wait.state == "waiting" and wait.source != HUB and wait.code != inbox.CLOCKS_APART
    has_words = bool(refusals.find(wait.code, service, language)) and wait.state == "waiting"
    share = 0.0
    if wait.source not in (HUB, NOT_SHOWN):
        share = max(wait.messages / inbox.PARKED_OF_ONE_SENDER, wait.bytes / inbox.PARKED_BYTES_OF_ONE_SENDER)
    return Row(
        service=service,
        wait=wait,
        why=refusals.explain(wait.code, service, language, waits=True) if has_words else "",
        until=datetime.fromisoformat(wait.since) + inbox.WAITS_AT_MOST if ends else None,
        share=round(100 * share),
    )
