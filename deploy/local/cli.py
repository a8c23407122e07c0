"""Ruta's command line. What goes wrong ends in one sentence and a non-zero exit."""

import contextlib
import errno
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
import traceback
import warnings
from collections.abc import Sequence
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn
from uuid import UUID

from cyclopts import App, Parameter, validators

from deploy.local.commands import failures, partner, replay, staff
from deploy.local.commands.reached import become, network_with, reading, run
from deploy.local.operator_error import OperatorError
from deploy.local.state import ROOT, State, default_directory

if TYPE_CHECKING:
    from deploy.local import Stack

# What a command needs is imported when it runs, so that each starts at once.

app = App(
    name="ruta",
    help="Ruta: a referral network for organisations that serve migrants and their neighbours.",
    version_flags=[],
    help_on_error=False,
)
# Of a file: it is on a disk that is read-only or full, or somebody else's.
NOT_OURS = {errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOSPC, errno.EDQUOT}
# Commands that other modules read, with all their words.
MODULES = {
    "contracts": "contracts",
    "translate": "tools.formats",
    "attendance": "tools.attendance",
    "receipt": "tools.receipts",
    "directory": "tools.directory",
    "report": "hub.reports",
    "why": "hub.gateway.why",
    "events": "hub.monitor.log.asking",
    "audit": "hub.gateway.audit",
    "bench": "bench",
    "chaos": "chaos",
}
# Where everything is passed on (`help_flags=[]`), `--help` is, too.
PassedOn = Annotated[str, Parameter(allow_leading_hyphen=True, help="passed on as they are")]


@app.command
def up(*, sample: Annotated[bool, Parameter(negative=())] = False) -> None:
    """Start the network and keep it running; Ctrl-C stops everything.

    Parameters
    ----------
    sample
        With invented people, referrals in every state, partners that answer, and somebody of each role to look at them
        in the console: only where there is no network yet, or where this has been said before.
    """
    from deploy.local import running
    from deploy.local.problems import Watch

    began = time.monotonic()
    with contextlib.ExitStack() as ending:
        if sample:
            from demo.sample.setting_up import sample_on

            network, shown = ending.enter_context(sample_on(default_directory(), dict(os.environ)))
        else:
            network, shown = ending.enter_context(running()), None
        ending.enter_context(Watch(network.stack.state))
        try:
            print(f"Ruta is up after {time.monotonic() - began:.1f} s: {len(network.processes)} processes.")
            print(f"Partners' credentials: {network.stack.state.organisations}")
            print(f"By HTTP: {network.stack.http_url}")
            print(f"Console: {network.stack.console_url}")
            if shown is not None:
                print(shown.said())
            elif network.stack.state.sample.is_dir():
                print(
                    "This network is the sample: with `--sample` its partners answer. Anything real begins elsewhere."
                )
            print("`./ruta status` shows it, Ctrl-C stops it.", flush=True)
            _wait_for_the_end()
        except (KeyboardInterrupt, SystemExit):
            with contextlib.suppress(OSError):  # the terminal may be gone
                print("Stopping.", flush=True)
            _record_stop(network.stack)


@app.command
def down() -> None:
    """Stop a network that was started in another shell."""
    print("Ruta has stopped." if State(default_directory()).stop_running() else "Ruta was not running.")


@app.command
def status(*, json_: Annotated[bool, Parameter(name="--json")] = False) -> None:
    """Show what is wrong and what to do first, what runs, what waits in queues, and what is parked.

    Exits with 1 when something is wrong.

    Parameters
    ----------
    json_
        Print it as one JSON object.
    """
    from deploy.local import problems
    from deploy.local import status as reading

    now = reading.read(State(default_directory()))
    found = problems.find(now)
    if json_:
        print(json.dumps(now | ({"problems": [asdict(one) for one in found]} if len(now) > 1 else {}), indent=1))
    else:
        if len(now) > 1:
            print(problems.as_text(found, shutil.get_terminal_size((80, 24)).columns), end="\n\n")
        print(reading.as_text(now))
    if found:
        raise SystemExit(1)


alerts = App(name="alerts", help="Say what is wrong for whom, whether it can wait until seven, and the first command.")
app.command(alerts)


@alerts.default
def show_alerts(
    *,
    json_: Annotated[bool, Parameter(name="--json")] = False,
    notify: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Say what is wrong for whom, whether it can wait until seven, and the first command.

    Exits with 1 when something is wrong.

    Parameters
    ----------
    json_
        Print it as one JSON object.
    notify
        Tell whoever deploy/alerts.toml names, or the file of RUTA_ALERTS_FILE: for cron or a timer, each minute, where
        `./ruta up` does not run.
    """
    from deploy.local import alerts as watching
    from deploy.local.alerting import settings_of
    from hub.monitor.alerts import keeping

    state = State(default_directory())
    settings = settings_of(os.environ)
    if notify:
        state.make()
        keeper = keeping.Keeper(watching.book_of(state))
        watching.check_audit(state, os.environ, keeper)
        seen = watching.tell(state, settings, os.environ, keeper)
    else:
        seen = watching.look(state, settings, keeping.read(watching.book_of(state)))
    book = keeping.read(watching.book_of(state))
    width = shutil.get_terminal_size((80, 24)).columns
    print(watching.as_json(seen, book) if json_ else watching.as_text(seen, book, width))
    if any(not one.hidden_by for one in seen.alerts):
        raise SystemExit(1)


@alerts.command(name="silence")
def silence_alert(alert: str, *, until: str, reason: str, what: str | None = None) -> None:
    """Have nobody told of an alert until a time; it stands in the audit.

    Parameters
    ----------
    alert
        Its name, as `./ruta alerts` says it.
    until
        How long, as 90m, 8h or 3d, or until when, as 2026-12-01T07:00 (of Colombia). A month at most.
    reason
        Why, in a few words and without anybody's name.
    what
        Only of this queue, service, process or organisation, as `./ruta alerts --json` has it.
    """
    from deploy.local import alerts as watching

    one = watching.silence(State(default_directory()), alert, what, until, reason, os.environ)
    print(f"Nobody is told of {alert} until {one.until[:16].replace('T', ' ')} UTC.")
    if not one.recorded:
        print("ruta: the audit cannot be written now; it is recorded as soon as it can", file=sys.stderr)


emergency = App(name="emergency", help="Open the monitor's pages for half an hour while nobody can log in, and end it.")
app.command(emergency)


@emergency.command(name="open")
def open_emergency(*, why: str) -> None:
    """Make a code that opens the monitor's pages in one browser while the console's database is away; it is shown once.

    Whoever is told of alerts is told when it is used, and what was looked at goes into the audit.

    Parameters
    ----------
    why
        Why, for those who come later; it names nobody.
    """
    from deploy.local.emergency import open_account

    print(open_account(State(default_directory()), why))


@emergency.command(name="close")
def close_emergency() -> None:
    """End it at once, in whatever browser it is open."""
    from deploy.local.emergency import close_account

    print(close_account(State(default_directory())))


@app.command
def changes(
    *,
    hours: Annotated[int, Parameter(validator=validators.Number(gte=1, lte=24 * 366))] = 24,
    json_: Annotated[bool, Parameter(name="--json")] = False,
) -> None:
    """Say what changed lately: starts, version, settings, organisations, keys, migrations. The newest first.

    Parameters
    ----------
    hours
        How far back.
    json_
        Print it as one JSON object.
    """
    from deploy.local import changes as lately

    found, unread = lately.read(State(default_directory()), os.environ, hours=hours)
    print(lately.as_json(found, unread) if json_ else lately.as_text(found, unread))


@app.command(name="help")
def show_help(alert: str | None = None) -> None:
    """Say what an alert means and what to do: with database and broker away, too.

    Parameters
    ----------
    alert
        Its name; without it, which there are.
    """
    from hub.monitor.alerts import pages

    width = min(shutil.get_terminal_size((80, 24)).columns, 100)
    known = pages.read()
    if alert is None:
        print("\n".join(f"{page.name:<20} {page.title}" for page in known.values()))
    elif alert in known:
        print(pages.as_text(known[alert], width))
    else:
        raise OperatorError(f"There is no alert {alert}; `./ruta help` names them, `./ruta --help` the commands.")


@app.command
def doctor() -> None:
    """Say what this machine lacks to run Ruta, and what is wrong with a network that runs or that RUTA_* names."""
    from deploy.local import doctor as surgery

    findings = surgery.examine()
    for finding in findings:
        print(f"{'ok     ' if finding.healthy else finding.sign}  {finding.text}")
    if not all(finding.healthy for finding in findings):
        raise SystemExit(1)


@app.command
def provision() -> None:
    """Make databases, queues, users and keys agree with deploy/network.toml, on embedded or real servers."""
    from deploy.local import Stack
    from deploy.local.provision import provision as make_ready
    from messaging import topology

    with Stack() as stack:
        make_ready(stack, topology.read())
        print(f"The servers agree with {topology.NETWORK_FILE.relative_to(ROOT)}.")
        print(f"Partners' credentials: {stack.state.organisations}")


@app.command
def repair(
    *,
    dry_run: bool = False,
    yes: bool = False,
    why: str | None = None,
    contract: str | None = None,
    sender: str | None = None,
    queue: Literal["unrouted", "dead"] | None = None,
    id_: Annotated[UUID | None, Parameter(name="--id")] = None,
    operation: UUID | None = None,
    json_: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> None:
    """Make again what the broker lacks, and put back what lies in `unrouted` and `dead`, beside a running network.

    With --why only messages that are chosen, in an operation that is kept: a dry run first, which changes nothing, then
    those very messages, once. `./ruta failures operation ID` shows it. Exits with 1 when something stays that needs a
    person.

    Parameters
    ----------
    dry_run
        Only show what is wrong and where each message would go.
    yes
        Put messages back without asking.
    why
        Why, for those who come later; it names nobody.
    contract
        Only this one, with its version.
    sender
        Only what this one has sent: an organisation, or a service.
    queue
        Only what lies in this one.
    id_
        Only this message, by its own id.
    operation
        Run what this dry run has bound, within an hour of it.
    json_
        Print what was done, or the operation, as one JSON object; what is said on the way goes to standard error.
    """
    from deploy.local import put_back
    from deploy.local import repair as work

    def ask(question: str) -> bool:
        return sys.stdin.isatty() and sys.stdout.isatty() and input(question).strip().lower() in ("y", "yes")

    state, choice = State(default_directory()), work.Choice(contract, sender, queue, id_)
    if operation is not None:
        if dry_run or why is not None or choice != work.EVERYTHING:
            raise OperatorError("--operation runs what its dry run has bound: nothing else is said with it.")
        raise SystemExit(put_back.run(state, operation, as_json=json_))
    if why is None and choice == work.EVERYTHING:
        raise SystemExit(work.run(state, dry_run=dry_run, yes=yes, as_json=json_, ask=ask))
    raise SystemExit(put_back.run_chosen(state, choice, why or "", dry_run=dry_run, yes=yes, as_json=json_, ask=ask))


app.command(failures.app)
app.command(failures.queue)
app.command(failures.reconcile)
app.command(replay.app)
app.command(partner.app)
app.command(staff.app)


@app.command
def serve(
    service: str,
    *,
    credentials: Path,
) -> None:
    """Run one of Ruta's services as an organisation that takes part, on a database of its own; Ctrl-C stops it.

    RUTA_DATABASE_URL names the PostgreSQL to use, as a user who may make a database; without it a private one is
    started under RUTA_STATE.

    Parameters
    ----------
    service
        Which one, such as `events`.
    credentials
        The file that the network handed the organisation.
    """
    from deploy.local import Stack
    from deploy.local.own import OwnService

    with Stack(database_only=True) as stack, OwnService(stack, service, credentials) as own:
        print(f"{own.organisation} runs {service}; Ctrl-C stops it.", flush=True)
        _wait_for_the_end()


@app.command
def test(*arguments: PassedOn) -> None:
    """Run every check and the whole suite; with arguments, only pytest with those.

    `--sequences N --seed S`: only whether N sequences of messages for each service end in batches as one by one.
    `--faults`: only the faults of servers, processes and clocks, those too that take too long for the suite.
    `--all`: everything, and every page of the console in both languages, on a telephone and on a computer.
    """
    from deploy.local import check

    raise SystemExit(check.run(arguments))


@app.command
def demo(
    *,
    scenario: Literal["years", "day"] = "years",
    once: bool = False,
    small: bool = False,
    json_: Annotated[Path | None, Parameter(name="--json")] = None,
) -> None:
    """Run the two published years person by person, or a busy day with faults on purpose; the proof at the end.

    Parameters
    ----------
    scenario
        `years`: what the centre has published, counted from single messages. `day`: five organisations, thousands of
        referrals through every state, mistakes of every kind.
    once
        Ask nothing, and stop everything at the end.
    small
        A part of it, for a first look.
    json_
        Write the result to this file, too.
    """
    from demo import main as run_demo

    raise SystemExit(run_demo(scenario=scenario, once=once, json_file=json_, small=small))


@app.command
def screenshots(folder: Path) -> None:
    """Take a picture of every page of the console in each of its states, in both languages and at two widths.

    What they show is invented, and the same each time.

    Parameters
    ----------
    folder
        Where to put them, as `STATE-LANGUAGE-WIDTH.png`.
    """
    warnings.filterwarnings("ignore", message="\\s*Eventlet is deprecated")  # known, see messaging/run.py
    from screens import pictures

    print(f"{pictures.take(folder)} pictures are in {folder}.")


@app.command(help_flags=[])
def contracts(*arguments: PassedOn) -> None:
    """`contracts explain CODE` says what a refusal means; `contracts check` fails where a contract breaks somebody."""
    become(MODULES["contracts"], arguments)


@app.command(help_flags=[])
def translate(*arguments: PassedOn) -> None:
    """Read and write other people's formats: `fhir-from`, `fhir-to`, `primero-from`, `primero-to`."""
    become(MODULES["translate"], arguments)


@app.command(help_flags=[])
def attendance(*arguments: PassedOn) -> None:
    """Send a jornada's attendance from a spreadsheet or a KoboToolbox file: `attendance import FILE …`."""
    _say_where_to(arguments)
    become(MODULES["attendance"], arguments)


@app.command(help_flags=[])
def receipt(*arguments: PassedOn) -> None:
    """Print the receipt of a consent, from its `consent.receipt_issued` message, as a page of HTML."""
    become(MODULES["receipt"], arguments)


@app.command(help_flags=[])
def directory(*arguments: PassedOn) -> None:
    """Bring a directory of services in, or write it out, as HSDS 3.0: `directory import | export`."""
    _say_where_to(arguments)
    with reading("referrals", arguments, commands=("export",)) as variables:
        raise SystemExit(run(MODULES["directory"], arguments, variables))


@app.command
def generate() -> None:
    """Write what the documents and the contracts' package say of the code, from the code; for whoever changes it."""
    warnings.filterwarnings("ignore", message="\\s*Eventlet is deprecated")  # known, see messaging/run.py
    if subprocess.run([sys.executable, "-P", "-m", "contracts", "generate"], cwd=ROOT, check=False).returncode:
        raise SystemExit(1)
    # Imported now: with the contracts as they are written.
    from deploy.local import generated, help_pages
    from hub.gateway.http import openapi

    for path, text in {**generated.stale(), **help_pages.stale(), **openapi.stale()}.items():
        path.write_text(text, encoding="utf-8")
        print(f"wrote {path.relative_to(ROOT)}")


@app.command(help_flags=[])
def report(*arguments: PassedOn) -> None:
    """Count what the network has done: `accountability | 5w | partners | unmet-needs`, for a period and a place."""
    with reading("reports", arguments, commands=("accountability", "5w", "partners", "unmet-needs")) as variables:
        raise SystemExit(run(MODULES["report"], arguments, variables))


@app.command(help_flags=[])
def why(*arguments: PassedOn) -> None:
    """Say where a message came in, what became of it and what it has caused: `why MESSAGE_ID`."""
    with reading("gateway", arguments) as variables:
        raise SystemExit(run(MODULES["why"], arguments, variables))


@app.command(help_flags=[])
def events(*arguments: PassedOn) -> None:
    """Follow or find what passes the hub, without what it says: `events tail | find`."""
    with reading("monitor", arguments) as variables:
        raise SystemExit(run(MODULES["events"], arguments, variables))


@app.command(help_flags=[])
def trace(*arguments: PassedOn) -> None:
    """Show what belongs together with a message, and what became of each: `trace ID`, or a referral's short code."""
    with reading("monitor", arguments) as variables:
        raise SystemExit(run(MODULES["events"], ("trace", *arguments), variables))


@app.command
def rebuild(
    reader: Literal["console"],
    *,
    afresh: Annotated[bool, Parameter(negative=())] = False,
    stop: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Fill the tables that a service only reads anew while everything runs: the others say their facts again.

    Shows how far it is until it is done; Ctrl-C ends that alone, and the same command shows it again. Two at once are
    one. Needs the network to run.

    Parameters
    ----------
    reader
        Whose tables: the console's, of cases, services, consents and triage. What staff have written stays as it is.
    afresh
        Empty the tables first, where what stands there may be wrong: meanwhile the pages show less.
    stop
        Give up what is under way; what has come stays.
    """
    from deploy.local import rebuilt

    with network_with(reader) as (state, address):
        if address is None or state.read_running() is None:
            raise OperatorError("The network does not run: `./ruta up` starts it.")
        with rebuilt.opened(address) as tables:
            if stop:
                print(tables.give_up())
                return
            print(tables.begin(afresh=afresh), flush=True)
            try:
                for line in tables.follow():
                    print(line, flush=True)
            except KeyboardInterrupt:
                print("It goes on: the same command shows how far it is.")


@app.command(help_flags=[])
def audit(*arguments: PassedOn) -> None:
    """Say whether the record of what was done and seen was changed, or search it: `audit verify | search`."""
    with reading("gateway", arguments, commands=("verify", "search")) as variables:
        raise SystemExit(run(MODULES["audit"], arguments, variables))


@app.command(help_flags=[])
def bench(*arguments: PassedOn) -> None:
    """Measure the services at their real work, and their runtime beside plain nameko, FastStream and the floor."""
    become(MODULES["bench"], arguments)


@app.command(help_flags=[])
def chaos(*arguments: PassedOn) -> None:
    """Let one fault after the other happen under load: what was lost or done twice, when it healed, who was told."""
    become(MODULES["chaos"], arguments)


def _record_stop(stack: "Stack") -> None:
    from deploy.local.trail import record
    from messaging.topology import GATEWAY

    try:
        record(stack.service_database_url(GATEWAY), stack.state, "network_stopped", "network")
    except OperatorError as error:  # it is stopped all the same
        logging.getLogger("ruta.up").warning("%s But it stops.", error)


def _wait_for_the_end() -> NoReturn:
    while True:
        time.sleep(1)  # not signal.pause(), which a signal that comes just before it does not end


def _say_where_to(arguments: Sequence[str]) -> None:
    """Say which network a command with credentials speaks to: theirs, whatever runs here."""
    from messaging import addresses

    words = [word for one in arguments for word in one.split("=", 1)]  # `--credentials FILE`, `--credentials=FILE`
    given = dict(pairwise(words))
    with contextlib.suppress(
        KeyError, TypeError, OSError, ValueError, addresses.AddressError
    ):  # the command says what is wrong
        handed = json.loads(Path(given["--credentials"]).read_text())
        hosts = ",".join(map(str, addresses.read(handed["amqp_url"], addresses.BROKER).hosts))
        print(f"ruta: sending as {handed['organisation']} to the network at {hosts}", file=sys.stderr)


def main() -> None:
    """Run the command line and exit; the exit code is 0 only when the command did what it says."""
    logging.basicConfig(level=logging.WARNING, format="ruta: %(message)s", stream=sys.stderr)
    logging.getLogger("ruta").setLevel(logging.INFO)
    for asked in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(asked, _unwind)
    try:
        app(sys.argv[1:])
    except OperatorError as error:
        _end(str(error))
    except KeyboardInterrupt:
        raise SystemExit(128 + signal.SIGINT) from None
    except BrokenPipeError:  # nobody reads what is printed any more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(128 + signal.SIGPIPE) from None
    except ModuleNotFoundError:
        raise  # the environment is damaged: whoever called us mends it
    except Exception as error:  # the last resort: one sentence instead of a traceback
        _end(_last_words(error))


def _last_words(error: Exception) -> str:
    """What to say of an error that nobody has foreseen: which file could not be had, or where its traceback stands."""
    if isinstance(error, OSError) and error.errno in NOT_OURS and error.filename is not None:
        return f"Cannot write or read {error.filename} ({error.strerror}); RUTA_STATE may name another place."
    state = State(default_directory())
    try:
        state.make()
        log = state.logs / "ruta.log"
        with log.open("a") as out:
            traceback.print_exception(error, file=out)
    except (OperatorError, OSError) as unwritable:
        return f"This should not have happened ({type(error).__name__}), and it cannot be written down: {unwritable}"
    return f"This should not have happened ({type(error).__name__}); {log} says where."


def _unwind(asked: int, _frame: Any) -> NoReturn:
    """Leave every `with` on the way out, once: a second signal must not cut short the stopping."""
    for again in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(again, signal.SIG_IGN)
    if asked == signal.SIGINT:
        raise KeyboardInterrupt
    raise SystemExit(128 + asked)


def _end(sentence: str) -> NoReturn:
    print(f"ruta: {sentence}", file=sys.stderr)
    raise SystemExit(1)
