"""The local account for emergencies: opened and ended on the machine; what was done by it is put into the audit.

Whoever may write the state directory may open it: root, and the user that the network runs as. It needs no server.
"""

import logging
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deploy.local import beside
from deploy.local.operator_error import OperatorError
from deploy.local.organisations import network_of
from deploy.local.state import State
from deploy.local.trail import actor, trail
from hub.monitor import emergency
from hub.monitor.emergency import PATH, Book, Done, EmergencyError
from messaging.log import describe
from messaging.topology import GATEWAY

LONGEST_REASON = 200

log = logging.getLogger("ruta.alerts")


def file_of(state: State) -> Path:
    """Where the account stands."""
    return emergency.beside(state.alerts_book)


def open_account(state: State, why: str) -> str:
    """Open it, in place of one that is open; returns what to tell whoever is on duty. Raises OperatorError."""
    if not why.strip() or len(why) > LONGEST_REASON or not why.isprintable():
        raise OperatorError(f"It needs a reason, of at most {LONGEST_REASON} characters and without a name.")
    state.make()
    try:
        code, opening = emergency.open_account(file_of(state), actor(), why.strip(), datetime.now(UTC))
    except EmergencyError:
        raise _unwritten(state) from None
    running = state.read_running()
    address = (running or {}).get("console_url") or os.environ.get("RUTA_CONSOLE_URL") or "the console's address"
    return (
        f"Code: {code}\n"
        f"Open {address.rstrip('/')}{PATH} in a browser, and type it there: it opens one browser, once.\n"
        "It shows the monitor's pages while the console's database is away, and nothing while that answers.\n"
        "Who is told of alerts is told when it is used; each page that is looked at goes into the audit.\n"
        f"It ends at {_moment(opening.until)}, or by `./ruta emergency close`."
    )


def close_account(state: State) -> str:
    """End it; returns what to say. Raises OperatorError."""
    try:
        closed = emergency.close_account(file_of(state), actor(), datetime.now(UTC))
    except EmergencyError:
        raise _unwritten(state) from None
    return "It is ended: its code and its browser open nothing any more." if closed else "It was not open."


def _unwritten(state: State) -> OperatorError:
    return OperatorError(
        f"It cannot be kept in {file_of(state)}: see whether that can be written and read (df -h, its owner), and has "
        f"no more than {emergency.MOST_OWED} acts that wait for the audit."
    )


def told(state: State, at: datetime) -> dict[str, Any]:
    """What `./ruta status` and the alerts have of it.

    `open` is None, or of the account that is open `by`, `at`, `until` and `used_at`; `uses` is what alerts tell, each
    with `id`, `by` and `since`; `owed` is how many acts are not in the audit yet.
    """
    book = emergency.read(file_of(state))
    one = book.opening if book.opening is not None and book.opening.is_open(at) else None
    return {
        "open": {"by": one.by, "at": one.at, "until": one.until, "used_at": one.used_at} if one is not None else None,
        "uses": [{"id": id, "by": by, "since": since} for id, by, since in book.uses(at)],
        "owed": len(book.owed) + (1 if book.refused else 0),
    }


def as_text(said: Mapping[str, Any]) -> str:
    """The same in a line; empty where there is nothing to say."""
    one, owed = said["open"], said["owed"]
    lines = []
    if one is not None:
        used = f"in use since {_moment(one['used_at'])}" if one["used_at"] else "not used yet"
        lines.append(f"The account for emergencies is open until {_moment(one['until'])} ({one['by']}), {used}.")
    if owed:
        lines.append(f"Done by the account for emergencies, and not in the audit yet: {owed}.")
    return "\n".join(lines)


def done(state: State) -> Book:
    """What is not in the audit yet."""
    return emergency.read(file_of(state))


def put_into_audit(state: State, book: Book, environment: Mapping[str, str]) -> None:
    """Put what was done into the audit; where its database is away, the next look does it. For one process at a time.

    The file is free meanwhile: what is done then stands behind what is recorded now.
    """
    if not book.owed and not book.refused:
        return
    place = beside.find(state, network_of(state), environment)
    if place is None:
        return
    try:
        with emergency.changing(file_of(state)):
            pass  # where it cannot be written, it would be put into the audit again and again
        with trail(place.databases[GATEWAY], state) as noted:
            for one in book.owed:
                noted.note(one.act, "console", **_details(one))
            if book.refused:
                noted.note("emergency_refused", "console", count=book.refused)
            noted.commit()
        with emergency.changing(file_of(state)) as now:
            now.owed = now.owed[len(book.owed) :]
            now.refused -= book.refused
    except Exception as error:  # whatever keeps it from being written: it is owed until it is
        log.warning("what was done by the account for emergencies is not in the audit yet (%s)", describe(error))


def _details(one: Done) -> dict[str, Any]:
    return {"opening": one.opening, "by": one.by, "at": one.at, **one.details}


def _moment(at: str) -> str:
    return f"{datetime.fromisoformat(at).astimezone(UTC):%H:%M} UTC"
