"""The commands `./ruta failures …` and `./ruta queue`; what they do is in deploy/local/mending.py."""

import sys
from typing import Annotated
from uuid import UUID

from cyclopts import App, Parameter

from deploy.local.state import State, default_directory

AsJson = Annotated[bool, Parameter(name="--json", negative=())]
Ids = Annotated[list[int] | None, Parameter(name="--id", negative=())]

app = App(name="failures", help="See what failed in the services, have it tried again, or give it back to its senders.")


@app.default
def show(
    *, service: str | None = None, contract: str | None = None, reason: str | None = None, json_: AsJson = False
) -> None:
    """Show what is parked, in groups with one cause: by service, contract, reason and place of the error.

    Exits with 1 when a person has to act.

    Parameters
    ----------
    service
        Only of this one.
    contract
        Only this one, with its version.
    reason
        Only what is parked by this code, such as `failed`.
    json_
        Print it as one JSON object.
    """
    from deploy.local import mending
    from hub.monitor.mending.failures import Cause

    raise SystemExit(mending.show(State(default_directory()), Cause(service, contract, reason), as_json=json_))


@app.command
def retry(
    *,
    reason: str,
    service: str | None = None,
    contract: str | None = None,
    code: str | None = None,
    error: str | None = None,
    ids: Ids = None,
    yes: Annotated[bool, Parameter(negative=())] = False,
    json_: AsJson = False,
) -> None:
    """Have quarantined messages tried again, all of a group or those with these ids; a dry run first.

    Exits with 1 when something stays: it failed again, still waits, or was not done.

    Parameters
    ----------
    reason
        Why, for those who come later; it names nobody.
    service
        Only of this one.
    contract
        Only this one, with its version.
    code
        Only what is parked by this code, such as `failed`.
    error
        Only with this place of the error, as `failures` shows it.
    ids
        Only this one, by `parked_id`; may be given several times, with --service.
    yes
        Do not ask.
    json_
        Print what came of it as one JSON object.
    """
    from deploy.local import mending
    from hub.monitor.mending.failures import Cause

    cause = Cause(service, contract, code, error)
    raise SystemExit(
        mending.act(State(default_directory()), "retry", cause, ids or (), reason, yes=yes, as_json=json_, ask=_ask)
    )


@app.command
def give_back(
    *,
    reason: str,
    service: str | None = None,
    contract: str | None = None,
    code: str | None = None,
    error: str | None = None,
    ids: Ids = None,
    yes: Annotated[bool, Parameter(negative=())] = False,
    json_: AsJson = False,
) -> None:
    """Refuse quarantined messages to their senders by the code `given_back`, as `retry` has them tried again.

    Parameters
    ----------
    reason
        Why, for those who come later; it names nobody, and its sender is not told.
    service
        Only of this one.
    contract
        Only this one, with its version.
    code
        Only what is parked by this code, such as `failed`.
    error
        Only with this place of the error, as `failures` shows it.
    ids
        Only this one, by `parked_id`; may be given several times, with --service.
    yes
        Do not ask.
    json_
        Print what came of it as one JSON object.
    """
    from deploy.local import mending
    from hub.monitor.mending.failures import Cause

    cause = Cause(service, contract, code, error)
    raise SystemExit(
        mending.act(State(default_directory()), "give_back", cause, ids or (), reason, yes=yes, as_json=json_, ask=_ask)
    )


@app.command
def operation(operation_id: UUID, *, json_: AsJson = False) -> None:
    """Show how far an operation is, and what came of it; with --json of each message that was parked.

    Parameters
    ----------
    operation_id
        As `retry`, `give-back` and `./ruta repair` have said it.
    json_
        Print it as one JSON object.
    """
    from deploy.local import mending

    raise SystemExit(mending.look(State(default_directory()), operation_id, as_json=json_))


@app.command
def stop(operation_id: UUID, *, json_: AsJson = False) -> None:
    """Stop an operation: what it has not come to lies as it did before.

    Parameters
    ----------
    operation_id
        As `retry` and `give-back` have said it.
    json_
        Print what came of it as one JSON object.
    """
    from deploy.local import mending

    raise SystemExit(mending.stop(State(default_directory()), operation_id, as_json=json_))


def queue(name: str | None = None, *, json_: AsJson = False) -> None:
    """Show what stands in the queues, who reads them, how much room is left, and what goes in and out.

    The age of the oldest message is told of services' queues, by the message log: where that is away or behind, and of
    all other queues, there is no data.

    Parameters
    ----------
    name
        Only queues with this in their names.
    json_
        Print it as one JSON object.
    """
    from deploy.local import mending

    raise SystemExit(mending.show_queues(State(default_directory()), name, as_json=json_))


def _ask(question: str) -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty() and input(question).strip().lower() in ("y", "yes")


def reconcile(
    *,
    say_again: Annotated[bool, Parameter(negative=())] = False,
    why: str = "",
    yes: Annotated[bool, Parameter(negative=())] = False,
    json_: AsJson = False,
) -> None:
    """Name what was published and never came: a queue was purged or deleted, or a row was lost.

    Exits with 1 while something is lost, or a database cannot be seen, or not all was compared: of an outbox of which
    5,000 messages have not come it reads no further. Have these said again, then run it again.

    Parameters
    ----------
    say_again
        Have it said again from the outboxes, after showing what; a queue that is missing is made first. What is in no
        outbox, its sender is asked for.
    why
        Why, for the audit, which has its digest; it names nobody.
    yes
        Do not ask.
    json_
        Print it as one JSON object.
    """
    from deploy.local import reconciled

    def ask(question: str) -> bool:
        return sys.stdin.isatty() and sys.stdout.isatty() and input(question).strip().lower() in ("y", "yes")

    state = State(default_directory())
    raise SystemExit(reconciled.run(state, say_again=say_again, why=why, yes=yes, as_json=json_, ask=ask))
