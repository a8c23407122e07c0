"""Replays: what services have published is said again, by contract, organisation and time, as far as it is still kept.

    planned = plan(databases, uuid, "operator:1000", Selection("consent.recorded.v1", None, since, until))
    start(databases, uuid, planned.digest, "operator:1000", "reports was restored", 100, record)

A dry run binds positions of services' outboxes; the relays say them, at a rate (messaging/replaying.py). It is for
readers that have lost their copy: whoever has a message in its inbox drops it as a repeat, and nothing happens twice.
Above ALONE_AT_MOST messages it takes two people: one asks, with a reason and a rate, and another who comes in the same
way starts it. Or one alone, slowly: that is shown until somebody else has looked at it.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import psycopg

from contracts import CONTRACTS
from hub.gateway.audit.store import Act
from hub.monitor.mending import operations
from hub.monitor.mending.databases import Databases, ask, ask_all
from hub.monitor.mending.failures import AT_ONCE
from hub.monitor.mending.operations import COLUMNS, RECENT_AT_MOST, MendingError, Operation, Part
from messaging import clock
from messaging.database import Connection
from messaging.topology import NAME

REPLAY: Final = "replay"
ALONE_AT_MOST: Final = 1_000  # messages
RATE_ALONE: Final = 100  # messages a second, of more than so many
RATE_AT_MOST: Final = 1_000

PLAN: Final = """
    select operators.plan_replay(%(operation)s, %(by)s, %(contract)s, %(organisation)s, %(since)s, %(until)s) as said
"""
ASK: Final = "select operators.ask_replay(%s, %s, %s, %s, %s) as said"
START: Final = "select operators.start_replay(%s, %s, %s, %s, %s, %s, %s) as said"
RESUME: Final = "select operators.resume_replay(%s, %s) as said"
AHEAD: Final = timedelta(days=1)  # no clock is so far ahead that something was published then
REVIEW: Final = "select operators.review_replay(%s, %s) as said"
LISTED: Final = f"""
    select operation_id, {COLUMNS} from operators.operation
    where act = 'replay' and (started_at > clock_timestamp() - interval '7 days'
                              or asked_at > clock_timestamp() - interval '12 hours'
                              or review_due and reviewed_at is null)
    order by coalesce(started_at, planned_at) desc limit {RECENT_AT_MOST}
"""


@dataclass(frozen=True, slots=True)
class Selection:
    """What is to be said again; of no organisation: whoever it is of or for."""

    contract: str  # with its version
    organisation: str | None
    since: datetime
    until: datetime


def plan(databases: Databases, operation_id: UUID, by: str, selection: Selection) -> Operation:
    """Do the dry run: bind what the outboxes still hold of it, without what is erased.

    Under an id that is known it changes nothing, and returns what that one is. Services that do not answer have no part
    in it, and are named. Raises MendingError: `unknown_contract`, `unknown_organisation`, `no_time`, `too_many` for one
    operation, `unseen` where no service answers.
    """
    if selection.contract not in CONTRACTS:
        raise MendingError("unknown_contract")
    if selection.organisation is not None and not NAME.fullmatch(selection.organisation):
        raise MendingError("unknown_organisation")
    # Whole hours are made of it, and of the last day of all there is no next hour.
    selection = replace(selection, until=min(selection.until, clock.now() + AHEAD))
    if selection.since >= selection.until:
        raise MendingError("no_time")

    def bind(connection: Connection) -> str | None:
        try:
            row = connection.execute(PLAN, {"operation": operation_id, "by": by, **asdict(selection)}).fetchone()
        except psycopg.errors.InsufficientPrivilege:  # whose outbox is not for operators
            return None
        return str(row["said"]) if row else None

    answers = ask_all(databases, bind)
    if too_many := sorted(service for service, said in answers.found.items() if said == "too_many"):
        raise MendingError("too_many", too_many)
    try:
        found = operations.look(databases, operation_id)
    except MendingError:
        raise MendingError("unseen", sorted(answers.unseen)) from None
    if found.act != REPLAY:
        raise MendingError("unknown_operation")
    return Operation(operation_id, found.parts, {**found.unseen, **answers.unseen})


def takes_two(operation: Operation) -> bool:
    """Whether it is more than one alone may have said within an hour as fast as they like."""
    return _in_an_hour(operation) > ALONE_AT_MOST


def is_second(operation: Operation, by: str) -> bool:
    """Whether it waits for a second person, and this is one: another, who comes in the same way."""
    asked = [one.asked_by for one in operation.parts]
    return all(one is not None and _is_another(one, by) for one in asked)


def ask_second(
    databases: Databases, operation_id: UUID, digest: str, by: str, why: str, rate: int, record: Callable[[Act], None]
) -> Operation:
    """Ask a second person to start it, within twelve hours. Raises MendingError, as `start`, and `asked_by_another`."""
    why, planned = operations.reason_of(why), operations.as_planned(databases, operation_id, digest, [REPLAY])
    _check_rate(rate)
    record(Act(by, "replay_asked", str(operation_id), _details(planned, why, rate)))
    for part in planned.to_start:
        params = (operation_id, part.digest, by, why, _share(planned, part, rate))
        said = operations.call_in(databases[part.service], ASK, params)
        if said != "asked":
            raise MendingError(said, [part.service])
    return operations.look(databases, operation_id)


def start(
    databases: Databases,
    operation_id: UUID,
    digest: str,
    by: str,
    why: str,
    rate: int,
    record: Callable[[Act], None],
    *,
    alone: bool = False,
) -> Operation:
    """Start what a dry run has bound, which `digest` says, once it is recorded; again, it does what is left to do.

    A second person starts it with the reason and the rate of whoever has asked them. Raises MendingError as
    `operations.start`, and `second_person`, `no_rate`, `too_fast_alone`.
    """
    planned = operations.as_planned(databases, operation_id, digest, [REPLAY])
    to_start = planned.to_start
    if not to_start:
        return planned
    asked = planned.parts[0]
    if is_second(planned, by) and not alone:
        why, rate = asked.why or "", round(rate_of(planned))
    elif takes_two(planned) and not alone:
        raise MendingError("second_person")
    why = operations.reason_of(why)
    _check_rate(rate)
    if alone and takes_two(planned) and rate > RATE_ALONE:
        raise MendingError("too_fast_alone")
    details = _details(planned, why, rate) | {"alone": alone and takes_two(planned), "asked_by": asked.asked_by}
    record(Act(by, "replay_started", str(operation_id), details))
    total = _in_an_hour(planned)

    def call(part: Part) -> str:
        params = (operation_id, part.digest, by, why, _share(planned, part, rate), total, alone)
        return operations.call_in(databases[part.service], START, params)

    return operations.start_each(databases, planned, to_start, call)


def resume(databases: Databases, operation_id: UUID, by: str, record: Callable[[Act], None]) -> Operation:
    """Go on with what was stopped. Raises MendingError as `operations.look`, and `changed_since`, `busy`."""
    found = _look(databases, operation_id)
    record(Act(by, "replay_resumed", str(operation_id), {"messages": found.sum_of("stopped")}))
    return _call_each(databases, found, RESUME, by, operations.STARTED)


def review(databases: Databases, operation_id: UUID, by: str, record: Callable[[Act], None]) -> Operation:
    """Note that somebody else has looked at what one alone has started. Raises MendingError, `second_person` too."""
    found = _look(databases, operation_id)
    if not any(part.review_due for part in found.parts):
        raise MendingError("unknown_operation")
    if not all(part.started_by is None or _is_another(part.started_by, by) for part in found.parts):
        raise MendingError("second_person")
    record(Act(by, "replay_reviewed", str(operation_id), {"messages": found.sum_of("selected")}))
    return _call_each(databases, found, REVIEW, by, ("reviewed",))


def listed(databases: Databases) -> Sequence[Operation]:
    """Replays of seven days, those that wait for a second person, and those that nobody has looked at yet."""
    return operations.listed(databases, LISTED, {})


def _in_an_hour(operation: Operation) -> int:
    return operation.sum_of("selected") + operation.sum_of("alone_before")


def rate_of(operation: Operation) -> float:
    """Messages a second, by all services together."""
    return sum(part.rate or 0.0 for part in operation.parts)


@dataclass(frozen=True, slots=True)
class Message:
    """What came of one message of a replay. What it is can be told for as long as the outbox keeps it."""

    position: int
    result: str | None  # None: it is still to be said
    at: datetime | None
    message_id: UUID | None  # not of what was chosen by an organisation
    contract: str | None
    size: int | None  # bytes


MESSAGES: Final = f"""
    select position, result, at, message_id, contract, size
    from operators.replayed where operation_id = %s and position > %s order by position limit {AT_ONCE}
"""


def messages(url: str, operation_id: UUID, *, after: int = 0) -> Sequence[Message]:
    """The messages of a replay in one service, from behind one on; AT_ONCE at most. Raises psycopg.Error."""
    rows = ask(url, lambda connection: connection.execute(MESSAGES, (operation_id, after)).fetchall())
    return [Message(**row) for row in rows]


def _look(databases: Databases, operation_id: UUID) -> Operation:
    found = operations.look(databases, operation_id)
    if found.act != REPLAY or not found.is_started:
        raise MendingError("unknown_operation")
    return found


def _call_each(databases: Databases, found: Operation, statement: str, by: str, good: Sequence[str]) -> Operation:
    for part in found.parts:
        if part.started_at is not None:
            said = operations.call_in(databases[part.service], statement, (found.operation_id, by))
            if said not in good:
                raise MendingError(said, [part.service])
    return operations.look(databases, found.operation_id)


def _check_rate(rate: int) -> None:
    if not 1 <= rate <= RATE_AT_MOST:
        raise MendingError("no_rate")


def _share(planned: Operation, part: Part, rate: int) -> float:
    """What of the rate is one service's, so that all of them end at once."""
    return rate * part.selected / planned.sum_of("selected")


def _details(planned: Operation, why: str, rate: int) -> dict[str, Any]:
    """What is recorded; of the reason its digest, for no erasure reaches the audit."""
    return {
        "messages": planned.sum_of("selected"),
        "services": {one.service: one.selected for one in planned.parts},
        "selection": planned.parts[0].selection,
        "digest": planned.digest,
        "reason": operations.digest_of(why),
        "rate": rate,
    }


def _is_another(one: str, by: str) -> bool:
    """Whether `by` is somebody else, for sure: who has both ways in is not known to be one person."""
    return one != by and _way(one) == _way(by)


def _way(by: str) -> str:
    """How somebody came in: by the console, or at the machine."""
    return by.partition(":")[0]
