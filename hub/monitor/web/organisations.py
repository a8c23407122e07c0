"""Organizaciones: who is silent, who does not read what is for them, and since when, as it was last seen."""

from collections.abc import Iterable, Sequence
from typing import Final

from starlette.responses import Response

from hub.console.web.screen import Screen
from hub.console.web.settings import Settings
from hub.console.web.visit import Visit
from hub.console.web.words import N_
from hub.monitor.seen import SeenOrganisation
from hub.monitor.web import looking

PATH: Final = "/organizaciones"
SHOWN: Final = 200


def screens(settings: Settings) -> Sequence[Screen]:
    """The pages of this module."""

    def show(visit: Visit) -> Response:
        looked, seen = looking.last(visit, settings)
        known = seen.organisations if seen is not None else None
        rows = in_order(known or ())
        visit.note("network_seen", page="organisations", count=len(rows))
        return visit.page(
            "organisations.html",
            looked=looked,
            seen=seen,
            is_known=known is not None,
            rows=rows[:SHOWN],
            many=len(rows),
            late=sum(one.silent or one.behind for one in rows),
        )

    return (Screen("organisations", PATH, get=show, label=N_("Organizaciones"), act="network_seen"),)


def in_order(organisations: Iterable[SeenOrganisation]) -> list[SeenOrganisation]:
    """Those that are silent or behind first, then whoever has left something unread for longest."""
    return sorted(organisations, key=lambda one: (not (one.silent or one.behind), -(one.unread or 0.0), one.id))
