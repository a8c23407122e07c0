"""Who says what to whom, as pairs with a contract between them, in which order they are shown, and how drawn. Pure.

links(talks, reads)     -> the links, first what fails, then what has changed
by_source(links)        -> the same, those of one who says something together
weave(links)            -> Weave: each link a row, with a line to who says it and a line to whom; numbers of an SVG
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from hub.monitor.log.counting import NOBODY
from hub.monitor.log.talking import Talks, services_of

WIDTH: Final = 960
TOP: Final = 40
ROW: Final = 24
SPEAKS, LABEL, COUNTS, HEARS = 170.0, 230.0, 750.0, 800.0  # where each column begins, or ends
LONGEST_NAME: Final = 26  # letters of a column


@dataclass(frozen=True, slots=True)
class Link:
    """What somebody says to somebody. None: no data, which is no 0."""

    source: str
    to: str
    """An organisation, a service of the hub; empty: neither is shown, or none reads it."""
    type: str
    hour: int | None
    """Messages of the last hour."""
    mean: float | None
    """Of an hour of the week before, on the average."""
    failed: int | None
    """Of the last hour."""

    @property
    def is_new(self) -> bool:
        """Whether it was not said in the week before."""
        return bool(self.hour) and self.mean == 0

    @property
    def is_gone(self) -> bool:
        """Whether it was said in the week before, and not in the last hour."""
        return self.hour == 0 and bool(self.mean)

    @property
    def kind(self) -> str:
        """What is to be seen first of it: `fails`, `gone`, `new`; empty: nothing."""
        return "fails" if self.failed else "gone" if self.is_gone else "new" if self.is_new else ""


@dataclass(frozen=True, slots=True)
class Name:
    """Who says something, or to whom; `text` has room in its column."""

    id: str
    text: str
    y: float


@dataclass(frozen=True, slots=True)
class Thread:
    """A link: a row, from the name at `speaks` to the name at `hears`."""

    link: Link
    y: float
    speaks: float
    hears: float


@dataclass(frozen=True, slots=True)
class Weave:
    """The drawing."""

    sources: tuple[Name, ...]
    targets: tuple[Name, ...]
    threads: tuple[Thread, ...]
    height: int


def links(said: Talks, reads: Mapping[str, Collection[str]]) -> list[Link]:
    """Who says what to whom; what is for several services of the hub is said to each of them.

    Of confidential cases nothing says whom they are for; what fails there is a link of its own.
    """
    hours, failures = said.hours, {(one.source, one.service, one.type): one.count for one in said.failed}
    found: dict[tuple[str, str, str], Link] = {}
    for talk in said.talks:
        for to in services_of(talk, reads) or ("" if talk.recipient == NOBODY else talk.recipient,):
            key = (talk.source, to, talk.type)
            found[key] = Link(
                *key,
                talk.last_hour if said.is_now else None,
                talk.week / hours if hours else None,
                failures.pop(key, 0) if said.is_now else None,
            )
    if said.is_now:
        for (source, service, type), count in failures.items():
            is_shown = source != NOBODY
            found[source, service, type] = Link(
                source, service, type, 0 if is_shown else None, 0.0 if is_shown and hours else None, count
            )
    return sorted(found.values(), key=_order)


def _order(one: Link) -> tuple[int, float, str, str, str]:
    first = ("fails", "gone", "new", "").index(one.kind)
    much = {"fails": one.failed, "gone": one.mean, "new": one.hour, "": one.hour}[one.kind]
    return first, -(one.mean or 0.0 if much is None else much), one.source, one.to, one.type


def by_source(links: Iterable[Link]) -> list[list[Link]]:
    """Those of one who says something together, in the same order; first of whom the first is."""
    parts: dict[str, list[Link]] = {}
    for one in links:
        parts.setdefault(one.source, []).append(one)
    return list(parts.values())


def weave(drawn: Iterable[Link], called: Callable[[str], str], hears: Callable[[Link], str]) -> Weave:
    """Lay them out: rows of one source together, each name in the middle of its rows, as far as there is room.

    `called` is what a source is called, `hears` what a link says of whom it goes to, also where that has no name.
    """
    rows = sorted(drawn, key=lambda one: (one.source, one.to, one.type))
    ys = [TOP + ROW * place + ROW / 2 for place in range(len(rows))]
    sources = _places([(one.source, y) for one, y in zip(rows, ys, strict=True)])
    to = [one.to or hears(one) for one in rows]
    names = {id: hears(one) for id, one in zip(to, rows, strict=True)}
    targets = _places([*zip(to, ys, strict=True)])
    threads = [Thread(one, y, sources[one.source], targets[id]) for one, y, id in zip(rows, ys, to, strict=True)]
    return Weave(
        tuple(Name(id, _short(called(id)), y) for id, y in sources.items()),
        tuple(Name(id, _short(names[id]), y) for id, y in targets.items()),
        tuple(threads),
        TOP + ROW * len(rows) + ROW // 2,
    )


def _places(rows: Sequence[tuple[str, float]]) -> dict[str, float]:
    """Where each name stands: in the middle of its rows, and never nearer than a row to another."""
    of: dict[str, list[float]] = {}
    for name, y in rows:
        of.setdefault(name, []).append(y)
    names = sorted(of, key=lambda name: (sum(of[name]) / len(of[name]), name))
    places = [sum(of[name]) / len(of[name]) for name in names]
    for place in range(1, len(places)):
        places[place] = max(places[place], places[place - 1] + ROW)
    last = max((y for _, y in rows), default=0.0)
    for place in reversed(range(len(places))):
        places[place] = min(places[place], last)
        last = places[place] - ROW
    return {name: round(y, 1) for name, y in zip(names, places, strict=True)}


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1].rstrip(' ,')}…"
