"""`./ruta events tail` and `./ruta trace ID`: the message log from a terminal.

    python -m hub.monitor.log.asking tail [--json] [--once]      (SERVICE_DATABASE_URL: the monitor's)
    python -m hub.monitor.log.asking trace ID [--json]

For operators: ids, contracts and codes only. Ends with 1 where nothing is known of an id, and with 2 where the log
cannot be read; then it says what is not seen, and what tells it all the same.
"""

import json
import os
import sys
import time
from dataclasses import asdict
from typing import Annotated, Any
from uuid import UUID

import psycopg
from cyclopts import App, Parameter

import contracts
from hub.monitor.log import reading
from hub.monitor.log.reading import Cursor, Entry, Search
from messaging import database

app = App(name="ruta events", help="The message log: what passed the hub, and what became of it.", version_flags=[])
LOOK_EVERY = 1.0  # seconds
NOT_SEEN = (
    "The message log cannot be read ({error}): what passed the hub, and what became of it, is not seen here. "
    "Messages do not wait for it. `./ruta status` shows what waits in queues; `./ruta why ID` what became of one."
)
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
def trace(id: str, *, json_: AsJson = False) -> None:
    """Show what belongs together with a message: what began it, what it caused, what became of each; failures first.

    Parameters
    ----------
    id
        Of a message, of what it is about, or of what began it; or the short code of a referral.
    json_
        Print it as one JSON object.
    """
    with _log() as connection:
        asked = _id(connection, id)
        story = reading.story(connection, asked) if asked is not None else None
    if story is None:
        print("Nothing is known of it in the log. What is older than it keeps, or was erased, is not found by its id.")
        raise SystemExit(1)
    if json_:
        print(json.dumps(asdict(story), default=str, indent=1))
        return
    print(f"{story.count} messages, {story.failed} failed" + ("." if story.is_whole else "; there are more."))
    if len(story.entries) < story.count:
        print(f"{len(story.entries)} are shown: those that failed, and the first ones.")
    for one in story.entries:
        print(line(one))


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


def _id(connection: database.Connection, said: str) -> UUID | None:
    try:
        return UUID(said)
    except ValueError:
        pass
    if contracts.read_short_code(said) is None:
        return None
    found = reading.find(connection, Search(short_code=said), limit=1).entries
    return found[0].subject if found else None


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
