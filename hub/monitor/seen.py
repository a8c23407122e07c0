"""What was last seen of the network, in a file beside the book of alerts: for pages, also while servers are away.

Whoever tells of alerts writes it after each look. It has ids, codes and counts, so many of each as a page can show, and
neither what a process has said of an error nor where its files are. What could not be looked at is None, which is no 0.
"""

import json
import logging
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

from hub.monitor.alerts import ages, rules, telling
from hub.monitor.alerts.rules import Alert
from hub.monitor.alerts.settings import Settings
from hub.monitor.alerts.telling import Book
from hub.monitor.waiting import NOT_SHOWN
from messaging.topology import CONSOLE, HUB, NAME

MOST: Final = 500  # of alerts, queues, organisations and so on
ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
LONGEST: Final = 300  # characters of a text
RATES_OVER: Final = timedelta(minutes=3)  # two looks at most so far apart tell how much is done at the moment

N = TypeVar("N", int, float)

log = logging.getLogger("ruta.alerts")


@dataclass(frozen=True)
class SeenAlert:
    """An alert, with what stands of it in the book."""

    name: str
    what: str
    text: str
    first: str
    since: str  # ISO 8601, as all times here
    organisations: list[str]  # that wait, `*` for everybody
    emergencies: int | None  # None: nobody can count them now
    can_wait: bool
    silenced: bool
    hidden_by: str | None


@dataclass(frozen=True)
class SeenProcess:
    """A process of the network on this machine."""

    name: str
    state: str
    restarts: int | None


@dataclass(frozen=True)
class SeenQueue:
    """A queue; of two that differ in the end of their names alone, which nobody is to guess, the sum."""

    vhost: str
    name: str
    messages: int | None  # None: the broker has not counted them
    readers: int | None
    part: str  # the service that reads it; empty of one for organisations or nobody
    age: float | None  # seconds of its oldest message
    exact: bool  # else at least so long
    in_per_s: float | None
    out_per_s: float | None
    room: int | None  # messages that it still takes; None where it has no limit, or none is told yet


@dataclass(frozen=True)
class SeenWait:
    """What waits, or has failed and is tried again, of one sender for one reason."""

    state: str  # `waiting` or `retry`
    source: str | None  # `-`, as `code`, where the case is confidential
    code: str
    messages: int
    bytes: int
    since: str  # of the oldest of them, as the next two
    message_id: str | None
    waiting_for: str | None  # the id of what it builds on


@dataclass(frozen=True)
class SeenReview:
    """A replay that one alone has started, and nobody else has looked at: what of it is one service's."""

    operation_id: str
    at: str
    messages: int


@dataclass(frozen=True)
class SeenService:
    """What lies in a service's database: None where it could not be looked at."""

    name: str
    unpublished: int | None
    unpublished_since: str | None
    waiting: int | None  # for what they build on
    retry: int | None
    quarantined: int | None
    waits: list[SeenWait] | None  # what waits or is tried again, the oldest first
    reviews: list[SeenReview] = field(default_factory=list)


@dataclass(frozen=True)
class SeenAddress:
    """An inbox of an organisation: its own, or one of its systems'."""

    address: str
    messages: int | None  # in its queue; None where it has none, or nobody knows
    unread: float | None  # seconds; 0: nothing waits; None: nobody knows
    runs: bool  # whether it is a service that the organisation runs itself
    heard: str | None  # of such a one, when it was last heard


@dataclass(frozen=True)
class SeenOrganisation:
    """Whether an organisation speaks, and reads."""

    id: str
    heard: str | None  # None: not since it is remembered
    since: str  # it takes part
    silent: bool  # for longer than is usual of it
    unread: float | None  # seconds for which something has waited for it; 0: nothing waits; None: nobody knows
    behind: bool  # for longer than it may
    inboxes: list[SeenAddress]


@dataclass(frozen=True)
class Seen:
    """One look; what could not be looked at is None."""

    at: str
    runs: bool  # whether there is a network to look at
    alerts: list[SeenAlert]  # causes first
    unseen: list[str]  # probes that have said nothing, or not all
    unread: dict[str, str]  # what could not be read → a code
    processes: list[SeenProcess]
    queues: list[SeenQueue] | None
    services: list[SeenService]
    organisations: list[SeenOrganisation] | None
    overdue: int | None  # referrals on whose deadline nobody has acted
    emergencies: int | None  # that wait for an answer
    lags: dict[str, float]  # seconds by what is read; what is not known is not there
    applied: int | None  # messages, by all services since they first ran
    per_minute: float | None  # of these


def beside(book: Path) -> Path:
    """The file, by that of the book of alerts."""
    return book.with_suffix(".seen.json")


def of(
    now: Mapping[str, Any], alerts: Iterable[Alert], book: Book, settings: Settings, at: datetime, before: Seen | None
) -> Seen:
    """Put together what a look has read (`now`, as rules.py has it) and found; `before` is what was last seen."""
    probes = now.get("probes", {})
    referrals = probes.get("referrals") or {}
    runs = "processes" in now
    applied = _applied(now)
    return Seen(
        at=at.isoformat(timespec="seconds"),
        runs=runs,
        alerts=[_alert(one, book, at) for one in alerts][:MOST],
        unseen=[name for name in rules.WANTED if name not in probes or now.get(f"{name}_unseen")] if runs else [],
        unread=dict(sorted(now.get("unread", {}).items())[:MOST]),
        processes=[SeenProcess(one["name"], one["state"], one["restarts"]) for one in now.get("processes", ())][:MOST],
        queues=_queues(now),
        services=[_service(name, said) for name, said in now.get("services", {}).items()][:MOST],
        organisations=_organisations(now, settings, at),
        overdue=referrals.get("overdue"),
        emergencies=referrals.get("emergencies"),
        lags=_lags(now, at),
        applied=applied,
        per_minute=_per_minute(applied, at, before),
    )


def _alert(one: Alert, book: Book, at: datetime) -> SeenAlert:
    known = book.open.get(one.key)
    return SeenAlert(
        name=one.name,
        what=one.what[:LONGEST],
        text=one.text[:LONGEST],
        first=one.first[:LONGEST],
        since=one.since or (known.began if known else at.isoformat(timespec="seconds")),
        organisations=list(one.organisations[:MOST]),
        emergencies=one.emergencies,
        can_wait=one.can_wait,
        silenced=telling.is_silenced(book, one, at),
        hidden_by=one.hidden_by,
    )


def _queues(now: Mapping[str, Any]) -> list[SeenQueue] | None:
    if now.get("queues") is None:
        return None
    found: dict[tuple[str, str], SeenQueue] = {}
    for one in now["queues"]:
        vhost, name = one["vhost"], rules.public(one["name"])
        known = now.get("queue_ages", {}).get(f"{vhost}/{one['name']}")
        queue = SeenQueue(
            vhost=vhost,
            name=name,
            messages=one["messages"],
            readers=one["consumers"],
            part=rules.part_that_reads(vhost, name),
            age=ages.known(f"{vhost}/{name}", known, now["services"]),
            exact=known is not None and known["exact"],
            in_per_s=one.get("in_per_s"),
            out_per_s=one.get("out_per_s"),
            room=one.get("room"),
        )
        other = found.get((vhost, name))
        found[vhost, name] = queue if other is None else _together(queue, other)
    fullest = sorted(found.values(), key=lambda one: (one.messages is not None, -(one.messages or 0)))
    return fullest[:MOST]


def _together(one: SeenQueue, other: SeenQueue) -> SeenQueue:
    known = [queue.age for queue in (one, other) if queue.age is not None]
    return replace(
        one,
        messages=_whole_sum(one.messages, other.messages),
        readers=_whole_sum(one.readers, other.readers),
        age=max(known, default=None),
        exact=one.exact and other.exact,
        in_per_s=_sum(one.in_per_s, other.in_per_s),
        out_per_s=_sum(one.out_per_s, other.out_per_s),
        room=_sum(one.room, other.room),
    )


def _sum(one: N | None, other: N | None) -> N | None:
    return other if one is None else one if other is None else one + other


def _whole_sum(one: int | None, other: int | None) -> int | None:
    """The sum; None where one of them is not known."""
    return None if one is None or other is None else one + other


def _service(name: str, said: Mapping[str, Any] | None) -> SeenService:
    if said is None:
        return SeenService(name, None, None, None, None, None, None)
    parked = said["parked"]
    return SeenService(
        name=name,
        unpublished=said["unpublished"],
        unpublished_since=said["unpublished_since"],
        waiting=parked.get("waiting", 0),
        retry=parked.get("retry", 0),
        quarantined=parked.get("quarantined", 0),
        waits=[_wait(one) for one in said.get("waits", ())][:MOST],
        reviews=[SeenReview(one["operation_id"], one["at"], one["messages"]) for one in said.get("reviews", ())][:MOST],
    )


def _wait(said: Mapping[str, Any]) -> SeenWait:
    """Of what messages have said, what is an id or the name of an organisation, and no more."""
    source = said["source"]
    return SeenWait(
        state=said["state"],
        source=source if source and (source == NOT_SHOWN or NAME.fullmatch(source)) else None,
        code=said["code"],
        messages=said["messages"],
        bytes=said["bytes"],
        since=said["since"],
        message_id=said["message_id"] if said["message_id"] and ID.fullmatch(said["message_id"]) else None,
        waiting_for=said["waiting_for"] if said["waiting_for"] and ID.fullmatch(said["waiting_for"]) else None,
    )


def _organisations(now: Mapping[str, Any], settings: Settings, at: datetime) -> list[SeenOrganisation] | None:
    heard = now.get("probes", {}).get("organisations")
    if heard is None:
        return None
    behind = rules.unread_for(now, at)
    is_whole = _all_is_seen(now)
    found = []
    for id, one in sorted(heard.items()):
        unread = behind.get(id, 0.0 if is_whole else None)
        found.append(
            SeenOrganisation(
                id=id,
                heard=one["heard"],
                since=one["since"],
                silent=rules.silent_for(one, at) > settings.silent_after(id),
                unread=unread if unread or is_whole else None,
                behind=(unread or 0) > settings.thresholds.organisation_unread,
                inboxes=_inboxes(id, now, at),
            )
        )
    return found[:MOST]


def _all_is_seen(now: Mapping[str, Any]) -> bool:
    """Whether it is known of every inbox what lies there, by AMQP and by HTTP."""
    if now.get("queues") is None or "unacknowledged" not in now["probes"]:
        return False
    return all(one["messages"] is not None for one in now["queues"] if one["name"].startswith("inbox."))


def _inboxes(organisation: str, now: Mapping[str, Any], at: datetime) -> list[SeenAddress]:
    """Those of which something is known; the hub's screens read for themselves."""
    probes, aged = now["probes"], now.get("queue_ages", {})
    by_http = {
        address: rules.age(one["since"], at)
        for address, one in probes.get("unacknowledged", {}).items()
        if one["organisation"] == organisation
    }
    own = {name: one for name, one in probes.get("own_services", {}).items() if one["organisation"] == organisation}
    queues: dict[str, int | None] = {}
    by_amqp: dict[str, float] = {}
    for one in now.get("queues") or ():
        address = rules.public(one["name"]).removeprefix("inbox.")
        if one["name"].startswith("inbox.") and address.partition(".")[0] == organisation:
            queues[address] = _whole_sum(queues.get(address, 0), one["messages"])
            known = aged.get(f"{one['vhost']}/{one['name']}", {"seconds": 0.0})
            by_amqp[address] = max(by_amqp.get(address, 0.0), known["seconds"])
    addresses = sorted({*by_http, *queues, *own} - {f"{organisation}.{CONSOLE}"})
    return [
        SeenAddress(
            address=address,
            messages=queues.get(address),
            unread=max(by_http.get(address, 0.0), by_amqp.get(address, 0.0)) or (0.0 if _all_is_seen(now) else None),
            runs=address in own,
            heard=own[address]["seen"] if address in own else None,
        )
        for address in addresses[:MOST]
    ]


def _lags(now: Mapping[str, Any], at: datetime) -> dict[str, float]:
    """How far what is read is behind, as far as that is known: of reports it is the age of their queue."""
    found = {name: lag["seconds"] for name, lag in rules.lags(now, at).items()}
    if rules.REPORTS in found:
        queue = f"{HUB}/{rules.REPORTS}"
        if ages.known(queue, now["queue_ages"][queue], (rules.REPORTS,)) is None:
            del found[rules.REPORTS]
    return found


def _applied(now: Mapping[str, Any]) -> int | None:
    services = now.get("services", {})
    if not services or any(said is None for said in services.values()):
        return None
    return sum(int(row["applied"]) for said in services.values() for row in said.get("counts", ()))


def _per_minute(applied: int | None, at: datetime, before: Seen | None) -> float | None:
    if applied is None or before is None or before.applied is None or applied < before.applied:
        return None
    passed = at - datetime.fromisoformat(before.at)
    if not timedelta(seconds=1) <= passed <= RATES_OVER:
        return None
    return round((applied - before.applied) / passed.total_seconds() * 60, 1)


# -- the file ----------------------------------------------------------------------------------------------------------


def read(file: Path) -> Seen | None:
    """Read it; None where there is none, or none that this version can read."""
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
        datetime.fromisoformat(said["at"])
        parts: dict[str, Any] = {
            "alerts": [SeenAlert(**one) for one in said["alerts"]],
            "processes": [SeenProcess(**one) for one in said["processes"]],
            "queues": None if said["queues"] is None else [SeenQueue(**one) for one in said["queues"]],
            "services": [
                SeenService(
                    **one
                    | {
                        "waits": one["waits"] and [SeenWait(**wait) for wait in one["waits"]],
                        "reviews": [SeenReview(**review) for review in one.get("reviews", ())],
                    }
                )
                for one in said["services"]
            ],
            "organisations": None
            if said["organisations"] is None
            else [
                SeenOrganisation(**one | {"inboxes": [SeenAddress(**inbox) for inbox in one["inboxes"]]})
                for one in said["organisations"]
            ],
        }
        return Seen(**said | parts)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def write(file: Path, seen: Seen) -> None:
    """Put it in its place whole; where the disk has no room, that is said in the log, and pages see that it is old."""
    new = file.with_suffix(".new")
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
            json.dump(asdict(seen), out)
        new.replace(file)
    except OSError as error:
        log.error("what was seen could not be written (%s)", error.strerror)
