"""Alerts of the network that runs here or that RUTA_* names: what is read for them, who is told, and the command.

What is read is what `./ruta status` reads, and the probes beside it (hub/monitor/probes.py); what is an alert is said
by hub/monitor/alerts. All of it works with database and broker away.
"""

import contextlib
import json
import logging
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from deploy.local import beside, emergency, problems, queue_ages, reconciled, status
from deploy.local.alerting import mail_of
from deploy.local.beside import Beside
from deploy.local.operator_error import OperatorError
from deploy.local.organisations import network_of
from deploy.local.state import State
from deploy.local.trail import trail
from hub.monitor import moments
from hub.monitor import seen as seeing
from hub.monitor.alerts import ages, keeping, pages, rules, sending, telling
from hub.monitor.alerts.keeping import Keeper
from hub.monitor.alerts.rules import Alert
from hub.monitor.alerts.settings import Settings
from hub.monitor.alerts.telling import Book, Silence
from hub.monitor.probes import PROBES, Probe
from messaging import addresses, database
from messaging.log import describe
from messaging.topology import CONSOLE, GATEWAY

AUDIT_EVERY: Final = timedelta(hours=1)
AUDITED_WITHIN: Final = 300.0  # seconds
MOST_WRONG: Final = 3  # sentences of what is wrong with the audit
LONGEST_REASON: Final = 200
GAPS: Final = "gaps"  # what reads it asks every database, and goes on from where it was
AGES: Final = "queue_ages"  # what reads it asks the message log, and services' inboxes

log = logging.getLogger("ruta.alerts")


@dataclass(frozen=True)
class Look:
    """What one look has read and found."""

    at: datetime
    now: Mapping[str, Any]  # as rules.py has it
    alerts: list[Alert]
    known: Mapping[str, Any]  # for the book, as the marks
    marks: Mapping[str, Any]

    def keep(self, book: Book) -> None:
        """Have the next look begin where this one has ended."""
        book.marks, book.known = dict(self.marks), dict(book.known) | dict(self.known)

    @property
    def unread(self) -> set[str]:
        """What could not be looked at: of what was seen there before, nobody knows whether it is over."""
        probes: Mapping[str, Any] = self.now.get("probes", {})
        queues = {"queues"} if rules.uncounted(self.now) else set()
        silent = {f"probe {name}" for name in (*PROBES, GAPS) if name not in probes}
        uncompared = {f"{GAPS} {name}" for name in self.now.get("gaps_unseen", ())}
        return set(self.now.get("unread", {})) | queues | silent | uncompared


def book_of(state: State) -> Path:
    """The file in which it stands what has been told, silenced, and heard."""
    return state.alerts_book


def look(
    state: State,
    settings: Settings,
    book: Book,
    environment: Mapping[str, str] = os.environ,
    *,
    brief: bool = False,
    at: datetime | None = None,
    probes: Mapping[str, Probe] = PROBES,
) -> Look:
    """Read everything once, and say which alerts there are; the book is left as it is."""
    at = at or datetime.now(UTC)
    fresh = _fresh(book, probes, at)
    asked = {name: one for name, one in probes.items() if name not in fresh}

    def also(place: Beside) -> dict[str, Callable[[], Any]]:
        jobs = {name: _asking(place, one, _said(book, name)) for name, one in asked.items()}
        return jobs | {
            GAPS: lambda: reconciled.probe(state, place, network_of(state), _said(book, GAPS)),
            AGES: lambda: queue_ages.probe(state, place, network_of(state)),
        }

    now = status.read(state, brief=brief, environment=environment, also=also)
    read = dict(now.get("probes", {}))
    exact: Mapping[str, float] = read.pop(AGES, {})
    known = {name: {"at": at.isoformat(), "said": said} for name, said in read.items()}
    said = {name: fresh.get(name, read.get(name)) for name in probes if name in fresh or name in read}
    if (audit := book.known.get("audit")) is not None:
        said["audit"] = audit["said"]
    if GAPS in read:
        said[GAPS] = read[GAPS]["gaps"]
    marks, found = ages.turn_over(book.marks, now.get("queues") or (), at, exact)
    if now.get("queues") is None:
        marks = dict(book.marks)
    whole = now | {
        "problems": [asdict(one) for one in problems.find(now)],
        "probes": said,
        "gaps_unseen": sorted(read.get(GAPS, {}).get("unseen", ())),
        "queue_ages": found,
        "last_referrals": _said(book, "referrals"),
        "evaluated": book.evaluated,
    }
    alerts = rules.find(whole, settings, at)
    return Look(at, whole, alerts, known, marks)


def _fresh(book: Book, probes: Mapping[str, Probe], at: datetime) -> dict[str, Any]:
    """What probes have said so short a time ago that they are not asked again."""
    return {
        name: known["said"]
        for name, known in book.known.items()
        if name in probes and timedelta() <= at - datetime.fromisoformat(known["at"]) < probes[name].every
    }


def _said(book: Book, name: str) -> Any:
    return book.known.get(name, {}).get("said")


def _asking(place: Beside, probe: Probe, before: Any) -> Callable[[], Any]:
    def ask() -> Any:
        url = place.databases[probe.database]
        within = status.each_within(addresses.read(url, addresses.DATABASE))
        with contextlib.closing(database.connect(url, within=within)) as connection:
            return probe.read(connection, before)

    return ask


# -- who is told -------------------------------------------------------------------------------------------------------


def tell(
    state: State, settings: Settings, environment: Mapping[str, str], keeper: Keeper, *, at: datetime | None = None
) -> Look:
    """Look, send what is to be said now, and tell the outside watcher that all is well if it is."""
    mail = mail_of(environment, settings)
    with keeper.changing() as book:
        book.evaluated = None  # it is we who look
        done = emergency.done(state)
        seen = look(state, settings, book, environment, at=at, brief=True)
        seen.keep(book)
        said = telling.step(book, seen.alerts, seen.unread, settings.notify, seen.at)
        telling.queue(book, said, sending.channels(settings.notify, mail))
        sending.send_waiting(book, settings.notify, mail, seen.at)
        _record_silences(state, book, environment)
        if telling.is_well(book, seen.alerts, seen.at):
            sending.beat(book, settings.heartbeat, seen.at)
        emergency.put_into_audit(state, done, environment)  # what this look has told, and nothing later
        book.evaluated = seen.at.isoformat(timespec="seconds")
    _keep_for_pages(seeing.beside(book_of(state)), seen, book, settings)
    return seen


def _keep_for_pages(file: Path, seen: Look, book: Book, settings: Settings) -> None:
    found = seeing.of(seen.now, seen.alerts, book, settings, seen.at, seeing.read(file))
    seeing.write(file, found)


def check_audit(state: State, environment: Mapping[str, str], keeper: Keeper, at: datetime | None = None) -> None:
    """Have the audit verified where that was an hour ago; what comes of it stands in the book."""
    at = at or datetime.now(UTC)
    known = keeping.read(book_of(state)).known.get("audit")
    if known is not None and timedelta() <= at - datetime.fromisoformat(known["at"]) < AUDIT_EVERY:
        return
    place = beside.find(state, network_of(state), environment)
    if place is None or (said := _verified(state, place)) is None:
        return
    with keeper.changing() as book:
        book.known["audit"] = {"at": at.isoformat(), "said": said}


def _verified(state: State, place: Beside) -> dict[str, Any] | None:
    variables = {
        "SERVICE_DATABASE_URL": place.databases[GATEWAY],
        "CONSOLE_DATABASE_URL": place.databases[CONSOLE],
        "GATEWAY_AUDIT_DIRECTORY": str(state.audit),
        "CONSOLE_AUDIT_DIRECTORY": str(state.console_audit),
    }
    command = [sys.executable, "-P", "-m", "hub.gateway.audit", "verify"]
    try:
        done = subprocess.run(
            command, env=os.environ | variables, capture_output=True, text=True, timeout=AUDITED_WITHIN, check=False
        )
    except subprocess.TimeoutExpired:
        return None
    if done.returncode not in (0, 1) or not done.stdout:  # it could not be read
        return None
    lines = [line for line in done.stdout.splitlines() if line]
    return {"right": done.returncode == 0, "text": " ".join(lines[:MOST_WRONG])}


# -- silence -----------------------------------------------------------------------------------------------------------


def silence(
    state: State, alert: str, what: str | None, until: str, reason: str, environment: Mapping[str, str]
) -> Silence:
    """Have nobody told of an alert until a time; it is recorded in the audit. Raises OperatorError."""
    at = datetime.now(UTC)
    if alert not in pages.read():
        raise OperatorError(f"There is no alert {alert}; `./ruta help` names them.")
    ends = _until(until, at)
    if not reason.strip() or len(reason) > LONGEST_REASON:
        raise OperatorError(f"A silence needs a reason, of at most {LONGEST_REASON} characters and without a name.")
    by = f"operator:{os.environ.get('SUDO_UID') or os.getuid()}"  # as in the audit (trail.py)
    begun = at.isoformat(timespec="seconds")
    one = Silence(alert, what, ends.isoformat(timespec="seconds"), reason.strip(), by, begun)
    state.make()
    with Keeper(book_of(state)).changing() as book:
        book.silences = [known for known in book.silences if (known.alert, known.what) != (alert, what)] + [one]
        _record_silences(state, book, environment)
        return book.silences[-1]


def _until(said: str, at: datetime) -> datetime:
    try:
        ends = moments.read(said, at, ahead=True)
    except ValueError:
        raise OperatorError("A silence ends after a time, as 90m, 8h or 3d, or at one, as 2026-12-01T07:00.") from None
    if not timedelta() < ends - at <= telling.LONGEST_SILENCE:
        raise OperatorError(f"A silence ends within {telling.LONGEST_SILENCE.days} days, and not in the past.")
    return ends


def _record_silences(state: State, book: Book, environment: Mapping[str, str]) -> None:
    """Record silences in the audit; where its database is away, the next look does it."""
    owed = [one for one in book.silences if not one.recorded]
    if not owed:
        return
    place = beside.find(state, network_of(state), environment)
    if place is None:
        return
    try:
        with trail(place.databases[GATEWAY], state) as noted:
            for one in owed:
                about = {"what": one.what, "until": one.until, "reason": one.reason, "at": one.at, "by": one.by}
                noted.note("alert_silenced", one.alert, **about)
            noted.commit()
    except Exception as error:  # whatever keeps it from being written: it is owed until it is
        log.warning("a silence is not in the audit yet (%s)", describe(error))
        return
    for one in owed:
        one.recorded = True


# -- for a person ------------------------------------------------------------------------------------------------------


def as_json(seen: Look, book: Book) -> str:
    """What a look has found, as one JSON object."""
    told = [
        asdict(one)
        | {
            "began": _began(one, book),
            "silenced": telling.is_silenced(book, one, seen.at),
            "page": pages.read()[one.name].title,
        }
        for one in seen.alerts
    ]
    said = {
        "at": seen.at.isoformat(timespec="seconds"),
        "alerts": told,
        "unseen": rules.unseen(seen.now),
        "silences": [asdict(one) for one in book.silences],
        "waiting": len(book.waiting),
        "evaluated": book.evaluated,
    }
    return json.dumps(said, indent=1)


def as_text(seen: Look, book: Book, width: int) -> str:
    """The same for a terminal: what cannot wait first."""
    if "processes" not in seen.now and not seen.alerts:
        return "Ruta is not running."
    told = [one for one in seen.alerts if not one.hidden_by]
    told.sort(key=lambda one: one.can_wait)
    lines = [] if told else ["No alerts."]
    for one in told:
        quiet = " (silenced)" if telling.is_silenced(book, one, seen.at) else ""
        lines += _wrapped(f"{one.name}{quiet}: {one.text}", " ! ", width)
        lines += _wrapped(rules.waits(one, _began(one, book)), "   ", width)
        lines += _wrapped(one.first, "   -> ", width)
        lines += _wrapped(f"./ruta help {one.name}", "   -> ", width)
    if hidden := [one for one in seen.alerts if one.hidden_by]:
        follows = sorted({f"{one.name} (from {one.hidden_by})" for one in hidden})
        lines += _wrapped(f"Follows from these, and is not told: {', '.join(follows)}.", "", width)
    if unseen := rules.unseen(seen.now):
        lines += _wrapped(f"Nobody can say now: {'; '.join(unseen)}.", "", width)
    if book.waiting:
        lines.append(f"Not sent yet: {len(book.waiting)}.")
    return "\n".join(lines)


def _began(one: Alert, book: Book) -> str | None:
    entry = book.open.get(one.key)
    return one.since or (entry.began if entry else None)


def _wrapped(words: str, indent: str, width: int) -> list[str]:
    after = " " * len(indent)
    return textwrap.wrap(words, width, initial_indent=indent, subsequent_indent=after, break_on_hyphens=False)
