"""`./ruta audit`: whether what was done in the network is recorded as it was written, and what that is.

    python -m hub.gateway.audit verify | search …     (SERVICE_DATABASE_URL: the gateway's, GATEWAY_AUDIT_DIRECTORY;
                                                       CONSOLE_DATABASE_URL, CONSOLE_AUDIT_DIRECTORY)

Ends with 1 where the audit was changed, and with 2 where it cannot be read.
"""

import heapq
import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Literal

import psycopg
from cyclopts import App, Parameter

from hub.gateway.audit import chain as chains
from hub.gateway.audit import keys, store, words
from hub.gateway.audit.chain import DATABASE, Entry, Problem
from messaging import database
from messaging.database import Connection

MOST = 10  # problems that are named; from the first on, one often leads to the next

app = App(
    name="ruta audit", help="What was done in the network, and whether anybody changed it later.", version_flags=[]
)

Language = Annotated[Literal["es", "en"], Parameter(help="in which to say it")]
Json = Annotated[bool, Parameter(name="--json", help="as JSON, one object in a line")]
ChainName = Literal["gateway", "console"]
OneChain = Annotated[
    ChainName | None, Parameter(help="only what was done to the network, or only what staff saw and did in the console")
]
Day = Annotated[str | None, Parameter(help="a day (UTC), as 2026-11-27")]


@app.command
def verify(
    *,
    chain: OneChain = None,
    copy: Path | None = None,
    key: Path | None = None,
    language: Language = "en",
    json_: Json = False,
) -> int:
    """Say whether the audit is as it was written; if not, which entry or checkpoint is wrong, and how.

    Ends with 1 where anything is wrong.

    Parameters
    ----------
    copy
        A copy of the checkpoints that is kept elsewhere, in place of the hub's own file: of one chain, the gateway's
        unless another is named.
    key
        The public key by which they are signed, where it is not the hub's of today; of one chain as well.
    """
    chosen = _chains(chain or ("gateway" if copy or key else None))
    found = {
        one.name: _verify(one, copy or one.directory / store.COPY, key or one.directory / keys.PUBLIC) for one in chosen
    }
    right = not any(problems for problems, _ in found.values())
    if json_:
        problems = [{"chain": name, **asdict(one)} for name, (all_, _) in found.items() for one in all_]
        print(json.dumps({"right": right, "problems": problems}))
        return 0 if right else 1
    for name, (problems_of, seen) in found.items():
        lines = [words.problem(one, language) for one in problems_of[:MOST]] or [seen.in_words(language)]
        if len(problems_of) > MOST:
            lines.append(words.OTHERS[language]["more"])
        print("\n".join(f"{name}: {line}" if len(found) > 1 else line for line in lines))
    return 0 if right else 1


def _verify(one: "Chain", copy: Path, key: Path) -> tuple[list[Problem], "_Seen"]:
    """What is wrong with a chain, and what there is of it."""
    size = copy.stat().st_size if copy.exists() else None  # what is in it now is in the database from here on
    seen = _Seen()
    with _reading(one) as connection:
        entries = seen.all(store.entries(connection))
        sources = {DATABASE: store.checkpoints(connection), **({str(copy): store.copied(copy, size)} if size else {})}
        problems = list(islice(chains.find(entries, sources, keys.checker(key)), MOST + 1))
    if seen.last is not None and not size:
        problems.append(Problem("no_copy", 0, source=str(copy)))
    return problems, seen


class _Seen:
    """Counts entries as they pass."""

    def __init__(self) -> None:
        self.count = 0
        self.last: Entry | None = None

    def all(self, entries: Iterator[Entry]) -> Iterator[Entry]:
        for one in entries:
            self.count += 1
            self.last = one
            yield one

    def in_words(self, language: words.Language) -> str:
        if self.last is None:
            return words.OTHERS[language]["empty"]
        return words.OTHERS[language]["right"].format(count=self.count, at=words.moment(self.last.at))


@app.command
def search(
    *,
    chain: OneChain = None,
    organisation: str | None = None,
    act: str | None = None,
    since: Day = None,
    until: Day = None,
    language: Language = "en",
    json_: Json = False,
) -> int:
    """Show what was done: number, time (UTC), who, what, to whom, and details; the oldest first.

    Ends with 1 where nothing was found. Whether it is as it was written, `verify` says.

    Parameters
    ----------
    organisation
        Only what concerns this one, by its id.
    act
        Only such acts, by their word in the JSON, as `key_revoked`.
    """
    where, params = _asked(organisation, act, _day(since), _day(until))
    found = False
    chosen = _chains(chain)
    with ExitStack() as reading:
        each = [_named(one.name, store.entries(reading.enter_context(_reading(one)), where, params)) for one in chosen]
        for name, entry in heapq.merge(*each, key=lambda named: str(named[1].at)):
            found = True
            line = words.entry(entry, language)
            print(_as_json(name, entry) if json_ else f"{name}: {line}" if len(each) > 1 else line)
    return 0 if found else 1


def _named(name: str, entries: Iterator[Entry]) -> Iterator[tuple[str, Entry]]:
    for one in entries:
        yield name, one


def _asked(
    organisation: str | None, act: str | None, since: datetime | None, until: datetime | None
) -> tuple[str, list[Any]]:
    """The condition of a search, and its parameters."""
    conditions = {
        "subject = %s": organisation,
        "act = %s": act,
        "at >= %s": since,
        "at < %s": until + timedelta(days=1) if until else None,
    }
    asked = {condition: value for condition, value in conditions.items() if value is not None}
    return (f"where {' and '.join(asked)}" if asked else ""), list(asked.values())


def _day(said: str | None) -> datetime | None:
    """The beginning of a day."""
    if said is None:
        return None
    try:
        return datetime.combine(date.fromisoformat(said), datetime.min.time(), UTC)
    except ValueError:
        raise CannotBeReadError(f"{said} is no day, such as 2026-11-27.") from None


def _as_json(name: str, one: Entry) -> str:
    try:
        details = json.loads(one.details)
    except (ValueError, TypeError):  # somebody has changed it
        details = one.details
    said = {"chain": name} | asdict(one) | {"details": details, "previous": one.previous.hex(), "hash": one.hash.hex()}
    return json.dumps(said, ensure_ascii=False)


class CannotBeReadError(Exception):
    """What keeps the audit from being read, in one sentence."""


@dataclass(frozen=True)
class Chain:
    """What was done to the network (`gateway`), or what staff saw and did (`console`)."""

    name: str
    url: str
    directory: Path


def _chains(name: ChainName | None) -> list[Chain]:
    """Those that the environment names, or the one of this name. Raises CannotBeReadError."""
    variables = {
        "gateway": ("SERVICE_DATABASE_URL", "GATEWAY_AUDIT_DIRECTORY"),
        "console": ("CONSOLE_DATABASE_URL", "CONSOLE_AUDIT_DIRECTORY"),
    }
    found = []
    for one, (url, directory) in variables.items():
        if url in os.environ and directory in os.environ and name in (None, one):
            found.append(Chain(one, os.environ[url], Path(os.environ[directory])))
    if not found:
        raise CannotBeReadError("There has been no network yet: start `./ruta up` first.")
    return found


@contextmanager
def _reading(one: Chain) -> Iterator[Connection]:
    """A connection that writes nothing and sees the tables at one moment."""
    with database.connect(one.url) as connection:
        connection.read_only = True
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.execute(store.PLAIN)
        yield connection


def main(arguments: list[str]) -> int:
    """Run the command and return its exit code."""
    try:
        code: int = app(arguments, result_action="return_value")
    except CannotBeReadError as error:
        problem = str(error)
    except keys.UnusableKey as error:
        problem = f"Nothing can be checked: {error}."
    except BrokenPipeError:  # nobody reads what is printed any more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except OSError as error:
        problem = f"Nothing can be checked: {error.filename} cannot be read ({error.strerror})."
    except psycopg.Error:  # what it says may name the server
        problem = (
            "The database cannot be read: what was done is not seen here. `./ruta status` says whether it is away; "
            "`./ruta up` makes it, and brings it up to date."
        )
    else:
        return code
    print(f"audit: {problem}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
