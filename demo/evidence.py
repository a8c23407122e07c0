"""Gathers what the checker looks at: the organisations' own logs, and the effects in the services' databases.

The organisations' logs are theirs, each of its own form; the databases are read as the operator's tool may read them,
through each service's own role. Nothing here is written.
"""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from psycopg.rows import dict_row

from demo import accounts
from demo.checker import Effect, Evidence, Parked, Received, Referral, Refusal, Sent
from messaging import topology

Row = dict[str, Any]


@dataclass
class OwnLog:
    """What one organisation logged, in the form that all logs are brought to."""

    organisation: str
    sent: list[Row] = field(default_factory=list)
    deliveries: list[Row] = field(default_factory=list)
    applied: dict[str, int] = field(default_factory=dict)  # message id → how often
    refusals: list[Row] = field(default_factory=list)
    submitted: int = 0  # messages that were answered by HTTP
    read: list[tuple[int, str]] = field(default_factory=list)  # by HTTP: the number, and the id of what it is


def read_own_log(organisation: str, home: Path) -> OwnLog:
    """Read the log in an organisation's home, whichever kind it keeps; an empty one if it has none yet."""
    if (home / "log.sqlite").exists():
        return _read_database(organisation, home / "log.sqlite")
    if (home / "log.jsonl").exists():
        return _read_lines(organisation, home / "log.jsonl")
    return OwnLog(organisation)


def _read_database(organisation: str, path: Path) -> OwnLog:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        db.row_factory = sqlite3.Row

        def rows(sql: str) -> list[Row]:
            return [dict(row) for row in db.execute(sql)]

        applied = rows("select message_id, count(*) as times from applied group by message_id")
        return OwnLog(
            organisation,
            sent=rows("select * from sent"),
            deliveries=rows("select * from delivery order by number"),
            applied={row["message_id"]: row["times"] for row in applied},
            refusals=rows("select * from refusal"),
            submitted=sum(row["messages"] for row in rows("select messages from submitted")),
            read=[(row["number"], row["message_id"]) for row in rows("select * from read")],
        )


def _read_lines(organisation: str, path: Path) -> OwnLog:
    log, steps = OwnLog(organisation), dict[str, Row]()
    for line in path.read_text().splitlines():
        record = json.loads(line)
        if "step" in record:
            steps.setdefault(record["step"], {}).update(record)
            continue
        message_id = record["received"]
        log.applied[message_id] = log.applied.get(message_id, 0) + record["applied"]
        log.deliveries.append({"message_id": message_id, "kind": record["type"], "referral_id": record["referral"],
                               "sequence": record["sequence"], "causation_id": record["cause"],
                               "redelivered": record["redelivered"], "at": record["at"]})  # fmt: skip
        if record["refusal"] and record["applied"]:
            log.refusals.append(record["refusal"])
    for record in steps.values():
        same = {name: record[name] for name in ("step", "subject", "sha256", "state", "publishes", "confirms")}
        log.sent.append(same | {"message_id": record["id"], "kind": record["type"], "published_at": record["at"]})
    return log


# Where each service keeps what a message changed: what it is about, and which message it was. One row, one effect.
EFFECTS: Mapping[str, Mapping[str, LiteralString]] = {
    "intake": {
        "person": "select person_id::text as about, message_id from person",
        "consent": "select consent_id::text as about, message_id from consent",
        "withdrawn consent": "select consent_id::text as about, ending_message as message_id from consent"
        " where ending_message is not null",
        "need": "select need_id::text as about, message_id from need",
    },
    "referrals": {
        "history": "select referral_id || ' ' || what as about, message_id from history where message_id is not null",
    },
}

# What referrals keeps of a service is known by its subject alone: the newest word stands.
PUBLISHED = "service.published.v1"
SERVICES: LiteralString = "select service_id::text as subject from service"

# What one of the hub's services says to another changes what many messages have changed: that it was taken in, in the
# transaction that applied it, is its effect.
TAKEN_IN: LiteralString = "select message_id::text as message_id from inbox"
PARKED: LiteralString = "select parked_id, message_id, type, state, reason, raw from parked"
# What became of messages (messages.processed) tells what has happened, and is none of it.
OUTBOX: LiteralString = (
    "select routing_key, message_id, body from outbox where not starts_with(routing_key, 'messages.processed.')"
)
TALLIES: LiteralString = (
    "select sum(redelivered)::int as redelivered, sum(repeated)::int as repeated from outbox_writer"
)
REFERRALS: LiteralString = "select referral_id::text, sender, recipient, state, sequence as last_sequence from referral"


def gather(
    logs: Iterable[OwnLog], databases: Mapping[str, str], gateway: str, waiting_allowed: Iterable[str]
) -> Evidence:
    """Bring it all together; `databases` is the address of each service's database, by service."""
    logs = list(logs)
    services = topology.read().services
    sent = [_sent(log, row) for log in logs for row in log.sent]
    subjects: dict[tuple[str, str], list[str]] = defaultdict(list)
    for log in logs:
        for row in log.sent:
            subjects[row["kind"], row["subject"]].append(row["message_id"])
    owed: list[tuple[str, str]] = []
    effects: list[Effect] = []
    parked: list[Parked] = []
    referrals: list[Referral] = []
    taken_in: dict[str, set[str]] = defaultdict(set)  # by message: the services that have it
    all_taken_in: dict[str, set[str]] = defaultdict(set)  # the same by service
    internal: dict[str, str] = {}  # the contract of each message, by its id
    redelivered = repeated = 0
    for service, url in databases.items():
        with psycopg.connect(url, row_factory=dict_row) as connection:
            for row in connection.execute(OUTBOX):
                message_id, key = str(row["message_id"]), str(row["routing_key"])
                if key.startswith("to."):
                    owed.append((key.split(".")[1], message_id))
                else:
                    sent.append(_internal(key, row))
                    internal[message_id] = key.rpartition(".")[0]
            for table, sql in EFFECTS.get(service, {}).items():
                for row in connection.execute(sql):
                    effects.append(Effect(f"{service}.{table}", row["about"], str(row["message_id"])))
            for row in connection.execute(PARKED):
                digest = sha256(row["raw"]).hexdigest()
                named = str(row["message_id"]) if row["message_id"] else None
                parked.append(Parked(service, named, digest, row["state"], row["reason"]))
            for row in connection.execute(TALLIES):
                redelivered += row["redelivered"] or 0
                repeated += row["repeated"] or 0
            for row in connection.execute(TAKEN_IN):
                taken_in[row["message_id"]].add(service)
                all_taken_in[service].add(row["message_id"])
            if service == "referrals":
                for row in connection.execute(SERVICES):
                    for message_id in subjects[PUBLISHED, row["subject"]]:
                        effects.append(Effect("referrals.service", row["subject"], message_id))
                referrals += [Referral(**row) for row in connection.execute(REFERRALS)]
    # What several services read is applied when each of them has it: lost to one of them, it is lost.
    for message_id, contract in internal.items():
        readers = {name for name in databases if contract in services[name].reads}
        if readers <= taken_in[message_id]:
            effects += [Effect(name, "what it took in", message_id) for name in sorted(readers)]
    refusals = refusals_in(logs)
    bodies = [
        (one.by, one.message_id, one.kind, one.sha256)
        for one in sent
        if one.message_id and one.confirms and not one.internal
    ]
    happened = accounts.Happened(
        taken=accounts.taken(bodies, refusals),
        readers=accounts.readers_of((kind for _, _, kind, _ in bodies), services),
        taken_in={name: frozenset(all_taken_in[name]) for name in databases},
        parked=frozenset(
            (item.where, item.message_id) for item in parked if item.message_id and item.reason != accounts.ID_REUSED
        ),
        owed=frozenset(owed),
        read={log.organisation: tuple(log.read) for log in logs if log.read},
        submitted=sum(log.submitted for log in logs),
    )
    return Evidence(
        happened=happened,
        told=accounts.read_gateway(gateway),
        sent=tuple(sent),
        received=tuple(received for log in logs for received in _received(log)),
        refusals=refusals,
        effects=tuple(effects),
        parked=tuple(parked),
        referrals=tuple(referrals),
        owed=tuple(owed),
        hub_redelivered=redelivered,
        hub_repeated=repeated,
        waiting_allowed=frozenset(waiting_allowed),
    )


def refusals_in(logs: Iterable[OwnLog]) -> tuple[Refusal, ...]:
    """What each organisation heard to be refused; FUVADIS's own log knows no answers by HTTP."""
    return tuple(
        Refusal(log.organisation, row.get("refused_id"), row["sha256"], row["code"], bool(row.get("at_entrance")))
        for log in logs
        for row in log.refusals
    )


def latencies(logs: Iterable[OwnLog]) -> list[float]:
    """Seconds from publishing a message to the arrival, at the other party, of the numbered one that came of it."""
    return sorted(arrived - published for published, arrived in passages(logs))


def passages(logs: Iterable[OwnLog]) -> list[tuple[float, float]]:
    """When each of those was published, and when what came of it arrived; in seconds since 1970."""
    logs = list(logs)
    published = {
        row["message_id"]: (log.organisation, row["published_at"])
        for log in logs
        for row in log.sent
        if row["published_at"] and row["state"] == "confirmed"
    }
    first: dict[tuple[str, str], float] = {}
    for log in logs:
        for row in log.deliveries:
            by, _ = published.get(row["causation_id"], (log.organisation, 0.0))
            if row["sequence"] is not None and by != log.organisation:
                key = (log.organisation, row["causation_id"])
                first[key] = min(row["at"], first.get(key, row["at"]))
    return [(published[cause][1], at) for (_, cause), at in first.items()]


def _sent(log: OwnLog, row: Row) -> Sent:
    return Sent(
        by=log.organisation,
        message_id=row["message_id"],
        sha256=row["sha256"],
        kind=row["kind"],
        confirms=row["confirms"],
        publishes=row["publishes"],
        unknown=row["state"] in ("attempted", "unknown"),
    )


def _internal(kind: str, row: Row) -> Sent:
    """A message from one of the hub's services to another: written is as good as confirmed."""
    digest = sha256(row["body"].encode()).hexdigest()
    return Sent("hub", str(row["message_id"]), digest, kind, confirms=1, internal=True)


def _received(log: OwnLog) -> Iterator[Received]:
    by_id: dict[str, list[Row]] = defaultdict(list)
    for row in log.deliveries:
        by_id[row["message_id"]].append(row)
    for message_id, rows in by_id.items():
        yield Received(
            by=log.organisation,
            message_id=message_id,
            deliveries=len(rows),
            applied=log.applied.get(message_id, 0),
            flagged=sum(bool(row["redelivered"]) for row in rows),
            referral_id=rows[0]["referral_id"],
            sequence=rows[0]["sequence"],
        )
