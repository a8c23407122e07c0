"""The command `./ruta replay …`; what it does is in deploy/local/replaying.py."""

import sys
from typing import Annotated
from uuid import UUID

from cyclopts import App, Parameter

from deploy.local.state import State, default_directory

AsJson = Annotated[bool, Parameter(name="--json", negative=())]
Flag = Annotated[bool, Parameter(negative=())]

HELP = """
Have what services published said again, by contract, organisation and time.

A dry run unless --run: as far as outboxes still keep it, two days (RUTA_OUTBOX_KEEP). It is for readers whose copy was
lost, and for new ones. Whoever has a message in its inbox drops it as a repeat, and applies nothing twice: where a
reader has to apply again what it knows, `./ruta rebuild` is the way. What speaks of people who were erased is left out.
Above 1,000 messages another person confirms it, or one does it --alone, slowly.

Exits with 1 when something is left: it goes on, waits for another person, was stopped, or is kept no longer.
"""
app = App(name="replay", help=HELP)


@app.default
def replay(
    *,
    contract: str | None = None,
    organisation: str | None = None,
    since: str | None = None,
    until: str | None = None,
    dry_run: Flag = False,
    run: Flag = False,
    why: str = "",
    rate: int = 100,
    alone: Flag = False,
    confirm: UUID | None = None,
    yes: Flag = False,
    json_: AsJson = False,
) -> None:
    """Have what services published said again, as HELP says.

    Parameters
    ----------
    contract
        This one, with its version.
    organisation
        Only what is for this one, or is said by it; `hub`: what the hub says for itself to everybody.
    since
        Published since then: a time in Colombia as 2026-11-28T07:00, or so long ago as 90m, 8h or 2d.
    until
        Published before that; now, where it is not said.
    dry_run
        Say how many they are and bind them, and nothing more, as without --run.
    run
        Have them said, after asking; above 1,000 it waits for another person then.
    why
        Why, for those who come later; it names nobody.
    rate
        Messages a second, of all services together; 1,000 at most, and 100 of more than 1,000 alone.
    alone
        Wait for no second person; it is shown until somebody else has looked at it.
    confirm
        Start what another person has asked for, with their reason and at their rate.
    yes
        Do not ask.
    json_
        Print it as one JSON object.
    """
    from deploy.local import replaying
    from deploy.local.operator_error import OperatorError

    if dry_run and (run or confirm):
        raise OperatorError("Either --dry-run, or --run or --confirm.")
    state = State(default_directory())

    def ask(question: str) -> bool:
        return yes or _ask(question)

    if confirm is not None:
        raise SystemExit(replaying.confirm(state, confirm, as_json=json_, ask=ask))
    raise SystemExit(
        replaying.run(
            state,
            contract=contract,
            organisation=organisation,
            since=since,
            until=until,
            starts=run,
            why=why,
            rate=rate,
            alone=alone,
            as_json=json_,
            ask=ask,
        )
    )


@app.command
def operation(operation_id: UUID, *, json_: AsJson = False) -> None:
    """Show how far a replay is, and what came of it; with --json of each message.

    Parameters
    ----------
    operation_id
        As its dry run has said it.
    json_
        Print it as one JSON object.
    """
    from deploy.local import replaying

    raise SystemExit(replaying.show(State(default_directory()), operation_id, as_json=json_))


@app.command
def stop(operation_id: UUID, *, json_: AsJson = False) -> None:
    """Stop a replay: what has not been said yet is not said.

    Parameters
    ----------
    operation_id
        As its dry run has said it.
    json_
        Print what came of it as one JSON object.
    """
    from deploy.local import replaying

    raise SystemExit(replaying.stop(State(default_directory()), operation_id, as_json=json_))


@app.command
def resume(operation_id: UUID, *, json_: AsJson = False) -> None:
    """Go on with a replay that was stopped: with what has not been said.

    Parameters
    ----------
    operation_id
        As its dry run has said it.
    json_
        Print how far it is as one JSON object.
    """
    from deploy.local import replaying

    raise SystemExit(replaying.resume(State(default_directory()), operation_id, as_json=json_))


@app.command
def review(operation_id: UUID, *, json_: AsJson = False) -> None:
    """Note that you have looked at a replay that somebody else has started alone.

    Parameters
    ----------
    operation_id
        As its dry run has said it.
    json_
        Print it as one JSON object.
    """
    from deploy.local import replaying

    raise SystemExit(replaying.review(State(default_directory()), operation_id, as_json=json_))


def _ask(question: str) -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty() and input(question).strip().lower() in ("y", "yes")
