"""Organizaciones: who is silent, who does not read what is for them, and since when, as it was last seen.

And what admission has refused to whom in a day, by code, and who says what in an older version of its contract, as the
message log has it.
"""

from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Final
from urllib.parse import urlencode

from starlette.responses import Response

from contracts.codes import OrganisationStatus
from hub.console.web.screen import Screen
from hub.console.web.settings import Settings
from hub.console.web.visit import Visit
from hub.console.web.words import N_
from hub.monitor.log import organisations
from hub.monitor.log.organisations import Older, RefusedByCode
from hub.monitor.seen import SeenOrganisation
from hub.monitor.web import log, looking, messages
from hub.monitor.web.log import LogAway
from messaging.database import Connection

PATH: Final = "/organizaciones"
SHOWN: Final = 200
LOOKED_BACK: Final = timedelta(days=1)  # in the message log


def screens(settings: Settings) -> Sequence[Screen]:
    """The pages of this module."""

    def show(visit: Visit) -> Response:
        looked, seen = looking.last(visit, settings)
        known = seen.organisations if seen is not None else None
        rows = in_order(known or ())
        refused: list[RefusedByCode] | None = None
        older: list[Older] | None = None
        since = looked.say.now - LOOKED_BACK
        with suppress(LogAway):
            refused, older = log.ask(settings, partial(_of_the_log, since=since, codes=messages.codes(settings)))
        visit.note("network_seen", page="organisations", count=len(rows))
        return visit.page(
            "organisations.html",
            looked=looked,
            seen=seen,
            is_known=known is not None,
            rows=rows[:SHOWN],
            many=len(rows),
            suspended=suspended(settings),
            late=sum(one.silent or one.behind for one in rows),
            refused=refused[:SHOWN] if refused is not None else None,
            refused_many=sum(one.count for one in refused or ()),
            messages_of=messages_of,
            older=older[:SHOWN] if older is not None else None,
        )

    return (Screen("organisations", PATH, get=show, label=N_("Organizaciones"), act="network_seen", in_emergency=True),)


def suspended(settings: Settings) -> list[str]:
    """The organisations that are, in order."""
    known = settings.organisations().items()
    return sorted(id for id, one in known if one.status is OrganisationStatus.SUSPENDED)


def messages_of(organisation: str, code: str) -> str:
    """The address of the messages that were refused to an organisation for that."""
    return f"{messages.PATH}?{urlencode({messages.ORGANISATION: organisation, messages.CODE: code})}"


def _of_the_log(
    connection: Connection, since: datetime, codes: Collection[str]
) -> tuple[list[RefusedByCode], list[Older]]:
    return organisations.refused_by_code(connection, since, codes), organisations.older_versions(connection, since)


def in_order(organisations: Iterable[SeenOrganisation]) -> list[SeenOrganisation]:
    """Those that are silent or behind first, then whoever has left something unread for longest."""
    return sorted(organisations, key=lambda one: (not (one.silent or one.behind), -(one.unread or 0.0), one.id))
