"""Estado: whether anybody waits for us, why, and what to do first; then what stands where, as it was last seen."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from hub.console.web.alert_words import FIRST, MEANS, PAGES, TITLES, UNSEEN
from hub.console.web.screen import Screen
from hub.console.web.settings import Settings
from hub.console.web.visit import Visit
from hub.console.web.words import N_
from hub.monitor.alerts.rules import EVERYBODY
from hub.monitor.seen import Seen, SeenAlert, SeenQueue
from hub.monitor.web import looking
from hub.monitor.web.operators import replay_path
from messaging.topology import MONITOR

PATH: Final = "/estado"
SHOWN: Final = 20  # causes
THEIRS: Final = {"organisation_silent", "organisation_unread", "own_service_behind"}  # others wait for who is named
OF_WAITING: Final = {"organisations", "referrals", "unacknowledged"}  # probes without which somebody may wait unseen


@dataclass(frozen=True)
class Waiting:
    """Who waits for us, in all."""

    everybody: bool
    organisations: Sequence[str]
    emergencies: int | None  # None: nobody can count them now

    @property
    def anybody(self) -> bool:
        return self.everybody or bool(self.organisations) or bool(self.emergencies)


@dataclass(frozen=True)
class Figures:
    """What stands where; None: no data."""

    messages: int | None  # in the hub's queues, but the log's
    age: float | None  # seconds of the oldest of them
    exact: bool
    unknown: Sequence[str]  # services that could not be looked at: what follows is of the others
    unpublished: int | None
    unpublished_since: str | None
    waiting: int | None
    retry: int | None
    quarantined: int | None
    silent: int | None
    behind: int | None
    organisations: int
    up: int  # processes
    processes: int
    down: Sequence[str]


@dataclass(frozen=True)
class Review:
    """A replay that one alone has started, and nobody else has looked at."""

    operation_id: str
    at: str
    messages: int


def screens(settings: Settings) -> Sequence[Screen]:
    """The pages of this module."""

    def show(visit: Visit) -> Response:
        looked, seen = looking.last(visit, settings)
        causes = told(seen) if seen is not None else []
        waiting = who_waits(causes)
        visit.note("network_seen", page="state", count=len(causes))
        return visit.page(
            "state.html",
            looked=looked,
            seen=seen,
            titles=TITLES,
            meanings=MEANS,
            firsts=FIRST,
            pages=PAGES,
            causes=causes[:SHOWN],
            more=len(causes) - SHOWN,
            follows=sorted({one.name for one in seen.alerts if one.hidden_by and one.name in TITLES})
            if seen is not None
            else (),
            waiting=waiting,
            theirs=THEIRS,
            figures=figures(seen) if seen is not None else None,
            blind=seen is not None and is_blind(seen, waiting),
            reviews=reviews(seen) if seen is not None else (),
            replay_path=replay_path,
            unseen=[UNSEEN[name] for name in seen.unseen if name in UNSEEN] if seen is not None else (),
        )

    return (Screen("state", PATH, get=show, label=N_("Estado"), act="network_seen", in_emergency=True),)


def reviews(seen: Seen) -> list[Review]:
    """What is to be looked at, the oldest first: of each replay the messages of all services."""
    found: dict[str, Review] = {}
    for one in (review for service in seen.services for review in service.reviews):
        known = found.get(one.operation_id, Review(one.operation_id, one.at, 0))
        found[one.operation_id] = Review(one.operation_id, min(known.at, one.at), known.messages + one.messages)
    return sorted(found.values(), key=lambda one: one.at)[:SHOWN]


def is_blind(seen: Seen, waiting: Waiting) -> bool:
    """Whether somebody may wait where nobody could look."""
    is_counted = all(one.messages is not None for one in seen.queues or ())
    return bool(seen.unread or not OF_WAITING.isdisjoint(seen.unseen) or waiting.emergencies is None or not is_counted)


def told(seen: Seen) -> list[SeenAlert]:
    """The causes: what cannot wait first, then what keeps somebody waiting, then causes before what they may bring."""
    found = [one for one in seen.alerts if not one.hidden_by and one.name in TITLES]
    return sorted(found, key=lambda one: (one.silenced, one.can_wait, not keeps_waiting(one)))


def following(seen: Seen) -> list[str]:
    """What follows from a cause, each once."""
    return sorted({one.name for one in seen.alerts if one.hidden_by and one.name in TITLES})


def keeps_waiting(one: SeenAlert) -> bool:
    """Whether an alert says that somebody waits for us."""
    return who_waits([one]).anybody


def who_waits(causes: Iterable[SeenAlert]) -> Waiting:
    """Who waits for any of them."""
    found = list(causes)
    named = {name for one in found if one.name not in THEIRS for name in one.organisations}
    counts = [one.emergencies for one in found]
    emergencies = None if None in counts else max((count for count in counts if count is not None), default=0)
    return Waiting(EVERYBODY in named, sorted(named - {EVERYBODY}), emergencies)


def figures(seen: Seen) -> Figures:
    """Sums of what was seen."""
    # What waits for the log keeps nobody waiting.
    ours = None if seen.queues is None else [one for one in seen.queues if one.part not in ("", MONITOR)]
    oldest = oldest_of(ours) if ours else None
    all_known = all(one.age is not None for one in ours or () if one.messages)
    organisations = seen.organisations
    down = [one.name for one in seen.processes if one.state != "running"]
    return Figures(
        messages=_whole_sum(ours),
        age=oldest.age if oldest is not None else None,
        exact=oldest is not None and oldest.exact and all_known,
        unknown=[one.name for one in seen.services if one.unpublished is None],
        unpublished=_sum(one.unpublished for one in seen.services),
        unpublished_since=min((one.unpublished_since for one in seen.services if one.unpublished_since), default=None),
        waiting=_sum(one.waiting for one in seen.services),
        retry=_sum(one.retry for one in seen.services),
        quarantined=_sum(one.quarantined for one in seen.services),
        silent=None if organisations is None else sum(one.silent for one in organisations),
        behind=None
        if organisations is None or any(one.unread is None for one in organisations)
        else sum(one.behind for one in organisations),
        organisations=len(organisations or ()),
        up=len(seen.processes) - len(down),
        processes=len(seen.processes),
        down=down,
    )


def oldest_of(queues: Iterable[SeenQueue]) -> SeenQueue | None:
    """That of the oldest message."""
    known = [one for one in queues if one.messages and one.age is not None]
    return max(known, key=lambda one: one.age or 0.0, default=None)


def _whole_sum(queues: Sequence[SeenQueue] | None) -> int | None:
    """The messages in all of them; None where that is not known of each."""
    counts = [one.messages for one in queues or ()]
    known = [count for count in counts if count is not None]
    return sum(known) if queues is not None and len(known) == len(counts) else None


def _sum(counts: Iterable[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None
