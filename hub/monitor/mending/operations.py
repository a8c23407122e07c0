"""Acting on what failed: a dry run, the operation that comes of it, and how far that is.

    planned = plan(databases, uuid, "retry", "operator:1000", Cause(service="referrals", reason="failed"))
    start(databases, uuid, planned.digest, "operator:1000", "the handler was mended in 1.4.2", record)
    look(databases, uuid)

Whoever asks makes the operation's id, so that what is asked for twice, by a double click, in another tab or after being
killed, is done once. What is started is about the very messages of its dry run: one that failed since is no part of it,
and where one of them is no more as it was, nothing is started in that service.
"""

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Final, Literal
from uuid import UUID

import psycopg

from hub.gateway.audit.store import Act
from hub.monitor.mending.databases import Databases, ask, ask_all
from hub.monitor.mending.failures import AT_ONCE, Cause
from messaging import database
from messaging.database import Connection

Acting = Literal["retry", "give_back"]
ACTS: Final[Mapping[str, str]] = {"retry": "failures_retried", "give_back": "failures_given_back"}  # as audited
STARTED: Final = ("started", "started_before")
REASON: Final = range(3, 301)  # characters
RECENT_AT_MOST: Final = 20


class MendingError(Exception):
    """It was not done, by this code; `where` are the services because of which."""

    def __init__(self, code: str, where: Sequence[str] = ()) -> None:
        super().__init__(f"{code} {' '.join(where)}".rstrip())
        self.code = code
        self.where = tuple(where)


@dataclass(frozen=True, slots=True)
class Part:
    """An operation in the database of one service. The counts of messages add up to `selected`."""

    service: str
    act: str
    planned_by: str
    planned_at: datetime
    selected: int
    left_out: int  # of those asked for: nothing of the kind can be done with them
    digest: str  # SHA-256 of the ids
    why: str | None
    started_by: str | None
    started_at: datetime | None  # None: a dry run so far
    stopped_by: str | None
    stopped_at: datetime | None
    applied: int
    refused: int
    quarantined: int  # again
    given_back: int
    stopped: int
    remaining: int  # still to be tried, or waiting for what is missing; of a replay still to be said
    # Of a replay (replays.py):
    selection: Mapping[str, str | None] | None
    bytes: int  # of all that is selected
    largest: int  # bytes
    rate: float | None  # messages a second
    asked_by: str | None  # for a second person
    asked_at: datetime | None
    review_due: bool
    reviewed_by: str | None
    reviewed_at: datetime | None
    said: int
    erased: int  # since the dry run
    expired: int  # it is kept no longer
    alone_before: int  # messages that its planner has had said alone within the hour


@dataclass(frozen=True, slots=True)
class Operation:
    """A dry run, or what came of it, in every service that it is about."""

    operation_id: UUID
    parts: tuple[Part, ...]
    unseen: Mapping[str, str]  # services whose database does not answer
    not_started: Mapping[str, str] = field(default_factory=dict)  # by service: the code of why, where it was to be

    @property
    def act(self) -> str:
        return self.parts[0].act

    @property
    def digest(self) -> str:
        """What binds the dry run: of the ids of every service."""
        said = "".join(f"{one.service} {one.digest}\n" for one in self.parts)
        return hashlib.sha256(said.encode()).hexdigest()

    @property
    def to_start(self) -> Sequence[Part]:
        """The parts that are no more than planned so far."""
        return [one for one in self.parts if one.selected and one.started_at is None]

    @property
    def is_started(self) -> bool:
        return any(one.started_at is not None for one in self.parts)

    def sum_of(self, count: str) -> int:
        """One of the counts, over all services."""
        return sum(getattr(one, count) for one in self.parts)


DRY_RUN: Final = """
    select operators.dry_run(%(operation)s, %(act)s, %(by)s, %(ids)s::bigint[], %(type)s, %(reason)s, %(error)s)
"""
COLUMNS: Final = """
    act, planned_by, planned_at, selected, left_out, digest, why, started_by, started_at, stopped_by, stopped_at,
    applied, refused, quarantined, given_back, stopped, remaining, selection, bytes, largest, rate, asked_by, asked_at,
    review_due, reviewed_by, reviewed_at, said, erased, expired, alone_before
"""
OPERATION: Final = f"select {COLUMNS} from operators.operation where operation_id = %s"
RECENT: Final = f"""
    select operation_id, {COLUMNS} from operators.operation
    where started_at > clock_timestamp() - interval '7 days' and act = any(%(acts)s)
    order by started_at desc limit {RECENT_AT_MOST}
"""


def plan(
    databases: Databases,
    operation_id: UUID,
    act: Acting,
    by: str,
    cause: Cause,
    ids: Mapping[str, Sequence[int]] | None = None,
) -> Operation:
    """Do the dry run, and keep which messages it has found: all of a cause, or of each service these ids alone.

    Under an id that is known it changes nothing, and returns what that one is. Services that do not answer have no part
    in it, and are named. Raises MendingError: `unknown_service`, `unseen` where none answers, `not_done_here` where
    nobody tries again what is parked there.
    """
    where = cause.of(databases)
    if ids is not None:
        where = {name: url for name, url in where.items() if name in ids}
    if not where:
        raise MendingError("unknown_service", [cause.service or "", *(ids or ())])

    def bind(service: str, connection: Connection) -> None:
        of_this = None if ids is None else list(ids[service])
        connection.execute(DRY_RUN, {"operation": operation_id, "act": act, "by": by, "ids": of_this, **cause.params})

    unseen = dict[str, str]()
    for service, url in where.items():
        try:
            ask(url, partial(bind, service))
        except psycopg.errors.InsufficientPrivilege:
            if cause.service is not None or ids is not None:
                raise MendingError("not_done_here", [service]) from None
        except database.DatabaseLost as error:
            unseen[service] = database.problem(error)
    found = _read(databases, operation_id)
    if found is None:
        raise MendingError("unseen", sorted(unseen))
    return Operation(operation_id, found.parts, {**found.unseen, **unseen})


def look(databases: Databases, operation_id: UUID) -> Operation:
    """How far an operation is. Raises MendingError: `unknown_operation`, `unseen` where it may be in one of those."""
    found = _read(databases, operation_id)
    if found is not None:
        return found
    unseen = ask_all(databases, lambda connection: None).unseen
    raise MendingError("unseen" if unseen else "unknown_operation", sorted(unseen))


def start(
    databases: Databases, operation_id: UUID, digest: str, by: str, why: str, record: Callable[[Act], None]
) -> Operation:
    """Start what a dry run has bound, which `digest` says, once it is recorded; again, it does what is left to do.

    What is recorded has the digest of the reason, and not its words: no erasure reaches the audit. Raises MendingError:
    `no_reason`, `unknown_operation`, `not_as_planned`, `nothing_selected`, `unseen` where a service does not answer;
    and where nothing at all could be started, the code of why: `changed_since`, `plan_too_old`, `busy`.
    """
    why = reason_of(why)
    planned = as_planned(databases, operation_id, digest, ACTS)
    to_start = planned.to_start
    if not to_start:
        return planned
    details = {
        "messages": planned.sum_of("selected"),
        "services": {one.service: one.selected for one in planned.parts},
        "digest": digest,
        "reason": digest_of(why),
    }
    record(Act(by, ACTS[planned.act], str(operation_id), details))

    def call(part: Part) -> str:
        params = (operation_id, part.digest, by, why)
        return call_in(databases[part.service], "select operators.start(%s, %s, %s, %s) as said", params)

    return start_each(databases, planned, to_start, call)


def as_planned(databases: Databases, operation_id: UUID, digest: str, acts: Collection[str]) -> Operation:
    """Return what a dry run has bound, which `digest` says. Raises MendingError, as `start`."""
    planned = look(databases, operation_id)
    if planned.act not in acts:
        raise MendingError("unknown_operation")
    if planned.digest != digest:
        raise MendingError("unseen" if planned.unseen else "not_as_planned", sorted(planned.unseen))
    if not planned.sum_of("selected"):
        raise MendingError("nothing_selected")
    return planned


def reason_of(said: str) -> str:
    """A reason, as it is kept. Raises MendingError, `no_reason`."""
    why = said.strip()
    if len(why) not in REASON or not why.isprintable():
        raise MendingError("no_reason")
    return why


def start_each(
    databases: Databases, planned: Operation, parts: Sequence[Part], call: Callable[[Part], str]
) -> Operation:
    """Start parts of an operation by a call that returns a code; where nothing at all is started, raise the first."""
    said = {part.service: call(part) for part in parts}
    not_started = {service: code for service, code in said.items() if code not in STARTED}
    if len(not_started) == len(planned.parts):
        raise MendingError(next(iter(not_started.values())), sorted(not_started))
    now = look(databases, planned.operation_id)
    return Operation(now.operation_id, now.parts, now.unseen, not_started)


def stop(databases: Databases, operation_id: UUID, by: str, record: Callable[[Act], None]) -> Operation:
    """Stop an operation: what it has not come to lies as it did before. Raises MendingError as `look`, and `busy`."""
    found = look(databases, operation_id)
    if not found.is_started:
        raise MendingError("unknown_operation")
    record(Act(by, "mending_stopped", str(operation_id), {"remaining": found.sum_of("remaining")}))
    for part in found.parts:
        if part.started_at is not None:
            said = call_in(databases[part.service], "select operators.stop(%s, %s) as said", (operation_id, by))
            if said != "stopped":
                raise MendingError(said, [part.service])
    return look(databases, operation_id)


@dataclass(frozen=True, slots=True)
class Message:
    """What came of one message of an operation."""

    parked_id: int
    was: str  # the reason for which it was parked
    result: str | None  # None: it is still to be tried, or waits
    code: str | None
    error: str | None  # class and place
    at: datetime | None
    source: str | None
    message_id: UUID | None
    contract: str | None
    subject: str | None
    confidential: bool  # as of a group of failures


MESSAGES: Final = f"""
    select parked_id, was, result, code, error, at, source, message_id, type as contract, subject, confidential
    from operators.operation_message where operation_id = %s and parked_id > %s order by parked_id limit {AT_ONCE}
"""


def messages(url: str, operation_id: UUID, *, after: int = 0) -> Sequence[Message]:
    """The messages of an operation in one service, from behind one on; AT_ONCE at most. Raises psycopg.Error."""
    rows = ask(url, lambda connection: connection.execute(MESSAGES, (operation_id, after)).fetchall())
    return [Message(**row) for row in rows]


@dataclass(frozen=True, slots=True)
class Share:
    """How many messages of an operation are of one sender, were parked for one reason and came to the same."""

    source: str | None
    was: str
    result: str | None  # None: still to be tried, or waiting
    code: str | None
    messages: int


SHARES: Final = """
    select source, was, result, code, count(*) as messages from operators.operation_message where operation_id = %s
    group by source, was, result, code order by messages desc, source, was, result, code
"""


def shares(databases: Databases, operation_id: UUID) -> Mapping[str, Sequence[Share]]:
    """Who waits for the messages of an operation, and what they came to, by service; of those that answer."""

    def read(connection: Connection) -> Sequence[Share]:
        return [Share(**row) for row in connection.execute(SHARES, (operation_id,)).fetchall()]

    return {service: found for service, found in ask_all(databases, read).found.items() if found}


def recent(databases: Databases) -> Sequence[Operation]:
    """What was started within seven days, the last first, RECENT_AT_MOST of each service; of those that answer."""
    return listed(databases, RECENT, {"acts": list(ACTS)})


def listed(databases: Databases, question: Any, params: Mapping[str, Any]) -> Sequence[Operation]:
    """Operations by a question of COLUMNS with their ids, the last first; of the services that answer."""
    answers = ask_all(databases, lambda connection: connection.execute(question, params).fetchall())
    parts = dict[UUID, list[Part]]()
    for service, rows in sorted(answers.found.items()):
        for row in rows:
            parts.setdefault(row.pop("operation_id"), []).append(Part(service, **row))
    found = [Operation(id, tuple(of_it), answers.unseen) for id, of_it in parts.items()]
    return sorted(found, key=lambda one: max(part.started_at or part.planned_at for part in one.parts), reverse=True)


def _read(databases: Databases, operation_id: UUID) -> Operation | None:
    """Read its parts, those alone that have messages; where none has any, all. None where nothing is known of it."""

    def read(connection: Connection) -> dict[str, Any] | None:
        return connection.execute(OPERATION, (operation_id,)).fetchone()

    answers = ask_all(databases, read)
    parts = [Part(service, **row) for service, row in sorted(answers.found.items()) if row is not None]
    if not parts:
        return None
    return Operation(operation_id, tuple(one for one in parts if one.selected) or tuple(parts), answers.unseen)


def call_in(url: str, statement: Any, params: Sequence[Any]) -> str:
    """Call a function of a database that returns a code, as `said`; where it does not answer, the code of why."""

    def call(connection: Connection) -> str:
        row = connection.execute(statement, params).fetchone()
        assert row is not None
        return str(row["said"])

    try:
        return ask(url, call)
    except database.DatabaseLost as error:
        return database.problem(error)


def digest_of(text: str) -> str:
    """What stands of a reason in the audit."""
    return hashlib.sha256(text.encode()).hexdigest()
