"""`./ruta repair --why …`: what lies in `unrouted` and `dead` goes back by choice, in an operation that is kept.

    run_chosen(state, Choice(sender="redcross"), "the queue of events was missing", …)   # a dry run first
    run(state, operation_id, …)                                                          # exactly what that has bound

The dry run binds the very messages, by their fingerprints: what has come since is no part of it. Whoever runs it holds
a lock in the database besides that of its machine, and what has ended does nothing the next time. How many messages
went back, stayed, or were no longer there adds up, in each group, to what the dry run has said.
"""

import contextlib
import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import psycopg

import contracts
from deploy.local import repair
from deploy.local.operator_error import OperatorError
from deploy.local.repair import Choice, Kind, Looked
from deploy.local.state import State
from deploy.local.trail import actor, trail
from hub.monitor.mending.operations import REASON, digest_of
from messaging import database
from messaging.database import Connection
from messaging.topology import GATEWAY

RUN_WITHIN: Final = timedelta(hours=1)  # of its dry run
COUNTS: Final = ("selected", "put_back", "stayed", "gone")

FORGET: Final = "delete from put_back where started_at is null and planned_at < clock_timestamp() - interval '1 day'"
PLAN: Final = """
    insert into put_back (operation_id, planned_by, why, contract, sender, queue, digest)
    values (%s, %s, %s, %s, %s, %s, %s)
"""
PLAN_GROUP: Final = """
    insert into put_back_group (operation_id, number, vhost, queue, contract, sender, goes, selected)
    values (%s, %s, %s, %s, %s, %s, %s, %s)
"""
PLAN_MESSAGES: Final = "copy put_back_message (operation_id, fingerprint, number, messages) from stdin (format binary)"
OPERATION: Final = """
    select operation_id, planned_at, planned_by, why, contract, sender, queue, digest, started_at, started_by, ended_at,
        planned_at < clock_timestamp() - %s as is_old
    from put_back where operation_id = %s
"""
GROUPS: Final = """
    select number, vhost, queue, contract, sender, goes, selected, put_back, stayed, gone
    from put_back_group where operation_id = %s order by number
"""
BOUND: Final = "select fingerprint, number, messages from put_back_message where operation_id = %s"
HOLD: Final = "select pg_try_advisory_lock(hashtextextended('put_back', 0)) as held"
START: Final = """
    update put_back set started_at = clock_timestamp(), started_by = %s where operation_id = %s and started_at is null
"""
END_GROUP: Final = """
    update put_back_group set put_back = %s, stayed = %s, gone = %s where operation_id = %s and number = %s
"""
END: Final = "update put_back set ended_at = clock_timestamp() where operation_id = %s"
UNBIND: Final = "delete from put_back_message where operation_id = %s"


@dataclass(frozen=True, slots=True)
class Group:
    """What lay in one queue, of one contract and sender, and went to one place. Once it has ended the counts add up."""

    number: int
    vhost: str
    queue: str
    contract: str
    sender: str
    goes: str
    selected: int
    put_back: int | None
    stayed: int | None
    gone: int | None  # no longer where the dry run saw them


@dataclass(frozen=True, slots=True)
class Operation:
    """A dry run, or what came of it."""

    operation_id: UUID
    planned_at: datetime
    planned_by: str
    why: str
    contract: str | None
    sender: str | None
    queue: str | None
    digest: str
    started_at: datetime | None
    started_by: str | None
    ended_at: datetime | None
    is_old: bool
    groups: Sequence[Group]

    def sum_of(self, count: str) -> int:
        """One of COUNTS, over all groups."""
        return sum(getattr(one, count) or 0 for one in self.groups)


# -- what is kept of it ------------------------------------------------------------------------------------------------


def find(connection: Connection, operation_id: UUID) -> Operation | None:
    """Read an operation. Raises psycopg.Error."""
    row = connection.execute(OPERATION, (RUN_WITHIN, operation_id)).fetchone()
    if row is None:
        return None
    groups = connection.execute(GROUPS, (operation_id,)).fetchall()
    return Operation(**row, groups=[Group(**group) for group in groups])


def look(database_url: str, operation_id: UUID) -> Operation | None:
    """Read an operation of the gateway's database. Raises psycopg.Error."""
    with contextlib.closing(database.connect(database_url)) as connection:
        return find(connection, operation_id)


def keep(connection: Connection, looked: Looked, choice: Choice, why: str) -> UUID:
    """Keep what a dry run has found, and forget those that nobody has started. Raises psycopg.Error."""
    operation_id = contracts.uuid7()
    of_kind: Counter[Kind] = Counter()
    for which, many in looked.seen.items():
        of_kind[looked.kind_of[which]] += many
    numbers = {kind: number for number, kind in enumerate(sorted(of_kind), 1)}
    connection.execute(FORGET)
    asked = choice.contract, choice.sender, choice.queue  # which one by its id, the messages that are bound say
    connection.execute(PLAN, (operation_id, actor(), why, *asked, digest(looked.seen)))
    with connection.cursor() as cursor:
        for kind, number in numbers.items():
            group = kind.vhost, kind.queue, kind.contract, kind.sender, kind.fate
            cursor.execute(PLAN_GROUP, (operation_id, number, *group, of_kind[kind]))
        with cursor.copy(PLAN_MESSAGES) as rows:
            rows.set_types(["uuid", "bytea", "int4", "int4"])
            for which, many in looked.seen.items():
                rows.write_row((operation_id, which, numbers[looked.kind_of[which]], many))
    connection.commit()
    return operation_id


def digest(bound: Mapping[bytes, int]) -> str:
    """What binds a dry run: of the fingerprints of its messages, and how often each is there."""
    counted = "".join(f"{which.hex()} {many}\n" for which, many in sorted(bound.items()))
    return hashlib.sha256(counted.encode()).hexdigest()


def end(connection: Connection, operation: Operation, number_of: Mapping[bytes, int], looked: Looked) -> None:
    """Keep what came of it, and forget the fingerprints. Raises psycopg.Error."""
    put_back, stayed = Counter[int](), Counter[int]()
    for counted, those in ((put_back, looked.went), (stayed, looked.stayed)):
        for which, many in those.items():
            counted[number_of[which]] += many
    for group in operation.groups:
        went, left = put_back[group.number], stayed[group.number]
        of_it = went, left, group.selected - went - left
        connection.execute(END_GROUP, (*of_it, operation.operation_id, group.number))
    connection.execute(END, (operation.operation_id,))
    connection.execute(UNBIND, (operation.operation_id,))
    connection.commit()


@contextlib.contextmanager
def _gateway(database_url: str) -> Iterator[Connection]:
    """A connection to the gateway's database. Raises OperatorError where it does not answer."""
    try:
        with contextlib.closing(database.connect(database_url)) as connection:
            yield connection
    except psycopg.errors.UndefinedTable:
        raise OperatorError("The gateway's database is of an older version: `./ruta provision`.") from None
    except psycopg.Error as error:
        raise OperatorError(
            f"The gateway's database does not answer ({type(error).__name__}); what is done is done, run it again."
        ) from None


# -- the command -------------------------------------------------------------------------------------------------------


def run_chosen(
    state: State,
    choice: Choice,
    why: str,
    *,
    dry_run: bool,
    yes: bool,
    as_json: bool,
    environment: Mapping[str, str] = os.environ,
    ask: Callable[[str], bool],
) -> int:
    """Do and keep the dry run, and what it says when `yes`, or when `ask` says so; 1 where something stays.

    Nothing of the broker is changed before. Raises OperatorError.
    """
    why = why.strip()
    if len(why) not in REASON or not why.isprintable():
        raise OperatorError("A reason is required: --why TEXT, 3 to 300 characters. It names nobody.")
    if choice.contract not in (None, "unknown", *contracts.CONTRACTS):
        raise OperatorError("There is no such contract: one with its version, as contracts/README.md has them.")
    with repair.aside(as_json), repair.at_work(state, environment) as (place, declared):
        whole = repair.make_whole(place, declared, state, dry_run=True)
        looked = repair.look(place, state, whole, choice)
        if looked.stay:
            print("These have no place to go, and stay:")
            repair.say_messages(looked, only_what_stays=True)
        if looked.not_seen:
            print(f"Behind those that were seen lie {looked.not_seen:,} more: what is meant of them comes next time.")
        if not looked.back:
            print("There is nothing of the kind to be put back.")
            return int(bool(looked.stay or looked.not_seen))
        with _gateway(place.databases[GATEWAY]) as connection:
            operation_id = keep(connection, looked, choice, why)
            planned = find(connection, operation_id)
    assert planned is not None
    if not as_json:
        print(as_text(planned))
    if not dry_run and (yes or ask(f"Put {looked.back:,} messages back? [y/N] ")):
        return run(state, operation_id, as_json=as_json, environment=environment)
    if as_json:
        print(json.dumps(as_data(planned), indent=1, default=str))
    else:
        print(f"Nothing was changed. Within the hour: ./ruta repair --operation {operation_id}")
    return 1


def run(state: State, operation_id: UUID, *, as_json: bool, environment: Mapping[str, str] = os.environ) -> int:
    """Put back what a dry run has bound, once; what the broker lacks is made again first; 1 where something stays.

    One that was cut off goes on; one that has ended is shown. Raises OperatorError.
    """
    with (
        repair.aside(as_json),
        repair.at_work(state, environment) as (place, declared),
        _gateway(place.databases[GATEWAY]) as connection,
    ):
        row = connection.execute(HOLD).fetchone()  # as long as the connection is there
        connection.commit()
        if row is None or not row["held"]:
            raise OperatorError("Another `./ruta repair --operation` is at work, on another machine; wait for it.")
        operation = find(connection, operation_id)
        bound = {bytes(one["fingerprint"]): one for one in connection.execute(BOUND, (operation_id,)).fetchall()}
        connection.commit()
        if operation is None:
            raise OperatorError("There is no such operation of `./ruta repair`.")
        if operation.ended_at is None:
            if operation.started_at is None and operation.is_old:
                raise OperatorError("The dry run is more than an hour old. Nothing was done; run it again.")
            many = Counter({which: one["messages"] for which, one in bound.items()})
            if digest(many) != operation.digest:
                raise OperatorError("That is not what the dry run has bound. Nothing was done; run it again.")
            whole = repair.make_whole(place, declared, state, dry_run=False)
            with trail(place.databases[GATEWAY], state) as noted:
                details = {"count": operation.sum_of("selected"), "digest": operation.digest}
                noted.note("messages_put_back", str(operation_id), **details, reason=digest_of(operation.why))
                noted.connection.execute(START, (actor(), operation_id))
                noted.commit()
            looked = repair.put_back(place, state, whole, many)
            end(connection, operation, {which: one["number"] for which, one in bound.items()}, looked)
        else:
            print("This operation has ended before: nothing was changed.")
        operation = find(connection, operation_id)
    assert operation is not None
    print(json.dumps(as_data(operation), indent=1, default=str) if as_json else as_text(operation))
    return exit_code(operation)


def exit_code(operation: Operation) -> int:
    """1 where something of it does not lie where it belongs, or may not."""
    return int(operation.ended_at is None or operation.sum_of("put_back") < operation.sum_of("selected"))


def as_data(operation: Operation) -> dict[str, Any]:
    """As plain data, with the sums of all groups."""
    return asdict(operation) | {"act": "put_back"} | {count: operation.sum_of(count) for count in COUNTS}


def as_text(operation: Operation) -> str:
    """Return it as a table for a person."""
    from deploy.local.mending import table

    has_ended = operation.ended_at is not None
    counts = COUNTS if has_ended else COUNTS[:1]
    rows = [
        (f"{one.queue} ({one.vhost})", one.contract, one.sender, one.goes, *(f"{getattr(one, of):,}" for of in counts))
        for one in operation.groups
    ]
    if len(rows) > 1:
        rows.append(("all", "", "", "", *(f"{operation.sum_of(of):,}" for of in counts)))
    headings = ("lies in", "contract", "sender", "goes", "selected", "put back", "stayed", "gone")[: 4 + len(counts)]
    kind = "Dry run" if operation.started_at is None else "Operation"
    lines = [
        f"{kind} {operation.operation_id}: messages to be put back under their sender's name",
        table(headings, rows),
        f"Planned {operation.planned_at:%Y-%m-%d %H:%M} UTC by {operation.planned_by}: {operation.why}",
    ]
    if operation.started_at is not None:
        lines.append(f"Started {operation.started_at:%Y-%m-%d %H:%M} UTC by {operation.started_by}")
        if not has_ended:
            lines.append(f"It is at work, or was cut off: ./ruta repair --operation {operation.operation_id} goes on.")
    if operation.sum_of("gone"):
        lines.append("Gone: no longer there; somebody else has put them back, or this did before it was cut off.")
    return "\n".join(lines)
