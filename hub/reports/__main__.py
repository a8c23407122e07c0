"""The report commands.

    python -m hub.reports accountability | 5w | partners | unmet-needs      (SERVICE_DATABASE_URL)
        [--from 2021-02] [--to 2021-12] [--place 08] [--format table|csv|xlsx|json] [-o FILE]

A file's name chooses the format where none is asked for; what is printed is a table on a terminal, and CSV elsewhere.
`accountability` ends with 1 when a published figure is not what is counted; what cannot be done ends with 2.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import psycopg
from cyclopts import App, Parameter
from psycopg import IsolationLevel

from hub.reports import report, writing
from hub.reports.rules.asked import Asked, WronglyAskedError
from hub.reports.rules.sheets import Sheet
from messaging import database

app = App(
    name="ruta report",
    help="What the network has done, counted from its messages, each person once.",
    version_flags=[],
)


class NothingCountedError(Exception):
    """No database is named: there has been no network yet."""


From = Annotated[str | None, Parameter(name="--from", help="The first month, such as 2021-02.")]
To = Annotated[str | None, Parameter(name="--to", help="The last month, such as 2021-12.")]
Place = Annotated[str | None, Parameter(name="--place", help="A DIVIPOLA code: department (08), municipality (08001).")]
Format = Annotated[
    Literal["table", "csv", "xlsx", "json"] | None,
    Parameter(name="--format", help="How it is written; else as FILE is called, a table on a terminal, or CSV."),
]
Output = Annotated[Path | None, Parameter(name=["-o", "--output"], help="Where to; else it is printed.")]


@app.command
def accountability(
    *, from_: From = None, to: To = None, place: Place = None, format_: Format = None, output: Output = None
) -> int:
    """What was published beside what is counted; a period and a place choose figures. Ends with 1 if any differs."""
    with _reading() as connection:
        result = report.accountability(connection, Asked(from_, to, place))
    _write(result.sheet(), format_, output)
    return 0 if result.equal else 1


@app.command(name="5w")
def who_does_what(
    *, from_: From = None, to: To = None, place: Place = None, format_: Format = None, output: Output = None
) -> int:
    """Who did what, where, when and for whom, month by month; CSV and XLSX carry HXL hashtags."""
    return _report(report.who_does_what, Asked(from_, to, place), format_, output)


@app.command
def partners(
    *, from_: From = None, to: To = None, place: Place = None, format_: Format = None, output: Output = None
) -> int:
    """How each organisation answers the referrals that it is sent, and how long that takes."""
    return _report(report.partner_performance, Asked(from_, to, place), format_, output)


@app.command
def unmet_needs(
    *, from_: From = None, to: To = None, place: Place = None, format_: Format = None, output: Output = None
) -> int:
    """What people lack, by municipality and need, and what came of it."""
    return _report(report.needs_unmet, Asked(from_, to, place), format_, output)


def _report(
    make: Callable[[database.Connection, Asked], Sheet], asked: Asked, format_: Format, output: Path | None
) -> int:
    with _reading() as connection:
        sheet = make(connection, asked)
    _write(sheet, format_, output)
    return 0


@contextmanager
def _reading() -> Iterator[database.Connection]:
    """A connection that writes nothing and sees the tables at one moment."""
    url = os.environ.get("SERVICE_DATABASE_URL")
    if url is None:
        raise NothingCountedError
    with database.connect(url) as connection:
        connection.read_only = True
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        yield connection


def _write(sheet: Sheet, asked_for: Format, output: Path | None) -> None:
    format_ = asked_for or _fitting(output)
    if output is not None and format_ == "table" and output.suffix[1:] in writing.FORMATS:
        raise WronglyAskedError(f"A table is not what {output.name} is called: leave out --format table.")
    written = writing.FORMATS[format_](sheet)
    if output is not None:
        output.write_bytes(written)
    elif format_ == "xlsx" and sys.stdout.isatty():
        raise WronglyAskedError("A workbook goes into a file: -o FILE.")
    else:
        sys.stdout.buffer.write(written)
        sys.stdout.flush()


def _fitting(output: Path | None) -> str:
    """The format that suits where it goes."""
    if output is None:
        return "table" if sys.stdout.isatty() else "csv"
    return output.suffix[1:] if output.suffix[1:] in writing.FORMATS else "table"


def main(arguments: list[str]) -> int:
    """Run one command and return its exit code."""
    try:
        code: int = app(arguments, result_action="return_value")
    except WronglyAskedError as error:
        problem = str(error)
    except NothingCountedError:
        problem = "Nothing has been counted yet: start `./ruta up` first, or `./ruta demo`."
    except OSError as error:
        problem = f"Cannot write {error.filename}: {error.strerror}."
    except psycopg.Error:  # what it says may name the server, or what stands in a table
        problem = (
            "The database of the reports cannot be read: `./ruta status` says whether it is away; `./ruta up` "
            "makes it, and brings it up to date."
        )
    else:
        return code
    print(f"report: {problem}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
