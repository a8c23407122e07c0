"""Holds what the organisations logged against what every service took in: nothing lost, nothing twice.

What the messages came to is for the accountability report; this looks at each message by itself.
"""

import fnmatch
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, LiteralString

import psycopg
from psycopg.rows import dict_row

import contracts
from demo import accounts
from demo.evidence import OwnLog, refusals_in
from demo.years.coordinator import LINKED, LINKED_BY_HAND, REJECTED
from messaging.topology import DeclaredNetwork

INBOX: LiteralString = "select message_id::text from inbox"
# What became of messages (messages.processed) tells what has happened, and is none of it.
OUTBOX: LiteralString = (
    "select routing_key, message_id::text from outbox where not starts_with(routing_key, 'messages.processed.')"
)
PARKED: LiteralString = "select state, count(*)::int as count from parked group by state"
IN_SIGHT: LiteralString = (
    "select message_id::text as message_id from parked where reason <> 'id_reused' and message_id is not null"
)
TALLIES: LiteralString = """
    select coalesce(sum(redelivered), 0)::int as redelivered, coalesce(sum(repeated), 0)::int as repeated,
           coalesce(sum(applied), 0)::int as applied, coalesce(sum(refused), 0)::int as refused
    from outbox_writer
"""
REFERRALS: LiteralString = "select state, count(*)::int as count from referral group by state order by state"


@dataclass(frozen=True)
class Book:
    """What the database of one service says of the messages that it took in and wrote."""

    service: str
    taken_in: Counter[str]  # ids of messages; an id is unique for each sender
    written: list[tuple[str, str]]  # routing key and id
    parked: Mapping[str, int]  # by state
    tallies: Mapping[str, int]
    in_sight: frozenset[str] = frozenset()  # ids of what is parked


@dataclass
class Verdict:
    """What was found; a line of plain words for each finding."""

    lost: list[str] = field(default_factory=list)
    applied_twice: list[str] = field(default_factory=list)
    untrue: list[str] = field(default_factory=list)  # what the network tells and is not so
    by_http: Mapping[str, int] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def good(self) -> bool:
        return not (self.lost or self.applied_twice or self.untrue)


def read_books(databases: Mapping[str, str]) -> list[Book]:
    """Read the runtime's tables of every service; `databases` is the address of each, by its name."""
    books = []
    for service, url in databases.items():
        with psycopg.connect(url, row_factory=dict_row) as connection:
            books.append(
                Book(
                    service,
                    Counter(row["message_id"] for row in connection.execute(INBOX)),
                    [(row["routing_key"], row["message_id"]) for row in connection.execute(OUTBOX)],
                    {row["state"]: row["count"] for row in connection.execute(PARKED)},
                    connection.execute(TALLIES).fetchone() or {},
                    frozenset(row["message_id"] for row in connection.execute(IN_SIGHT)),
                )
            )
    return books


def referrals_by_state(database_url: str) -> dict[str, int]:
    """Count the referrals in each state."""
    with psycopg.connect(database_url, row_factory=dict_row) as connection:
        return {row["state"]: row["count"] for row in connection.execute(REFERRALS)}


def reckon(logs: Iterable[OwnLog], books: Iterable[Book], told: accounts.Told, network: DeclaredNetwork) -> Verdict:
    """Find every message that was confirmed and arrived nowhere, and every one that was applied more than once."""
    logs, books, verdict = list(logs), list(books), Verdict()
    refused = {row["refused_id"] for log in logs for row in log.refusals}
    taken_in = {message_id for book in books for message_id in book.taken_in}
    for log in logs:
        for row in log.sent:
            verdict.counts["sent"] += 1
            verdict.counts["refused"] += row["message_id"] in refused
            if row["state"] != "confirmed":
                verdict.lost.append(f"{row['kind']} {row['message_id']} of {log.organisation}: {row['state']}")
            elif row["message_id"] not in taken_in and row["message_id"] not in refused:
                verdict.lost.append(f"{row['kind']} {row['message_id']} of {log.organisation} arrived nowhere")
        verdict.counts["received"] += len(log.deliveries)
        verdict.counts["redelivered"] += sum(bool(row["redelivered"]) for row in log.deliveries)
        verdict.counts["duplicates_suppressed"] += len(log.deliveries) - len(log.applied)
        verdict.applied_twice += [
            f"{message_id} was applied {times} times at {log.organisation}"
            for message_id, times in log.applied.items()
            if times > 1
        ]
    _check_what_is_told(logs, books, told, network, verdict)
    _check_what_services_wrote({log.organisation: log for log in logs}, books, network, verdict)
    for book in books:
        verdict.counts["redelivered"] += book.tallies["redelivered"]
        verdict.counts["duplicates_suppressed"] += book.tallies["repeated"]
        verdict.counts["quarantined"] += book.parked.get("quarantined", 0)
        verdict.counts["waiting"] += book.parked.get("waiting", 0) + book.parked.get("retry", 0)
        verdict.counts["applied_by_services"] += book.tallies["applied"]
        # Each message that was taken in has one outcome.
        outcomes = book.tallies["applied"] + book.tallies["refused"] + sum(book.parked.values())
        if outcomes > book.taken_in.total():
            verdict.applied_twice.append(f"{book.service}: {outcomes} outcomes of {book.taken_in.total()} messages")
    verdict.counts["applied"] = verdict.counts["sent"] - verdict.counts["refused"] - len(verdict.lost)
    return verdict


def _check_what_is_told(
    logs: list[OwnLog], books: list[Book], told: accounts.Told, network: DeclaredNetwork, verdict: Verdict
) -> None:
    """What the network tells of each message is what happened, and every inbox has each of its messages once."""
    bodies = [
        (log.organisation, row["message_id"], row["kind"], row["sha256"])
        for log in logs
        for row in log.sent
        if row["message_id"] and row["confirms"]
    ]
    happened = accounts.Happened(
        taken=accounts.taken(bodies, refusals_in(logs)),
        readers=accounts.readers_of((kind for _, _, kind, _ in bodies), network.services),
        taken_in={book.service: frozenset(book.taken_in) for book in books},
        parked=frozenset((book.service, message_id) for book in books for message_id in book.in_sight),
        owed=frozenset(
            (key.split(".")[1], message_id)
            for book in books
            if book.service in network.services
            for key, message_id in book.written
            if key.startswith("to.")
        ),
        read={log.organisation: tuple(log.read) for log in logs if log.read},
        submitted=sum(log.submitted for log in logs),
        copies={
            f"{one.id}.{system.name}": f"{one.id}-{system.runs}"
            for one in network.organisations.values()
            for system in one.systems
            if system.runs
        },
    )
    findings = accounts.check(happened, told)
    verdict.lost += findings.lost
    verdict.applied_twice += findings.doubled
    verdict.untrue += findings.untrue
    verdict.by_http = happened.by_http()


def _check_what_services_wrote(
    logs: Mapping[str, OwnLog], books: list[Book], network: DeclaredNetwork, verdict: Verdict
) -> None:
    """What a service wrote is where it belongs: at the organisation, or at every service that reads it."""
    by_service = {book.service: book for book in books}
    own = {organisation.id: organisation for organisation in network.organisations.values() if organisation.systems}
    refused = {row["refused_id"] for log in logs.values() for row in log.refusals}
    anywhere = {message_id for book in books for message_id in book.taken_in}
    anywhere |= {message_id for log in logs.values() for message_id in log.applied} | refused
    for book in books:
        for key, message_id in book.written:
            first, second = key.split(".")[:2]
            if first == "to" and second not in own:
                arrived = message_id in logs[second].applied
            elif first == "to" or first in network.organisations:
                arrived = message_id in anywhere  # at one of the organisation's systems, or through the gateway
            else:
                name = contracts.CONTRACTS[key].name
                arrived = all(
                    message_id in by_service[service.name].taken_in or message_id in refused
                    for service in network.services.values()
                    if any(fnmatch.fnmatchcase(name, pattern) for pattern in service.reads)
                )
            if not arrived:
                verdict.lost.append(f"{key} {message_id}, written by {book.service}, never arrived")


def decisions(logs: Iterable[OwnLog]) -> dict[str, int]:
    """How often coordinators linked two registrations on a proposal of the network, or by hand, or told them apart."""
    counts = Counter(row["step"].partition(":")[0] for log in logs for row in log.sent)
    return {how: counts[how] for how in (LINKED, LINKED_BY_HAND, REJECTED)}


def answer_times(logs: Iterable[OwnLog]) -> list[float]:
    """Seconds from publishing a message to the first answer to it in an organisation's inbox, ascending."""
    logs = list(logs)
    published = {row["message_id"]: row["published_at"] for log in logs for row in log.sent if row["published_at"]}
    first: dict[str, float] = {}
    for log in logs:
        for row in log.deliveries:
            cause = row["causation_id"]
            if cause in published:
                first[cause] = min(row["at"], first.get(cause, row["at"]))
    return sorted(at - published[cause] for cause, at in first.items())


def as_json(
    verdict: Verdict,
    referrals: Mapping[str, int],
    matches: Mapping[str, int],
    times: list[float],
    seconds: float,
    figures: list[dict[str, Any]],
) -> dict[str, Any]:
    """The result as plain data; times in seconds and milliseconds as the names say."""
    counts = verdict.counts
    names = ("sent", "applied", "refused", "quarantined", "waiting", "redelivered", "duplicates_suppressed")
    return {
        "referrals": dict(referrals),
        "matches": dict(matches),
        "messages": {name: counts[name] for name in (*names, "received", "applied_by_services")},
        "lost": len(verdict.lost),
        "applied_twice": len(verdict.applied_twice),
        "untrue": len(verdict.untrue),
        "by_http": dict(verdict.by_http),
        "messages_per_s": round((counts["sent"] + counts["received"]) / seconds, 1),
        "latency_ms": {
            f"p{percent}": round(1000 * times[min(len(times) - 1, len(times) * percent // 100)], 1) if times else None
            for percent in (50, 95, 99)
        },
        "seconds": round(seconds, 1),
        "accountability": figures,
    }
