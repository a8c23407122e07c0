"""What `./ruta replay` does: hub/monitor/mending/replays.py beside a running network, with tables for a person."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import contracts
from deploy.local import mending
from deploy.local.mending import FOLLOWED, LOOK_EVERY, Here, sentences, table, unseen_lines
from deploy.local.operator_error import OperatorError
from deploy.local.organisations import network_of
from deploy.local.state import State
from deploy.local.trail import actor
from hub.gateway.audit.store import Act
from hub.monitor import moments
from hub.monitor.mending import operations, replays
from hub.monitor.mending.operations import MendingError, Operation
from hub.monitor.mending.replays import RATE_ALONE, REPLAY, Selection
from messaging.identity import HUB
from messaging.topology import DeclaredNetwork

COUNTS: Final = ("selected", "said", "erased", "expired", "stopped", "remaining")


def selection_of(
    network: DeclaredNetwork, contract: str | None, organisation: str | None, since: str | None, until: str | None
) -> Selection:
    """What is asked for. Raises OperatorError."""
    if not contract or not since:
        raise OperatorError("What is to be said again: --contract C --since T, or --confirm OPERATION.")
    if organisation not in (None, HUB, *network.organisations, *network.removed):
        raise OperatorError("There is no such organisation: ./ruta partner list")
    now = datetime.now(UTC)
    return Selection(contract, organisation, _moment(since, now), _moment(until, now) if until else now)


def _moment(said: str, now: datetime) -> datetime:
    try:
        return moments.read(said, now)
    except ValueError:
        raise OperatorError(moments.FORMS) from None


def run(
    state: State,
    *,
    contract: str | None,
    organisation: str | None,
    since: str | None,
    until: str | None,
    starts: bool,
    why: str,
    rate: int,
    alone: bool,
    as_json: bool,
    ask: Callable[[str], bool],
) -> int:
    """Do the dry run, and start what it has bound, or ask for a second person, where that is wanted; print it.

    The exit code is 0 of a dry run, and where all was said. Raises OperatorError.
    """
    selection = selection_of(network_of(state), contract, organisation, since, until)
    here = mending.find(state)
    with sentences():
        if starts:
            operations.reason_of(why)
        planned = replays.plan(here.databases, contracts.uuid7(), actor(), selection)
        details = {**(planned.parts[0].selection or {}), "messages": planned.sum_of("selected")}
        here.record(Act(actor(), "replay_planned", str(planned.operation_id), details))
        many = planned.sum_of("selected")
        if not as_json:
            print(_as_text(planned))
        if not starts or not many:
            return _end(planned, as_json, "This was a dry run: nothing was said." if many else "Nothing is kept of it.")
        if not ask(f"Have {many:,} messages said again? [y/N] "):
            return _end(planned, as_json, "Nothing was said.", code=1)
        binds = (here.databases, planned.operation_id, planned.digest, actor(), why, rate, here.record)
        if replays.takes_two(planned) and not alone:
            asked = replays.ask_second(*binds)
            return _end(asked, as_json, f"It waits for another person, within twelve hours: {_confirm(asked)}", code=1)
        now = replays.start(*binds, alone=alone)
    return _follow(here, now, as_json)


def confirm(state: State, operation_id: UUID, *, as_json: bool, ask: Callable[[str], bool]) -> int:
    """Start what somebody else has asked for; print it. Raises OperatorError."""
    here = mending.find(state)
    with sentences():
        planned = _look(here, operation_id)
        if not planned.is_started and not replays.is_second(planned, actor()):
            raise MendingError("second_person")
        if not as_json:
            print(_as_text(planned))
        if not ask(f"Have {planned.sum_of('selected'):,} messages said again? [y/N] "):
            return _end(planned, as_json, "Nothing was said.", code=1)
        rate = max(1, round(replays.rate_of(planned)))
        now = replays.start(here.databases, operation_id, planned.digest, actor(), "", rate, here.record)
    return _follow(here, now, as_json)


def show(state: State, operation_id: UUID, *, as_json: bool) -> int:
    """Print how far a replay is; as JSON with each of its messages. The exit code is 1 where something is left."""
    here = mending.find(state)
    with sentences():
        found = _look(here, operation_id)
    if as_json:
        of_each = {
            one.service: [asdict(message) for message in _all_messages(here.databases[one.service], operation_id)]
            for one in found.parts
        }
        print(json.dumps(_as_data(found) | {"messages": of_each}, indent=1, default=str))
    else:
        print(_as_text(found))
    return _code(found)


def stop(state: State, operation_id: UUID, *, as_json: bool) -> int:
    """Stop a replay: what has not been said is not said. Print what came of it."""
    return _act(state, operation_id, operations.stop, as_json)


def resume(state: State, operation_id: UUID, *, as_json: bool) -> int:
    """Go on with one that was stopped. Print how far it is."""
    return _act(state, operation_id, replays.resume, as_json)


def review(state: State, operation_id: UUID, *, as_json: bool) -> int:
    """Note that one that somebody has started alone was looked at. Print it."""
    return _act(state, operation_id, replays.review, as_json)


def _act(state: State, operation_id: UUID, act: Callable[..., Operation], as_json: bool) -> int:
    here = mending.find(state)
    with sentences():
        _look(here, operation_id)
        found = act(here.databases, operation_id, actor(), here.record)
    _print(found, as_json)
    return 0


def _look(here: Here, operation_id: UUID) -> Operation:
    found = operations.look(here.databases, operation_id)
    if found.act != REPLAY:
        raise OperatorError(f"That one is of failures: ./ruta failures operation {operation_id}")
    return found


def _all_messages(url: str, operation_id: UUID) -> list[replays.Message]:
    found: list[replays.Message] = []
    while page := replays.messages(url, operation_id, after=found[-1].position if found else 0):
        found += page
    return found


def _follow(here: Here, operation: Operation, as_json: bool) -> int:
    """Wait a while for a replay to end; print what came of it."""
    until = time.monotonic() + FOLLOWED
    not_started = operation.not_started
    while operation.sum_of("remaining") and time.monotonic() < until:
        time.sleep(LOOK_EVERY)
        operation = operations.look(here.databases, operation.operation_id)
    operation = replace(operation, not_started=not_started)
    _print(operation, as_json)
    return _code(operation)


def _code(found: Operation) -> int:
    left = found.sum_of("remaining") or found.sum_of("stopped") or found.sum_of("expired")
    return int(bool(left or found.not_started or found.unseen))


def _end(planned: Operation, as_json: bool, sentence: str, code: int = 0) -> int:
    print(json.dumps(_as_data(planned), indent=1, default=str) if as_json else sentence)
    return code or int(bool(planned.unseen))


def _print(found: Operation, as_json: bool) -> None:
    print(json.dumps(_as_data(found), indent=1, default=str) if as_json else _as_text(found))


def _as_data(found: Operation) -> dict[str, Any]:
    sums = {count: found.sum_of(count) for count in (*COUNTS, "left_out", "bytes")}
    facts = {"act": found.act, "digest": found.digest, "started": found.is_started, "rate": replays.rate_of(found)}
    return asdict(found) | facts | sums


def _as_text(found: Operation) -> str:
    rows = [_row(one.service, {count: getattr(one, count) for count in (*COUNTS, "bytes")}) for one in found.parts]
    if len(rows) > 1:
        rows.append(_row("all", {count: found.sum_of(count) for count in (*COUNTS, "bytes")}))
    headings = ("service", "selected", "MB", "said", "erased", "no longer kept", "stopped", "remaining")
    kind = "Replay" if found.is_started else "Dry run"
    chosen = found.parts[0].selection or {}
    of = f" of or for {chosen['organisation']}" if chosen.get("organisation") else ""
    lines = [
        f"{kind} {found.operation_id}: {chosen.get('contract')}{of},",
        f"published from {_said(chosen.get('since'))} until before {_said(chosen.get('until'))}",
        table(headings, rows),
        f"The largest has {max(one.largest for one in found.parts):,} bytes. Left out, because they speak of somebody "
        f"erased: {found.sum_of('left_out'):,}.",
    ]
    first = found.parts[0]
    if first.asked_by is not None and first.asked_at is not None:
        lines.append(f"Asked for {first.asked_at:%Y-%m-%d %H:%M} UTC by {first.asked_by}: {first.why}")
    for part in found.parts:
        if part.started_at is not None:
            lines.append(
                f"{part.service}: started {part.started_at:%Y-%m-%d %H:%M} UTC by {part.started_by}, "
                f"{part.rate or 0:.1f} a second: {part.why}"
            )
        if part.stopped_at is not None:
            lines.append(f"{part.service}: stopped {part.stopped_at:%Y-%m-%d %H:%M} UTC by {part.stopped_by}")
    if any(part.review_due and part.reviewed_at is None for part in found.parts):
        lines.append(f"One alone has started it; another looks at it: ./ruta replay review {found.operation_id}")
    lines += [f"{service}: not started. {mending.SAID.get(code, code)}." for service, code in found.not_started.items()]
    if found.is_started and found.sum_of("remaining"):
        lines.append(f"It goes on: ./ruta replay operation {found.operation_id}")
    if found.sum_of("stopped"):
        lines.append(f"Go on with it: ./ruta replay resume {found.operation_id}")
    if not found.is_started and replays.takes_two(found):
        lines.append(
            f"These are more than {replays.ALONE_AT_MOST:,}: another person confirms it, or one alone has them said "
            f"with --alone --why REASON, {RATE_ALONE} a second at most, which is shown until another has looked at it."
        )
    return "\n".join([*lines, *unseen_lines(found.unseen)])


def _row(name: str, counts: Mapping[str, int]) -> tuple[str, ...]:
    said = [f"{counts[count]:,}" for count in COUNTS]
    return (name, said[0], f"{counts['bytes'] / 1e6:.1f}", *said[1:])


def _said(moment: str | None) -> str:
    return f"{datetime.fromisoformat(moment).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if moment else "?"


def _confirm(operation: Operation) -> str:
    return f"./ruta replay --confirm {operation.operation_id}"
