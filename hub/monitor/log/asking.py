"""`./ruta events tail`, `./ruta events find` and `./ruta trace ID`: the message log from a terminal.

    python -m hub.monitor.log.asking tail [--json] [--once]      (SERVICE_DATABASE_URL: the monitor's)
    python -m hub.monitor.log.asking find [--organisation O] [--contract C] [--code X] [--since T] … [--json]
    python -m hub.monitor.log.asking trace ID [--json] [--open --why REASON]     (AUDIT_DATABASE_URL: the gateway's,
                                                                                 GATEWAY_AUDIT_DIRECTORY, AUDIT_ACTOR)

For operators: ids, contracts and codes only. Ends with 1 where nothing is known of an id, and with 2 where the log
cannot be read; then it says what is not seen, and what tells it all the same.
"""

import json
import os
import re
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final
from uuid import UUID

import psycopg
from cyclopts import App, Parameter

import contracts
from hub.gateway.audit import keys, store
from hub.gateway.audit.store import Act
from hub.monitor import moments
from hub.monitor.log import confidential, counting, reading, stories, talking
from hub.monitor.log.confidential import Opened
from hub.monitor.log.reading import Cursor, Entry, Search
from messaging import clock, database
from messaging.topology import NAME

app = App(name="ruta events", help="The message log: what passed the hub, and what became of it.", version_flags=[])
LOOK_EVERY = 1.0  # seconds
NOT_SEEN = (
    "The message log cannot be read ({error}): what passed the hub, and what became of it, is not seen here. "
    "Messages do not wait for it. `./ruta status` shows what waits in queues; `./ruta why ID` what became of one."
)
UNKNOWN = "Nothing is known of it in the log. What is older than it keeps, or was erased, is not found by its id."
BEHIND = "The message log is behind: what has come since {since} is not seen here yet."
NONE_FOUND = "Nothing of the kind is in the log. Ask for less, or for a longer time."
MORE = "There are more: the same again with --after {after}"
CODE: Final = re.compile(r"[a-z][a-z0-9_]{0,99}")
AsJson = Annotated[bool, Parameter(name="--json")]


@app.command
def tail(*, json_: AsJson = False, once: bool = False) -> None:
    """Print the last messages that passed the hub, and go on with those that come; Ctrl-C ends it.

    Parameters
    ----------
    json_
        Each as a JSON object on a line of its own.
    once
        Print the last ones, and end.
    """
    with _log() as connection:
        _say_where_behind(connection)
        after: Cursor | None = None
        while True:
            for one in reading.tail(connection, after):
                print(json.dumps(asdict(one), default=str) if json_ else line(one), flush=True)
                after = Cursor(one.arrived_at, one.id)
            connection.commit()
            if once:
                return
            time.sleep(LOOK_EVERY)


@app.command
def find(
    *,
    organisation: str | None = None,
    contract: str | None = None,
    code: str | None = None,
    subject: str | None = None,
    since: str | None = None,
    until: str | None = None,
    after: str | None = None,
    json_: AsJson = False,
) -> None:
    """Print the messages that all of this is true of, the newest first, and of each what became of it.

    Fifty at a time; where there are more, it says how to ask for the next. Of a confidential case, which is found
    neither by organisation nor by subject nor by code, the id, the family of the contract and the services are shown.

    Parameters
    ----------
    organisation
        Who says it, or whom it is for.
    contract
        With its version, or of its name every version.
    code
        Why it was refused, put aside or has to wait.
    subject
        What it is about: an id, or the short code of a referral.
    since
        Came since then: a time in Colombia as 2026-11-28T07:00, or so long ago as 90m, 8h or 2d.
    until
        And before then, in the same form.
    after
        Behind the last one that was printed before.
    json_
        Print them as one JSON object.
    """
    now = clock.machine_now()
    about = _as_id(subject) if subject else None
    short = subject if about is None else None
    search = Search(
        subject=about,
        short_code=_meant(short, contracts.read_short_code, "--subject is an id, or the short code of a referral."),
        organisation=_meant(organisation, NAME.fullmatch, "--organisation is an id: `./ruta partner list`."),
        type=_meant(contract, reading.versions, "There is no such contract: contracts/README.md has them."),
        code=_meant(code, CODE.fullmatch, "--code is one that `./ruta contracts explain CODE` knows."),
        since=_moment(since, now),
        until=_moment(until, now),
    )
    behind = _cursor(after)
    with _log() as connection:
        _say_where_behind(connection)
        page = reading.find(connection, search, after=behind)
    next = f"{page.next.at.isoformat()}~{page.next.id}" if page.next is not None else None
    if json_:
        print(json.dumps({"messages": [asdict(one) for one in page.entries], "next": next}, default=str, indent=1))
        return
    print("\n".join(map(line, page.entries)) or NONE_FOUND)
    if next is not None:
        print(MORE.format(after=next), file=sys.stderr)


@app.command
def trace(
    id: str,
    *,
    json_: AsJson = False,
    open_: Annotated[bool, Parameter(name="--open", negative="")] = False,
    why: str = "",
) -> None:
    """Show what belongs together with a message: what began it, what it caused, what became of each; failures first.

    Parameters
    ----------
    id
        Of a message, of what it is about, or of what began it; or the short code of a referral.
    json_
        Print it as one JSON object.
    open_
        Of a message of a confidential case, show also organisation, subject and codes, once; it needs a reason, and the
        audit has it before anything is shown.
    why
        The reason: organisation_asks, fault_to_mend or review, and the number of a case: `--why "fault_to_mend 88"`.
    """
    opened = None
    with _log() as connection:
        _say_where_behind(connection)
        asked = _id(connection, id)
        story = stories.story(connection, asked) if asked is not None else None
        if story is not None and asked is not None and open_:
            opened = _open(connection, asked, why)
    if story is None:
        print(UNKNOWN, file=sys.stderr if json_ else sys.stdout)
        raise SystemExit(1)
    if json_:
        more = {"opened": asdict(opened)} if opened is not None else {}
        print(json.dumps(asdict(story) | more, default=str, indent=1))
        return
    print(f"{story.count} messages, {story.failed} failed" + ("." if story.is_whole else "; there are more."))
    if len(story.entries) < story.count:
        print(f"{len(story.entries)} are shown: those that failed, and the first ones.")
    for one in story.entries:
        print(line(one))
    if opened is not None:
        print("\n".join(lines_of(opened)))


def lines_of(opened: Opened) -> list[str]:
    """Say what the log does not show of a message; and where there is nothing of the kind, that."""
    if not opened.messages:
        return ["Nothing of it is hidden: it is of no confidential case, or the log keeps it no longer."]
    return [
        *(
            f"Opened: {one.arrived_at:%Y-%m-%d %H:%M:%S} {one.source}{f' → {one.recipient}' if one.recipient else ''} "
            f"{one.type or 'unreadable'} {one.id}, about {one.subject or 'nothing'}"
            for one in opened.messages
        ),
        *(
            f"    {one.service}: {one.state}{f' ({one.code})' if one.code else ''}"
            f"{f', waits for {one.waiting_for}' if one.waiting_for else ''}"
            for one in opened.outcomes
        ),
    ]


def _meant(said: str | None, means: Callable[[str], object], otherwise: str) -> str | None:
    """What was typed, where it means something. Ends with a sentence where it does not."""
    if said is not None and not means(said):
        raise SystemExit(otherwise)
    return said


def _moment(said: str | None, now: datetime) -> datetime | None:
    """A time that was typed. Ends with a sentence where it is none."""
    try:
        return moments.read(said, now) if said is not None else None
    except ValueError:
        raise SystemExit(moments.FORMS) from None


def _cursor(said: str | None) -> Cursor | None:
    """Where a page ended. Ends with a sentence where that was not said by one."""
    if said is None:
        return None
    at, _, id = said.partition("~")
    try:
        cursor = Cursor(datetime.fromisoformat(at), UUID(id))
    except ValueError:
        cursor = None
    if cursor is None or cursor.at.tzinfo is None:
        raise SystemExit("--after is what was printed behind the messages before.")
    return cursor


class NotRecorded(Exception):
    """The audit cannot be written; says by which error."""


def _open(connection: database.Connection, id: UUID, why: str) -> Opened:
    """What the log does not show of a message. Ends with a sentence where it stays closed."""
    actor = os.environ.get("AUDIT_ACTOR") or f"operator:{os.getuid()}"
    try:
        return confidential.open_up(connection, [id], actor=actor, subject="network", reason=why, record=_record)
    except confidential.NotOpened as error:
        if error.code == "reason_missing":
            raise SystemExit(f"A reason is required: --why {' | '.join(confidential.REASONS)}, and a number.") from None
        raise SystemExit(f"Nothing was opened: {error.code}.") from None
    except NotRecorded as error:
        raise SystemExit(f"The audit cannot be written, and nothing was opened: {error}.") from None


def _record(act: Act) -> None:
    """Commit an act to the audit of what is done to the network. Raises NotRecorded."""
    try:
        directory = Path(os.environ["GATEWAY_AUDIT_DIRECTORY"])
        with database.connect(os.environ["AUDIT_DATABASE_URL"]) as connection:
            store.append(connection, [act], keys.signer(directory))
            connection.commit()
            store.copy(connection, directory)
    except (keys.UnusableKey, OSError, KeyError, psycopg.Error) as error:
        raise NotRecorded(type(error).__name__) from None


def line(one: Entry) -> str:
    """Say one message in a line, and each thing that became of it in a line below."""
    to = f" → {one.recipient}" if one.recipient else ""
    what = one.type or "unreadable"
    about = f", about {one.short_code or one.subject}" if one.subject else ""
    kind = " not admitted" if one.kind == "refused" else ""
    said = [
        f"    {part.service}: {part.state}"
        + (f" ({part.code})" if part.code else "")
        + (f", waits for {part.waiting_for}" if part.waiting_for and part.state == "waits" else "")
        for part in one.now
    ]
    return "\n".join([f"{one.arrived_at:%Y-%m-%d %H:%M:%S} {one.source}{to} {what} {one.id}{about}{kind}", *said])


def _as_id(said: str) -> UUID | None:
    try:
        return UUID(said)
    except ValueError:
        return None


def _id(connection: database.Connection, said: str) -> UUID | None:
    if (id := _as_id(said)) is not None:
        return id
    if contracts.read_short_code(said) is None:
        return None
    found = reading.find(connection, Search(short_code=said), limit=1).entries
    return found[0].subject if found else None


def _say_where_behind(connection: database.Connection) -> None:
    """Say since when what came waits to be logged, where it does for longer than counts may wait (counting.py)."""
    row = connection.execute(talking.COUNTED).fetchone()
    connection.commit()
    since = row["until"] if row is not None else None
    if since is None or clock.machine_now() - since > counting.BEHIND:
        said = f"{since:%Y-%m-%d %H:%M:%S} UTC" if since is not None else "it was made"
        print(f"ruta: {BEHIND.format(since=said)}", file=sys.stderr)


def _log() -> Any:
    """The log's database. Raises psycopg.Error."""
    url = os.environ.get("SERVICE_DATABASE_URL")
    if not url:
        raise psycopg.OperationalError("there is no network yet")
    return database.connect(url)


def main() -> None:
    """Run the command line; 2 where the log cannot be read."""
    try:
        app()
    except psycopg.Error as error:
        print(NOT_SEEN.format(error=str(error).splitlines()[0] if str(error) else "no answer"), file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
