"""What `./ruta failures` and `./ruta queue` do: hub/monitor/ beside a running network, with tables for a person.

What is down is named, and keeps nothing of the rest back.
"""

import contextlib
import io
import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final
from uuid import UUID

import psycopg

import contracts
from deploy.local import beside, put_back, queue_ages, status
from deploy.local.beside import Beside
from deploy.local.operator_error import OperatorError
from deploy.local.organisations import network_of
from deploy.local.stack import operator_role
from deploy.local.state import State
from deploy.local.trail import actor, record
from hub.gateway.audit.store import Act
from hub.monitor import queues
from hub.monitor.mending import failures, operations
from hub.monitor.mending.failures import Cause, Failures, Group
from hub.monitor.mending.operations import Acting, MendingError, Operation
from hub.monitor.queues import Queue
from messaging import addresses
from messaging.topology import GATEWAY, TopologyError

FOLLOWED: Final = 20.0  # seconds for which it is shown how far an operation is
LOOK_EVERY: Final = 0.5
SAID: Final[Mapping[str, str]] = {
    "no_reason": "A reason is required: --reason TEXT, 3 to 300 characters. It names nobody: name a fault or a ticket.",
    "unknown_service": "There is no such service",
    "unknown_operation": "There is no such operation.",
    "not_done_here": "Nobody tries again what is parked there",
    "nothing_selected": "There is nothing of the kind.",
    "changed_since": "Since the dry run somebody else has begun with some of these messages, or they were erased. "
    "Nothing was done; run it again",
    "not_as_planned": "That is not what the dry run has bound. Nothing was done; run it again.",
    "plan_too_old": "The dry run is more than an hour old. Nothing was done; run it again.",
    "unseen": "The database does not answer. Nothing was done there; run it again",
    "busy": "The database is busy. Nothing was done there; run it again",
    "no_answer": "The database did not answer. What came of it says `./ruta failures operation`",
    "away": "The database is away. What came of it says `./ruta failures operation`, when it is back",
    # Of replays:
    "unknown_contract": "There is no such contract: one with its version, as contracts/README.md has them",
    "unknown_organisation": "There is no such organisation",
    "no_time": "There is no time between --since and --until",
    "too_many": "That is more than 100,000 messages of one service: say it in parts, by --since and --until. Nothing "
    "was bound",
    "no_rate": "The rate is 1 to 1000 messages a second: --rate N",
    "too_fast_alone": "Alone it is 100 messages a second at most: --rate 100, or let another person confirm it",
    "second_person": "That takes another person, with another log-in of the same kind",
    "asked_by_another": "Somebody else has asked for it already: confirm it, --confirm OPERATION",
}
DOES: Final[Mapping[str, str]] = {"retry": "tried again", "give_back": "given back to their senders (given_back)"}


@dataclass(frozen=True)
class Here:
    """A network, as whoever mends reaches it."""

    state: State
    place: Beside
    databases: Mapping[str, str]  # as operators' logins

    def record(self, act: Act) -> None:
        """Have it recorded in the gateway's audit. Raises OperatorError."""
        record(self.place.databases[GATEWAY], self.state, act.act, act.subject, **act.details)


def find(state: State) -> Here:
    """Find what runs. Raises OperatorError where nothing does, or nothing was made for operators yet."""
    place = _place(state)
    passwords = state.known_passwords()
    logins = {name: passwords.get(f"postgres {operator_role(name)}") for name in place.databases}
    if missing := sorted(name for name, password in logins.items() if password is None):
        raise OperatorError(
            f"Nothing was made for operators in the database of {', '.join(missing)} yet: `./ruta provision` (with "
            "`./ruta up`: `./ruta down`, then `./ruta up`)."
        )
    found = {
        name: replace(
            addresses.read(place.databases[name], addresses.DATABASE), user=operator_role(name), password=password
        ).url
        for name, password in logins.items()
    }
    return Here(state, place, found)


def _place(state: State) -> Beside:
    place = beside.find(state, network_of(state))
    if place is None:
        raise OperatorError(f"Nothing runs from {state.directory}, and RUTA_* names no servers: `./ruta up`.")
    return place


# -- what failed -------------------------------------------------------------------------------------------------------


def show(state: State, cause: Cause, *, as_json: bool) -> int:
    """Print the groups; the exit code is 1 where a person has to act, or something cannot be seen."""
    found = failures.read(find(state).databases, cause)
    _print(found, _failures_as_text, as_json)
    return int(bool(found.unseen) or any(one.state == "quarantined" for one in found.groups))


def _failures_as_text(found: Failures) -> str:
    nothing = "Of what could be seen, nothing is parked." if found.unseen else "Nothing is parked."
    lines = [_group_as_text(one) for one in found.groups] or [nothing]
    if any(one.may_be_retried or one.may_be_given_back for one in found.groups):
        lines.append(
            "When the cause is mended: ./ruta failures retry --service S --reason TEXT\n"
            "What is never to be applied: ./ruta failures give-back, with the same words.\n"
            "Both begin with a dry run; --contract, --code, --error and --id select less."
        )
    return "\n\n".join([*lines, *unseen_lines(found.unseen)])


def _group_as_text(one: Group) -> str:
    """Three lines, of which none is folded: what and why, how many since when, and where it failed."""
    contract = f"{one.contract} (confidential: whose is not shown)" if one.confidential else one.contract
    what = " · ".join((one.service, contract or "unreadable", one.state, one.reason))
    many = "1 message" if one.messages == 1 else f"{one.messages:,} messages"
    later = f"; {one.later:,} later ones about the same" if one.later else ""
    lines = [
        what,
        f"    {many} of {', '.join(one.senders) or 'nobody known'} since {one.since:%Y-%m-%d %H:%M} UTC{later}",
    ]
    return "\n".join([*lines, *([f"    {one.error}"] if one.error else [])])


# -- acting ------------------------------------------------------------------------------------------------------------


def act(
    state: State,
    act: Acting,
    cause: Cause,
    ids: Sequence[int],
    why: str,
    *,
    yes: bool,
    as_json: bool,
    ask: Callable[[str], bool],
) -> int:
    """Do the dry run, and what it says when `yes`, or when `ask` says so; print what came of it.

    The exit code is 1 where something stays: it failed again, still waits, or was not done. Raises OperatorError.
    """
    here = find(state)
    if ids and cause.service is None:
        raise OperatorError("Ids are of one service: --service S --id N.")
    of_these = {cause.service: list(ids)} if ids and cause.service else None
    with sentences():
        planned = operations.plan(here.databases, contracts.uuid7(), act, actor(), cause, of_these)
        many = planned.sum_of("selected")
        if not as_json:
            print(_operation_as_text(planned))
        if not many or not (yes or ask(f"Have {many:,} messages {DOES[act]}? [y/N] ")):
            _say(planned, as_json, "This was a dry run: nothing was changed." if many else SAID["nothing_selected"])
            return int(bool(many or planned.unseen))
        now = operations.start(here.databases, planned.operation_id, planned.digest, actor(), why, here.record)
        now = replace(_follow(here, now), not_started=now.not_started)
    _print(now, _operation_as_text, as_json)
    return int(bool(now.not_started or now.sum_of("quarantined") or now.sum_of("remaining") or now.unseen))


def _follow(here: Here, operation: Operation) -> Operation:
    """Wait a while for an operation to end."""
    until = time.monotonic() + FOLLOWED
    while operation.sum_of("remaining") and time.monotonic() < until:
        time.sleep(LOOK_EVERY)
        operation = operations.look(here.databases, operation.operation_id)
    return operation


def look(state: State, operation_id: UUID, *, as_json: bool) -> int:
    """Print how far an operation is, and what came of its messages; exit code as of `act`."""
    here = find(state)
    with contextlib.suppress(psycopg.Error):  # then it is looked for where it can be
        if (aside := put_back.look(here.place.databases[GATEWAY], operation_id)) is not None:
            _print(aside, put_back.as_text, as_json)
            return put_back.exit_code(aside)
    with sentences():
        found = _of_failures(here, operation_id)
    if as_json:
        messages = {
            one.service: [asdict(message) for message in _all_messages(here.databases[one.service], operation_id)]
            for one in found.parts
        }
        print(json.dumps(_as_data(found) | {"messages": messages}, indent=1, default=str))
    else:
        print(_operation_as_text(found))
    return int(bool(found.sum_of("quarantined") or found.sum_of("remaining") or found.unseen))


def _of_failures(here: Here, operation_id: UUID) -> Operation:
    found = operations.look(here.databases, operation_id)
    if found.act not in operations.ACTS:
        raise OperatorError(f"That one is a replay: ./ruta replay operation {operation_id}")
    return found


def _all_messages(url: str, operation_id: UUID) -> list[operations.Message]:
    found: list[operations.Message] = []
    while page := operations.messages(url, operation_id, after=found[-1].parked_id if found else 0):
        found += page
    return found


def stop(state: State, operation_id: UUID, *, as_json: bool) -> int:
    """Stop an operation; print what came of it."""
    here = find(state)
    with sentences():
        _of_failures(here, operation_id)
        _print(operations.stop(here.databases, operation_id, actor(), here.record), _operation_as_text, as_json)
    return 0


def _operation_as_text(found: Operation) -> str:
    counts = ("selected", "applied", "refused", "quarantined", "given_back", "stopped", "remaining")
    rows = [(one.service, *(f"{getattr(one, count):,}" for count in counts)) for one in found.parts]
    if len(rows) > 1:
        rows.append(("all", *(f"{found.sum_of(count):,}" for count in counts)))
    headings = ("service", "selected", "applied", "refused", "failed again", "given back", "stopped", "remaining")
    kind = "Operation" if found.is_started else "Dry run"
    lines = [f"{kind} {found.operation_id}: messages to be {DOES[found.act]}", table(headings, rows)]
    if left_out := found.sum_of("left_out"):
        lines.append(f"{left_out:,} more were left out: they cannot be {DOES[found.act]}.")
    for part in found.parts:
        if part.started_at is not None:
            lines.append(
                f"{part.service}: started {part.started_at:%Y-%m-%d %H:%M} UTC by {part.started_by}: {part.why}"
            )
        if part.stopped_at is not None:
            lines.append(f"{part.service}: stopped {part.stopped_at:%Y-%m-%d %H:%M} UTC by {part.stopped_by}")
    lines += [f"{service}: not started. {SAID.get(code, code)}." for service, code in found.not_started.items()]
    if found.is_started and found.sum_of("remaining"):
        lines.append(f"It goes on: ./ruta failures operation {found.operation_id}")
    return "\n".join([*lines, *unseen_lines(found.unseen)])


@contextlib.contextmanager
def sentences() -> Iterator[None]:
    """What was not done, as a sentence."""
    try:
        yield
    except MendingError as error:
        said = SAID.get(error.code, error.code)
        where = f" ({', '.join(one for one in error.where if one)})" if any(error.where) else ""
        raise OperatorError(f"{said.rstrip('.')}{where}.") from None


# -- queues ------------------------------------------------------------------------------------------------------------


def show_queues(state: State, name: str | None, *, as_json: bool) -> int:
    """Print what stands in each queue, or in those with this in their names. Raises OperatorError."""
    place = _place(state)
    try:
        found = [one for one in queues.read(place.management) if name is None or name in one.name]
    except TopologyError as error:
        raise OperatorError(f"{error}; `./ruta status` says more.") from None
    known = _ages(state, place, found)
    found = [replace(one, age=known.get(f"{one.vhost}/{one.name}")) for one in found]
    if as_json:
        print(json.dumps({"queues": [asdict(one) for one in found]}, indent=1))
    else:
        rows = [
            (
                one.name, one.vhost, _counted(one.messages), _counted(one.readers),
                "no limit" if one.room is None and one.messages is not None else _counted(one.room),
                *("no data" if value is None else f"{value:g}" for value in (one.age, one.in_per_s, one.out_per_s)),
            )
            for one in found
        ]  # fmt: skip
        headings = ("queue", "virtual host", "messages", "readers", "room", "age s", "in/s", "out/s")
        print(table(headings, rows) if rows else "There is no such queue.")
    return 0


def _ages(state: State, place: Beside, found: Sequence[Queue]) -> Mapping[str, float]:
    """The ages that are known: none where the message log, or the database, does not answer in time."""
    job = {"ages": lambda: queue_ages.read(state, place, network_of(state), found)}
    known = status.at_once(job, status.READ_WITHIN)["ages"]
    return {} if isinstance(known, Exception) else known


def _counted(many: int | None) -> str:
    return "no data" if many is None else f"{many:,}"


# -- printing ----------------------------------------------------------------------------------------------------------


def _print(found: Any, as_text: Callable[[Any], str], as_json: bool) -> None:
    print(json.dumps(_as_data(found), indent=1, default=str) if as_json else as_text(found))


def _say(planned: Operation, as_json: bool, sentence: str) -> None:
    print(json.dumps(_as_data(planned), indent=1, default=str) if as_json else sentence)


def _as_data(found: Any) -> dict[str, Any]:
    """As plain data; of an operation with what binds it, and the sums of all services."""
    if isinstance(found, put_back.Operation):
        return put_back.as_data(found)
    said = asdict(found)
    if isinstance(found, Operation):
        counts = ("selected", "left_out", "applied", "refused", "quarantined", "given_back", "stopped", "remaining")
        said |= {"act": found.act, "digest": found.digest, "started": found.is_started}
        said |= {count: found.sum_of(count) for count in counts}
    return said


def unseen_lines(unseen: Mapping[str, str]) -> list[str]:
    return [f"Not seen: {service}, whose database does not answer ({code})." for service, code in unseen.items()]


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    from rich.console import Console
    from rich.table import Table

    out = Console(file=io.StringIO(), width=shutil.get_terminal_size((80, 24)).columns)
    table = Table(*headings, box=None)
    for column in table.columns:
        column.overflow = "fold"
    for row in rows:
        table.add_row(*row)
    out.print(table)
    text: str = out.file.getvalue()  # type: ignore[attr-defined]  # the StringIO from above
    return "\n".join(line.rstrip() for line in text.splitlines())
