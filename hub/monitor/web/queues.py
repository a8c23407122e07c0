"""Colas: where messages stand, as it was last seen: first what nobody reads, then the oldest."""

from collections.abc import Iterable, Sequence
from typing import Final
from urllib.parse import urlencode

from starlette.responses import Response

from hub.console.web.screen import Screen
from hub.console.web.settings import Settings
from hub.console.web.visit import Visit
from hub.console.web.words import N_
from hub.monitor.seen import SeenQueue
from hub.monitor.web import looking, messages
from messaging.topology import NAME, NETWORK, owner_of

PATH: Final = "/colas"
SHOWN: Final = 100  # of those in which something waits, and of those that are empty


def screens(settings: Settings) -> Sequence[Screen]:
    """The pages of this module."""

    def show(visit: Visit) -> Response:
        looked, seen = looking.last(visit, settings)
        known = seen.queues if seen is not None else None
        full, empty, uncounted = sorted_out(known or ())
        visit.note("network_seen", page="queues", count=len(full))
        return visit.page(
            "queues.html",
            looked=looked,
            seen=seen,
            is_known=known is not None,
            full=full[:SHOWN],
            many=len(full),
            empty=empty[:SHOWN],
            more=len(empty) - SHOWN,
            uncounted=uncounted[:SHOWN],
            stands=stands,
            messages_of=messages_of,
        )

    return (Screen("queues", PATH, get=show, label=N_("Colas"), act="network_seen", in_emergency=True),)


def stands(queue: SeenQueue) -> bool:
    """Whether messages wait that nobody reads."""
    return bool(queue.messages) and queue.readers == 0


def messages_of(queue: SeenQueue) -> str:
    """The address of the messages of the organisation whose queue it is; empty of one of the hub's own.

    Of a service the log has no list: it knows what became of messages, and not who is still to read them.
    """
    if queue.vhost != NETWORK or "." not in queue.name or not NAME.fullmatch(owner := owner_of(queue.name)):
        return ""
    return f"{messages.PATH}?{urlencode({messages.ORGANISATION: owner})}"


def sorted_out(queues: Iterable[SeenQueue]) -> tuple[list[SeenQueue], list[SeenQueue], list[SeenQueue]]:
    """Those in which something waits, first what stands still; by name the empty ones, and what nobody has counted."""
    known = sorted(queues, key=lambda one: (one.vhost, one.name))
    full = [one for one in known if one.messages]
    full.sort(key=lambda one: (not stands(one), -(one.age or 0.0), -(one.messages or 0)))
    return full, [one for one in known if one.messages == 0], [one for one in known if one.messages is None]
