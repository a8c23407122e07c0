"""Command line of attendance lists.

python -m tools.attendance import FILE --jornada ID --organiser ORG --credentials FILE --directory FILE [--report FILE]
python -m tools.attendance form FILE.xlsx
"""

import json
import sys
from datetime import date
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

from cyclopts import App, Parameter
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from contracts import codes, sealing
from tools.attendance import form
from tools.attendance.desk import Desk, DeskError
from tools.attendance.importing import STILL_UNKNOWN_AFTER, Import
from tools.attendance.offers import read_offers
from tools.attendance.report import Outcome, Report
from tools.attendance.rows import UnusableFileError
from tools.attendance.source import Source, Survey, open_source
from tools.attendance.telling import Teller, namespace

NOT_BY_THE_ORGANISER = "register_it_yourself"

app = App(name="ruta attendance", help="Lists of who came to a jornada.", version_flags=[])


@app.command(name="import")
def import_(
    file: Path,
    *,
    jornada: UUID,
    organiser: str,
    credentials: Path,
    directory: Path,
    queue: Annotated[tuple[str, ...], Parameter(negative=())] = (),
    report: Path | None = None,
    on: Annotated[str | None, Parameter(name="--on")] = None,
    shared_with: Annotated[tuple[str, ...], Parameter(negative=())] = (),
    services: Path | None = None,
    all_consented: Annotated[bool, Parameter(negative=())] = False,
    correct: Annotated[bool, Parameter(negative=())] = False,
    register_first: Annotated[bool, Parameter(negative=())] = False,
    patience: float = STILL_UNKNOWN_AFTER,
) -> None:
    """Send a list of who came: CSV, XLSX or KoboToolbox JSON.

    Each row is accepted, matched, corrected, repeated or refused. Columns that are not read are named before anything
    is sent. Exit status 0: every row has been answered; 1: some have not, or the file is one page of several; 2:
    nothing could be sent.

    Parameters
    ----------
    file
        The list.
    jornada
        The jornada that it is of.
    organiser
        The organisation that holds the jornada.
    credentials
        What your organisation was handed; its private.jwk has to lie beside it.
    directory
        The public keys of the network.
    queue
        A queue that the answers come to; may be said several times. By default that of the system that reads them.
    report
        Write what became of each line to this CSV file.
    on
        The day of the jornada, 2026-03-07, for rows that do not say.
    shared_with
        Organisations that the people on the list have agreed to be referred to; may be said several times.
    services
        The directory of services in HSDS 3.0, as the network exports it: for lists that say where somebody is referred.
    all_consented
        Everybody on the list has signed, though it has no column that says so.
    correct
        Correct what was recorded otherwise before, instead of leaving it as it is.
    register_first
        Register the people yourselves: for a jornada whose organiser keeps attendance in a service of its own.
    patience
        Give up after so many seconds without any answer.
    """
    broken = None
    try:
        source = open_source(file)
        survey = source.survey()
        _say_first(survey)
        if correct and survey.ours_unread:
            raise UnusableFileError(
                "With --correct nothing is sent while a column is not read that may be one of ours: what it says would "
                "be taken away. Call it as the template does, or leave it out."
            )
        offers = None if services is None else read_offers(services)
        day = _day(on)
        with Desk(credentials, queue) as desk, Report.to(report) as counts:
            teller = _teller(source, desk.organisation, jornada, organiser, credentials, directory, shared_with)
            for column in survey.unread:
                counts.add_unread(survey.headings_at, column)
            with _progress(survey.rows) as (progress, task):
                one = Import(
                    desk,
                    teller,
                    counts,
                    day=day,
                    all_consented=all_consented,
                    offers=offers,
                    correct=correct,
                    register_first=register_first,
                    month_first=survey.month_first,
                    patience=patience,
                    advance=lambda: progress.advance(task),
                )
                try:
                    one.run(source.rows())
                except UnusableFileError as error:
                    broken = str(error)
    except (UnusableFileError, DeskError) as error:
        _give_up(str(error))
    except (OSError, ValueError, KeyError, sealing.SealingError) as error:
        _give_up(f"Nothing could be sent: {_reason(error)}.")
    if broken is None or counts.outcomes:
        counts.show(Console())
    if counts.reasons[Outcome.REFUSED, NOT_BY_THE_ORGANISER]:
        print("The organiser's own service cannot register your people: send the list again with --register-first.")
    if broken is not None:
        _give_up(broken)
    if survey.page is not None:
        print(survey.page, file=sys.stderr)
    raise SystemExit(1 if counts.outcomes[Outcome.UNANSWERED] or survey.page is not None else 0)


@app.command(name="form")
def form_(file: Path = form.XLSFORM) -> None:
    """Write the XLSForm for KoboToolbox, whose submissions `import` reads."""
    form.write(file)
    print(f"The form is in {file}.")


def _say_first(survey: Survey) -> None:
    """Say what of a file will not be sent, before anything is."""
    if survey.unread:
        columns = "1 column was" if len(survey.unread) == 1 else f"{len(survey.unread)} columns were"
        print(f"{columns} not read: {', '.join(survey.unread)}.", file=sys.stderr)
    for column in sorted(survey.month_first):
        print(
            f"In {column} the month may come first: days that may be two are refused. Write 2026-03-07.",
            file=sys.stderr,
        )
    if survey.page is not None:
        print(survey.page, file=sys.stderr)


def _day(on: str | None) -> date | None:
    try:
        return date.fromisoformat(on) if on else None
    except ValueError:
        raise UnusableFileError(f"--on {on} is no day; write it as 2026-03-07.") from None


def _teller(
    source: Source,
    organisation: str,
    jornada: UUID,
    organiser: str,
    credentials: Path,
    directory: Path,
    shared_with: tuple[str, ...],
) -> Teller:
    try:
        hub_key = json.loads(directory.read_text())["organisations"]["hub"]["public_key"]
    except (ValueError, KeyError, TypeError):
        raise UnusableFileError(f"{directory} is not the network's directory of public keys.") from None
    return Teller(
        organisation=organisation,
        jornada_id=jornada,
        organiser=organiser,
        check_in=codes.CheckIn.KOBO if source.kind == "kobo" else codes.CheckIn.SPREADSHEET,
        file_sha256=source.sha256,
        hub_key=hub_key,
        people=namespace(sealing.load_key(credentials.with_name("private.jwk"))),
        shared_with=shared_with,
    )


class _progress:  # noqa: N801 - it is used like a function
    """A bar that shows how many rows are over."""

    def __init__(self, rows: int) -> None:
        self._progress = Progress(
            TextColumn("rows"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=Console(stderr=True)
        )
        self._rows = rows

    def __enter__(self) -> tuple[Progress, Any]:
        self._progress.start()
        return self._progress, self._progress.add_task("rows", total=self._rows)

    def __exit__(self, *_: object) -> None:
        self._progress.stop()


def _reason(error: BaseException) -> str:
    """Say what is wrong without repeating what is in a file."""
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}"
    return f"{type(error).__name__}"


def _give_up(why: str) -> None:
    print(why, file=sys.stderr)
    raise SystemExit(2)


if __name__ == "__main__":
    app()
