"""What `./ruta reconcile` does: what was published and never came is named, and said again from the outboxes.

Whose bytes nobody of the hub has, its sender is asked for (asked_again.py). Databases that do not answer are named, and
nothing is said of what is theirs.
"""

import contextlib
import hashlib
import json
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, LiteralString
from uuid import UUID

import psycopg

import contracts
from deploy.local import asked_again, beside, repair
from deploy.local.beside import Beside
from deploy.local.mending import unseen_lines
from deploy.local.operator_error import OperatorError
from deploy.local.organisations import network_of
from deploy.local.state import State
from deploy.local.trail import actor, record
from hub.monitor import queues
from hub.monitor.mending.databases import ask as ask_database
from hub.monitor.mending.databases import ask_each
from hub.monitor.mending.operations import REASON
from hub.monitor.reconciling import comparing
from hub.monitor.reconciling.comparing import Found, Lost
from messaging import database
from messaging.database import Connection
from messaging.topology import GATEWAY, HUB, LEDGER, MONITOR, DeclaredNetwork, TopologyError

FOLLOWED: Final = 30.0  # seconds for what is said again to come
DECIDED: Final = 90.0  # seconds for what has not come to come, or to be surely lost; before a queue is read, nothing is
LOOK_EVERY: Final = 1.0
ALL_IS_WELL: Final = "All that was published has come, or waits."
NOT_SHOWN: Final = "-"  # in place of an organisation
SHOWN: Final = 20  # ids of a group, as a table; `--json` has all
SHOWN_BY_LOG: Final = """
    select id from message where id = any(%s::uuid[]) and kind = 'passed' and not confidential and not erased
"""
BEGIN: Final = "insert into said_again (operation_id, started_by, selected, asked_for) values (%s, %s, %s, %s)"
END: Final = "update said_again set missing = %s, ended_at = clock_timestamp() where operation_id = %s"
SAY_AGAIN: Final = "select operators.say_again(%s::bigint[]) as many"


def probe(state: State, place: Beside, declared: DeclaredNetwork, before: Any) -> dict[str, Any]:
    """One look for alerts: `gaps` as they have them, `unseen`, and the `state` from which the next one goes on."""
    before = before["state"] if before else None
    found = _look(beside.all_databases(state, place), declared, place, before)
    return {"gaps": found.gaps, "unseen": dict(found.unseen), "state": found.state}


def run(state: State, *, say_again: bool, why: str, yes: bool, as_json: bool, ask: Callable[[str], bool]) -> int:
    """Print what was lost, and have it said again where that is asked for.

    The exit code is 1 where something stays, or not all was compared. Raises OperatorError.
    """
    why = why.strip()
    if say_again and (len(why) not in REASON or not why.isprintable()):
        raise OperatorError("A reason is required: --why TEXT, 3 to 300 characters. It names nobody.")
    declared = network_of(state)
    place = beside.find(state, declared)
    if place is None:
        raise OperatorError(f"Nothing runs from {state.directory}, and RUTA_* names no servers: `./ruta up`.")
    databases = beside.all_databases(state, place)
    if say_again and {LEDGER, *declared.services} - _waiting(place).keys():
        # Else it would be said to a queue that is not there.
        with contextlib.redirect_stdout(sys.stderr if as_json else sys.stdout):
            repair.run(state, dry_run=False, yes=yes, ask=ask)
    found, waits = _compare(databases, declared, place)
    more = bool(found.held_back)
    there = [one for one in found.lost if one.position is not None]
    # Without the gateway's outbox nobody knows whose bytes it has.
    gone = [one for one in found.lost if one.position is None and GATEWAY not in found.unseen]
    said = asked = 0
    if not as_json:
        print(_as_text(databases, found))
        if waits:
            print(f"{waits:,} more have not come, and something waits on their way: run it again.")
    question = f"Have {len(there):,} messages said again, and ask the senders of {len(gone):,} for theirs? [y/N] "
    if say_again and (there or gone) and (yes or ask(question)):
        operation_id = _note(state, place, there, gone, why)
        asked = asked_again.ask(state, place, declared, gone)
        said = _say_again(databases, there)
        found = _follow(databases, declared, place, found)
        more = bool(found.held_back or found.undecided) or not found.is_whole
        _keep(place, END, (len({one.place for one in there} & found.missing), operation_id))
        if not as_json:
            print(f"{said:,} messages were said again; {asked:,} were asked of their senders.")
            print(_as_text(databases, found))
    elif found.lost and not as_json:
        print("Nothing was changed. Have them said again, or asked for: ./ruta reconcile --say-again --why TEXT")
    if found.unseen and not as_json:
        print(_unseen_as_text(found.unseen))
    if more and not as_json:
        print("More was published that has not been compared yet: run it again.")
    if as_json:
        lost = [asdict(one) for one in as_shown(databases, found)]
        for one in lost:
            del one["confidential"]  # of what an outbox has it is not known
        report = {"lost": lost, "waits": waits, "gaps": found.gaps, "said_again": said, "asked_for": asked}
        report |= {"more": more, "unseen": dict(found.unseen)}
        print(json.dumps(report, indent=1, default=str))
    return int(bool(found.lost or found.unseen) or more)


def _waiting(place: Beside) -> dict[str, int | None]:
    """How many messages stand in each queue of the hub; None where the broker has not counted them."""
    try:
        return {one.name: one.messages for one in queues.read(place.management) if one.vhost == HUB}
    except TopologyError as error:
        raise OperatorError(f"{error}; `./ruta status` says more.") from None


def _look(databases: Mapping[str, str], declared: DeclaredNetwork, place: Beside, before: Any) -> Found:
    return comparing.look(databases, declared, _waiting(place), before, datetime.now(UTC))


def _compare(databases: Mapping[str, str], declared: DeclaredNetwork, place: Beside) -> tuple[Found, int]:
    """Look at all that is kept; where something has not come, again until it has, or is surely lost.

    What was published just before it was asked, too: so it takes as long as that settles. Beside what is found: of how
    many it was still not sure after DECIDED.
    """
    settled = time.monotonic() + comparing.SETTLES.total_seconds() + LOOK_EVERY
    found = _look(databases, declared, place, None)
    while _sees(found, databases) and (not found.is_whole or time.monotonic() < settled):
        if found.is_whole:
            time.sleep(LOOK_EVERY)
        found = _look(databases, declared, place, found.state)
    asked, until = found.undecided, time.monotonic() + DECIDED  # what is published meanwhile is for the next time
    while asked & found.undecided and time.monotonic() < until:
        time.sleep(LOOK_EVERY)
        found = _look(databases, declared, place, found.state)
    return found, len(asked & found.undecided)


def _sees(found: Found, databases: Mapping[str, str]) -> bool:
    """Whether any database has answered."""
    return len(found.unseen) < len(databases)


def _note(state: State, place: Beside, there: Sequence[Lost], gone: Sequence[Lost], why: str) -> UUID:
    """Record what is about to be done, and keep that it has begun; its id. Raises OperatorError."""
    of = _positions(there)
    details = {
        "messages": sum(map(len, of.values())),
        "services": {name: len(those) for name, those in of.items()},
        "asked_for": Counter(NOT_SHOWN if one.confidential else one.organisation for one in gone),
    }
    reason = hashlib.sha256(why.encode()).hexdigest()  # no erasure reaches the audit
    operation_id = contracts.uuid7()
    record(place.databases[GATEWAY], state, "messages_said_again", str(operation_id), **details, reason=reason)
    _keep(place, BEGIN, (operation_id, actor(), details["messages"], len(gone)))
    return operation_id


def _keep(place: Beside, statement: LiteralString, params: Sequence[Any]) -> None:
    """Write what the console lists of it. Raises OperatorError."""
    try:
        with contextlib.closing(database.connect(place.databases[GATEWAY])) as connection:
            connection.execute(statement, params)
            connection.commit()
    except psycopg.errors.UndefinedTable:
        raise OperatorError("The gateway's database is of an older version: `./ruta provision`.") from None
    except psycopg.Error as error:
        raise OperatorError(
            f"The gateway's database does not answer ({type(error).__name__}); what is done is done, run it again."
        ) from None


def _positions(lost: Iterable[Lost]) -> dict[str, set[int]]:
    """Where these stand, by whose outbox it is."""
    of: dict[str, set[int]] = defaultdict(set)
    for one in lost:
        if one.position is not None:
            of[one.sent_by].add(one.position)
    return of


def _say_again(databases: Mapping[str, str], lost: Sequence[Lost]) -> int:
    """Have the relays say it; how many messages. What is of a database that does not answer stays lost."""
    questions = {name: partial(_asked, sorted(positions)) for name, positions in _positions(lost).items()}
    return sum(ask_each(databases, questions).found.values())


def _asked(positions: Sequence[int], connection: Connection) -> int:
    row = connection.execute(SAY_AGAIN, (positions,)).fetchone()
    return int(row["many"]) if row else 0


def _follow(databases: Mapping[str, str], declared: DeclaredNetwork, place: Beside, found: Found) -> Found:
    """Wait a while for what is said again to come, also by those who were asked for it."""
    said = {one.place for one in found.lost}
    until = time.monotonic() + FOLLOWED
    while said & found.missing and time.monotonic() < until:
        time.sleep(LOOK_EVERY)
        found = _look(databases, declared, place, found.state)
    return found


def as_shown(databases: Mapping[str, str], found: Found) -> Sequence[Lost]:
    """What was lost, as the log shows messages.

    Of confidential cases, and where it has none or does not answer, family and service.
    """
    if not found.lost:
        return ()
    question = partial(_shown_by_log, sorted({one.message_id for one in found.lost}))
    shown = set[UUID]()
    if MONITOR not in found.unseen:
        with contextlib.suppress(psycopg.Error):  # it has gone since: nothing is shown without its word
            shown = ask_database(databases[MONITOR], question)
    return [
        one
        if one.message_id in shown
        else replace(one, contract=one.contract.partition(".")[0], organisation=NOT_SHOWN)
        for one in found.lost
    ]


def _shown_by_log(ids: Sequence[UUID], connection: Connection) -> set[UUID]:
    return {row["id"] for row in connection.execute(SHOWN_BY_LOG, (ids,)).fetchall()}


def _as_text(databases: Mapping[str, str], found: Found) -> str:
    lost = as_shown(databases, found)
    if not lost and not _sees(found, databases):
        return "Nothing could be compared."
    if not lost:
        return "Of what could be compared, all has come, or waits." if found.unseen else ALL_IS_WELL
    groups: dict[tuple[str, str, str, str, bool], list[Lost]] = defaultdict(list)
    for one in lost:
        groups[one.queue, one.sent_by, one.contract, one.organisation, one.position is not None].append(one)
    lines = []
    for (queue, by, contract, organisation, is_there), those in sorted(groups.items()):
        kept = (
            f"{by} can say them again"
            if is_there
            else "whether anybody here has their bytes, the gateway's database says when it answers"
            if GATEWAY in found.unseen
            else f"nobody here has their bytes: {'whoever sent them' if organisation == NOT_SHOWN else organisation} "
            "says them again"
        )
        lines += [
            f"{queue}: {len(those):,} of {contract}, of or for {organisation}, since "
            f"{min(one.at for one in those):%Y-%m-%d %H:%M:%S} UTC; {kept}",
            *_ids(those),
        ]
    return "\n".join(lines)


def _unseen_as_text(unseen: Mapping[str, str]) -> str:
    lines = [*unseen_lines(unseen), "What these have published, or were to get, was not compared: run it again."]
    if MONITOR in unseen:
        lines.append(
            "Of what organisations said by AMQP the log alone knows; of what else was lost it is not shown whose it is."
        )
    return "\n".join(lines)


def _ids(those: Iterable[Lost]) -> list[str]:
    ids = [f"    {one.message_id}" for one in those]
    return ids if len(ids) <= SHOWN else [*ids[:SHOWN], f"    and {len(ids) - SHOWN:,} more (--json)"]
