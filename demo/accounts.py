"""Holds what the network tells of messages, and the numbered inboxes, against what has happened.

Pure, but for `read_gateway`, which reads the database of the gateway.

A message that its sender knows to be taken has exactly the outcome that the evidence shows: applied by every service
that reads its contract, or refused with the code that its sender heard, or in sight where it waits, or handed over to
the service that an organisation runs itself, or in the inbox that it is said to be in. Each delivery stands once in an
inbox, whose numbers have no gap; who reads it by HTTP has read each number once.
"""

import fnmatch
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from itertools import chain, islice, pairwise
from typing import Any, Final, LiteralString

import psycopg
from psycopg.rows import dict_row

GATEWAY = "gateway"
ID_REUSED = "id_reused"  # said of a second body under an id
ENDS_HERE = ("waits", "quarantined")
MISSING_AT_MOST: Final = 1_000  # numbers of one inbox that are named

SAID: LiteralString = "select organisation, message_id::text as message_id, service, state, code from outcome"
DELIVERED: LiteralString = "select organisation, number, message_id::text as message_id, source from delivery"
ENDS: LiteralString = "select organisation, number from inbox_end"
BEGINS: LiteralString = "select number from numbered_from"


@dataclass(frozen=True)
class Taken:
    """A message of which its sender knows that the network has it, or why not."""

    by: str
    message_id: str
    kind: str
    bodies: int = 1  # how many were sent under this id
    heard: frozenset[str] = frozenset()  # the codes of the refusals that came for it
    heard_at_entrance: bool = False  # the answer by HTTP was a refusal: nobody has it


@dataclass(frozen=True)
class Said:
    """What one service is on record to have said of a message."""

    organisation: str
    message_id: str
    service: str
    state: str
    code: str | None = None


@dataclass(frozen=True)
class Delivered:
    """One row of an inbox."""

    organisation: str
    number: int
    message_id: str
    source: str = "hub"


@dataclass(frozen=True)
class Happened:
    """What the services' own databases and the organisations' logs show."""

    taken: tuple[Taken, ...] = ()
    readers: Mapping[str, frozenset[str]] = field(default_factory=dict)  # by contract, the hub's services
    taken_in: Mapping[str, frozenset[str]] = field(default_factory=dict)  # by service, ids; its own as `org-service`
    parked: frozenset[tuple[str, str]] = frozenset()  # service and id
    owed: frozenset[tuple[str, str]] = frozenset()  # organisation and id of all that the hub's services wrote to it
    read: Mapping[str, tuple[tuple[int, str], ...]] = field(default_factory=dict)  # by who reads by HTTP: number, id
    copies: Mapping[str, str] = field(default_factory=dict)  # `org.system` → `org-service`, of own services
    submitted: int = 0  # messages that partners know to be answered by HTTP

    def by_http(self) -> dict[str, int]:
        """How many messages have come in by HTTP, and how many were read there."""
        return {"submitted": self.submitted, "read": sum(len(read) for read in self.read.values())}


@dataclass(frozen=True)
class Told:
    """What the database of the gateway has."""

    said: tuple[Said, ...] = ()
    delivered: tuple[Delivered, ...] = ()
    ends: Mapping[str, int] = field(default_factory=dict)  # by organisation, the last number given out
    begins: frozenset[int] = frozenset({0})  # behind which numbers went on without a gap before


@dataclass
class Findings:
    """A line of plain words each."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    untrue: list[str] = field(default_factory=list)


def read_gateway(url: str) -> Told:
    """Read what the courier has written down."""
    with psycopg.connect(url, row_factory=dict_row) as connection:
        return Told(
            tuple(Said(**row) for row in connection.execute(SAID)),
            tuple(Delivered(**row) for row in connection.execute(DELIVERED)),
            {row["organisation"]: row["number"] for row in connection.execute(ENDS)},
            frozenset({0, *(row["number"] for row in connection.execute(BEGINS))}),
        )


def taken(sent: Iterable[tuple[str, str, str, str]], refusals: Iterable[Any]) -> tuple[Taken, ...]:
    """Make them of (sender, id, contract, digest) of each body that was taken, and of all `demo.checker.Refusal`s."""
    bodies: Counter[tuple[str, str]] = Counter()
    kinds: dict[tuple[str, str], str] = {}
    ids: dict[tuple[str, str], str] = {}
    for by, message_id, kind, sha256 in sent:
        bodies[by, message_id] += 1
        kinds[by, message_id] = kind
        ids[by, sha256] = message_id
    heard: dict[tuple[str, str], set[str]] = defaultdict(set)
    at_entrance: set[tuple[str, str]] = set()
    for one in refusals:
        # Not every partner's log names the message that was refused; each has the digest of its bytes.
        refused_id = one.refused_id or ids.get((one.to, one.sha256))
        if refused_id is None or one.code == ID_REUSED:
            continue  # of the message that had the id first, something else became
        if one.at_entrance:
            at_entrance.add((one.to, refused_id))
        else:
            heard[one.to, refused_id].add(one.code)
    return tuple(
        Taken(*key, kinds[key], bodies[key], frozenset(heard[key]), key in at_entrance) for key in sorted(kinds)
    )


def check(happened: Happened, told: Told) -> Findings:
    """Find what was lost, stands there twice, or is said and is not so."""
    findings = Findings()
    _check_outcomes(happened, told, findings)
    _check_inboxes(happened, told, findings)
    return findings


def _check_outcomes(happened: Happened, told: Told, findings: Findings) -> None:
    said: dict[tuple[str, str], list[Said]] = defaultdict(list)
    inboxes = {(one.organisation, one.source, one.message_id) for one in told.delivered}
    for one in told.said:
        said[one.organisation, one.message_id].append(one)
        findings.untrue += _claims_too_much(one, happened, inboxes)
    for message in happened.taken:
        parts = said[message.by, message.message_id]
        name = f"{message.kind} {message.message_id} of {message.by}"
        if message.heard_at_entrance and message.bodies == 1:
            findings.untrue += [f"{name}: refused at the entrance, and {one.service} is told of" for one in parts]
            continue
        codes = {one.code for one in parts if one.state == "refused"}
        findings.lost += [
            f"{name}: its sender heard {code}, and no outcome says so" for code in sorted(message.heard - codes)
        ]
        findings.untrue += [
            f"{name}: is told to be refused ({code}), and its sender never heard so"
            for code in sorted(str(code) for code in codes - message.heard)
        ]
        if message.heard and not parts:
            continue  # one finding is enough
        outside = bool(parts) and all(one.service == GATEWAY for one in parts)
        if outside or any(one.state == "handed_to" for one in parts):
            continue
        name_of_contract = message.kind.rpartition(".v")[0]
        silent = happened.readers.get(name_of_contract, frozenset()) - {one.service for one in parts}
        findings.lost += [f"{name}: nothing is told of what {service} made of it" for service in sorted(silent)]


def _claims_too_much(one: Said, happened: Happened, inboxes: Collection[tuple[str, str, str]]) -> Iterator[str]:
    """What the service's own database, or the inbox, does not bear out."""
    where = (one.service, one.message_id)
    has_it = one.message_id in happened.taken_in.get(happened.copies.get(one.service, one.service), frozenset())
    claims = f"{one.message_id} of {one.organisation}: is told to be {one.state} at {one.service}, and"
    if one.state == "applied" and (not has_it or where in happened.parked):
        yield f"{claims} nothing was"
    elif one.state in ENDS_HERE and where not in happened.parked:
        yield f"{claims} is not in sight there"
    elif one.state == "handed_to" and not (
        has_it
        if one.service in happened.copies  # else it is what such a service says, in the inbox of whom it says it to
        else (one.service.partition(".")[0], one.organisation, one.message_id) in inboxes
    ):
        yield f"{claims} never came there"


def _check_inboxes(happened: Happened, told: Told, findings: Findings) -> None:
    rows: dict[str, list[Delivered]] = defaultdict(list)
    for one in told.delivered:
        rows[one.organisation].append(one)
    stands = Counter((one.organisation, one.message_id, one.source) for one in told.delivered)
    findings.doubled += [
        f"{key[1]}: {count} times in the inbox of {key[0]}" for key, count in stands.items() if count > 1
    ]
    findings.lost += [
        f"{message_id}: written to {to}, and not in its inbox"
        for to, message_id in sorted(happened.owed)
        if (to, message_id, "hub") not in stands
    ]
    for organisation in sorted({*rows, *told.ends}):
        given = Counter(one.number for one in rows[organisation])
        end = told.ends.get(organisation, 0)
        findings.lost += [
            f"number {n} of the inbox of {organisation} is missing" for n in _missing({*given}, end, told.begins)
        ]
        findings.doubled += [f"number {n} of the inbox of {organisation}: {c} times" for n, c in given.items() if c > 1]
        findings.untrue += [f"number {n} of the inbox of {organisation} was never given out" for n in given if n > end]
    for organisation, read in happened.read.items():
        expected = {one.number: one.message_id for one in rows[organisation]}
        times = Counter(number for number, _ in read)
        findings.doubled += [f"{organisation} has read number {n} {c} times" for n, c in times.items() if c > 1]
        findings.lost += [f"{organisation} has never read number {n}" for n in sorted(expected.keys() - times.keys())]
        findings.untrue += [
            f"{organisation} has read {message_id} as number {number}"
            for number, message_id in read
            if expected.get(number) != message_id
        ]


def _missing(given: Set[int], end: int, begins: Set[int]) -> Iterator[int]:
    """The numbers up to the last that are not there; from one beginning to the last before the next none is skipped."""
    edges = sorted({0, *given, *(one for one in begins if one <= end), end + 1})
    gaps = (range(low + 1, high) for low, high in pairwise(edges) if high in given or high not in begins)
    return islice(chain.from_iterable(gaps), MISSING_AT_MOST)


def readers_of(kinds: Iterable[str], services: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    """By contract, the hub's services whose part of the network file says that they read it."""
    names = {kind.rpartition(".v")[0] for kind in kinds}
    return {
        name: frozenset(
            one.name for one in services.values() if any(fnmatch.fnmatchcase(name, pattern) for pattern in one.reads)
        )
        for name in names
    }
