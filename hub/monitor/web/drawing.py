"""Where the lines of a story's two drawings lie: who speaks to whom, and what took how long. Pure; numbers of an SVG.

sequence(entries)          -> Sequence: a column for each who speaks or is spoken to, an arrow for each message
waterfall(entries, now)    -> Waterfall: a row for each message, with what it waited for apart
"""

from collections.abc import Iterator
from collections.abc import Sequence as Several
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from hub.monitor.log.reading import Became, Entry
from messaging.identity import HUB

WIDTH: Final = 960
LABELS: Final = 290  # of that, for what stands before the lines
TOP: Final = 40
ROW: Final = 24
LEAST: Final = 2.0  # so that what took no time is seen
LONGEST_NAME: Final = 12  # letters of a column's head


@dataclass(frozen=True, slots=True)
class Column:
    """Somebody who speaks or is spoken to."""

    name: str
    head: str
    x: float


@dataclass(frozen=True, slots=True)
class Arrow:
    """A message, from one column to another; `tip` is the arrow's head, as the points of a polygon."""

    number: int
    label: str
    y: float
    begins: float
    ends: float
    is_to_itself: bool
    failed: bool
    waits: bool
    tip: str


@dataclass(frozen=True, slots=True)
class Sequence:
    """Who spoke to whom, in the order in which it came."""

    columns: tuple[Column, ...]
    arrows: tuple[Arrow, ...]
    height: int


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a row: from where, how wide, and what it was."""

    kind: str
    """`way`: from its sender to the log; `work`: until somebody said what became of it; `wait`: apart, a wait."""
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Row:
    """A message's times."""

    number: int
    label: str
    y: float
    failed: bool
    stretches: tuple[Stretch, ...]


@dataclass(frozen=True, slots=True)
class Waterfall:
    """What took how long, all on one line of time."""

    rows: tuple[Row, ...]
    begins: datetime
    ends: datetime
    height: int


@dataclass(frozen=True, slots=True)
class Times:
    """How long a message was on its way and in hand, and when which service had it wait."""

    way: timedelta | None
    """None where its sender said no time, or a later one than ours."""
    work: timedelta | None
    """Until the first word of what became of it; None where nobody has said anything."""
    waits: tuple[tuple[str, datetime, datetime], ...]
    """Service, from, until: what has not ended lasts until now."""

    @property
    def waited(self) -> timedelta:
        """How long it waited, whoever had it wait."""
        total, until = timedelta(), None
        for _, begins, ends in sorted(self.waits, key=lambda one: one[1:]):
            begins = begins if until is None else max(begins, until)
            if ends > begins:
                total, until = total + (ends - begins), ends
        return total


def sequence(entries: Several[Entry]) -> Sequence:
    """Lay out who speaks to whom; what goes to no organisation goes to the hub."""
    names = list(dict.fromkeys(name for one in entries for name in (one.source, to(one))))
    apart = (WIDTH - LABELS) / max(len(names), 1)
    xs = {name: LABELS + apart * (place + 0.5) for place, name in enumerate(names)}
    columns = tuple(Column(name, _short(name), round(x, 1)) for name, x in xs.items())
    arrows = tuple(_arrow(number, one, xs) for number, one in enumerate(entries, 1))
    return Sequence(columns, arrows, TOP + ROW * len(arrows) + ROW // 2)


def to(entry: Entry) -> str:
    """Whom a message is for: an organisation, else the hub."""
    return entry.recipient or HUB


def _arrow(number: int, one: Entry, xs: dict[str, float]) -> Arrow:
    y, begins, ends = TOP + ROW * number - ROW / 2, xs[one.source], xs[to(one)]
    back = 7 if ends < begins else -7
    return Arrow(
        number,
        one.type or "-",
        y,
        round(begins, 1),
        round(ends, 1),
        begins == ends,
        one.failed,
        any(part.state == "waits" for part in one.now),
        f"{ends:.1f},{y} {ends + back:.1f},{y - 4} {ends + back:.1f},{y + 4}",
    )


def times(one: Entry, now: datetime) -> Times:
    """How long a message took, as far as the log knows it."""
    way = one.arrived_at - one.sent_at if one.sent_at is not None and one.sent_at <= one.arrived_at else None
    first = min((part.said_at for part in one.became), default=None)
    work = max(first - one.arrived_at, timedelta()) if first is not None else None
    return Times(way, work, tuple(_waits(one.became, now)))


def _waits(became: Several[Became], now: datetime) -> Iterator[tuple[str, datetime, datetime]]:
    since: dict[str, datetime] = {}
    for part in became:
        if part.state == "waits":
            since.setdefault(part.service, part.said_at)
        elif part.service in since:
            yield part.service, since[part.service], max(part.said_at, since.pop(part.service))
    for service, begins in since.items():
        yield service, begins, max(begins, now)


def waterfall(entries: Several[Entry], now: datetime) -> Waterfall:
    """Lay out what took how long, from the first moment of any until the last."""
    took = [times(one, now) for one in entries]
    moments = [moment for one, its in zip(entries, took, strict=True) for moment in _moments(one, its)]
    begins, ends = min(moments, default=now), max(moments, default=now)
    scale = (WIDTH - LABELS) / max((ends - begins).total_seconds(), 0.001)

    def stretch(kind: str, since: datetime, until: datetime) -> Stretch:
        x = LABELS + (since - begins).total_seconds() * scale
        width = max((until - since).total_seconds() * scale, LEAST)
        return Stretch(kind, round(min(x, WIDTH - LEAST), 1), round(min(width, WIDTH - min(x, WIDTH - LEAST)), 1))

    rows = []
    for number, (one, its) in enumerate(zip(entries, took, strict=True), 1):
        parts = [stretch("way", one.arrived_at - its.way, one.arrived_at)] if its.way is not None else []
        parts.append(stretch("work", one.arrived_at, one.arrived_at + (its.work or timedelta())))
        parts += [stretch("wait", since, until) for _, since, until in its.waits]
        rows.append(Row(number, one.type or "-", TOP + ROW * number - ROW / 2, one.failed, tuple(parts)))
    return Waterfall(tuple(rows), begins, ends, TOP + ROW * len(rows) + ROW // 2)


def _moments(one: Entry, its: Times) -> Iterator[datetime]:
    yield one.arrived_at
    if its.way is not None:
        yield one.arrived_at - its.way
    if its.work is not None:
        yield one.arrived_at + its.work
    for _, since, until in its.waits:
        yield since
        yield until


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
