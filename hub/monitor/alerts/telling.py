"""What is said of alerts, and when: each once, again while it stays, and when it is over.

What has been said, what is silenced and what is still to be sent stands in a book (keeping.py), which outlives whoever
writes it. An alert that is hidden by its cause is not told, nor called over because of it; of one that was seen where
nothing can be read now, nothing is said.
"""

from collections.abc import Iterable, Set
from dataclasses import asdict, dataclass, field
from datetime import datetime, time, timedelta
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from hub.monitor.alerts import pages
from hub.monitor.alerts.rules import Alert, waits
from hub.monitor.alerts.settings import Notify

COLOMBIA: Final = ZoneInfo("America/Bogota")
NIGHT_FROM: Final = time(21)
SEVEN: Final = time(7)
REMIND_OF_WHAT_CAN_WAIT: Final = timedelta(days=1)
LONGEST_SILENCE: Final = timedelta(days=31)

Event = Literal["begins", "goes on", "is over"]


@dataclass
class Open:
    """An alert that is there, or was when it could last be looked at."""

    name: str
    what: str
    text: str
    first: str
    began: str  # ISO 8601; as all times here
    seen_at: str  # when it was first seen
    seen_in: list[str]
    can_wait: bool
    said_at: str | None = None  # None: nobody has been told
    organisations: list[str] = field(default_factory=list)  # that wait
    emergencies: int | None = 0  # None: nobody can count them now


@dataclass
class Silence:
    """An alert of which nobody is told until a time."""

    alert: str
    what: str | None  # None: whatever it is about
    until: str
    reason: str
    by: str
    at: str
    recorded: bool = False  # in the audit

    def covers(self, name: str, what: str, at: datetime) -> bool:
        return self.alert == name and self.what in (None, what) and datetime.fromisoformat(self.until) > at


@dataclass(frozen=True)
class Message:
    """What is told: of which alert, in which words."""

    event: Event
    alert: str
    what: str
    text: str
    waits: str
    first: str
    at: str

    @property
    def subject(self) -> str:
        return f"Ruta: {pages.read()[self.alert].title} {self.event}"

    def as_text(self) -> str:
        if self.event == "is over":
            return f"Over: {self.text}\n"
        return f"{self.text}\n{self.waits}\nFirst: {self.first}\nMore: ./ruta help {self.alert}\n"


@dataclass
class Waiting:
    """A message that one channel has not taken yet."""

    channel: str
    message: dict[str, Any]
    attempts: int = 0
    next_at: str | None = None


@dataclass
class Book:
    """What outlives a look."""

    open: dict[str, Open] = field(default_factory=dict)
    silences: list[Silence] = field(default_factory=list)
    waiting: list[Waiting] = field(default_factory=list)
    evaluated: str | None = None  # when somebody last looked in order to tell
    beaten: str | None = None  # when the outside watcher was last told that all is well
    marks: dict[str, dict[str, Any]] = field(default_factory=dict)  # of queues (ages.py)
    known: dict[str, Any] = field(default_factory=dict)  # what probes said last that are not asked each time


def step(book: Book, found: Iterable[Alert], unread: Set[str], settings: Notify, at: datetime) -> list[Message]:
    """Take in what a look has found; return what is to be said now."""
    now = at.isoformat(timespec="seconds")
    seen = {one.key: one for one in found}
    said: list[Message] = []
    for key, one in seen.items():
        known = book.open.get(key)
        entry = Open(
            one.name, one.what, one.text, one.first, known.began if known else one.since or now,
            known.seen_at if known else now, list(one.seen_in), one.can_wait, known.said_at if known else None,
            [*one.organisations], one.emergencies,
        )  # fmt: skip
        book.open[key] = entry
        if one.hidden_by or is_silenced(book, one, at):
            entry.can_wait = known.can_wait if known else one.can_wait
            continue
        if (event := _event(entry, known, settings, at)) is not None:
            entry.said_at = now
            said.append(Message(event, one.name, one.what, one.text, waits(one, entry.began), one.first, now))
    for key in [key for key in book.open if key not in seen]:
        entry = book.open[key]
        if unread & set(entry.seen_in) or any(part.startswith(f"{one} ") for one in entry.seen_in for part in unread):
            continue
        del book.open[key]
        if entry.said_at is not None:
            said.append(Message("is over", entry.name, entry.what, entry.text, "", "", now))
    book.silences = [one for one in book.silences if datetime.fromisoformat(one.until) > at or not one.recorded]
    return said


def _event(entry: Open, known: Open | None, settings: Notify, at: datetime) -> Event | None:
    if entry.said_at is None:
        has_lasted = at - datetime.fromisoformat(entry.seen_at) >= timedelta(seconds=pages.read()[entry.name].after)
        is_held = entry.can_wait and settings.hold_until_seven and is_night(at)
        return "begins" if has_lasted and not is_held else None
    if known is not None and known.can_wait and not entry.can_wait:  # an emergency has come to it
        return "goes on"
    again = REMIND_OF_WHAT_CAN_WAIT if entry.can_wait else settings.remind_after
    return "goes on" if at - datetime.fromisoformat(entry.said_at) >= again else None


def is_night(at: datetime) -> bool:
    """Whether it is between 21:00 and 7:00 in Colombia."""
    local = at.astimezone(COLOMBIA).time()
    return local >= NIGHT_FROM or local < SEVEN


def silence_of(book: Book, one: Alert | Open, at: datetime) -> Silence | None:
    """The silence that covers an alert now, of several the one that ends last; None: there is none."""
    found = [silence for silence in book.silences if silence.covers(one.name, one.what, at)]
    return max(found, key=lambda silence: datetime.fromisoformat(silence.until), default=None)


def is_silenced(book: Book, one: Alert, at: datetime) -> bool:
    """Whether a silence covers an alert now."""
    return silence_of(book, one, at) is not None


def is_well(book: Book, found: Iterable[Alert], at: datetime) -> bool:
    """Whether an outside watcher may be told so: nothing is open that cannot wait, and what is said goes out."""
    serious = [one for one in found if not (one.hidden_by or one.can_wait or is_silenced(book, one, at))]
    return not serious and not any(one.attempts >= 3 for one in book.waiting)


def queue(book: Book, said: Iterable[Message], channels: Iterable[str]) -> None:
    """Have messages sent by each channel."""
    to = list(channels)
    book.waiting += [Waiting(channel, asdict(one)) for one in said for channel in to]
