"""What an operator types at three in the morning, with each server away: it ends, and names what it cannot see."""

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final

import pytest

from deploy.local import Network
from messaging.topology import MONITOR
from tests.commands import ruta
from tests.faults.down import ended, frozen, shut
from tests.faults.test_problems import hub as hub
from tests.waiting import eventually

ENDS_WITHIN: Final = 60.0  # seconds, of a machine on which they all run side by side; one alone takes a quarter of that
AT_ONCE: Final = 4
UNKNOWN: Final = "0192e9a0-0000-7000-8000-000000000000"
JSON: Final = "--json"
WHY: Final = ("--why", "a queue was missing")

COMMANDS: Final[Mapping[str, tuple[str, ...]]] = {
    "events tail": ("events", "tail", "--once"),
    "events find": ("events", "find", "--organisation", "redcross", "--code", "not_a_party", "--since", "1h"),
    "trace": ("trace", UNKNOWN),
    "why": ("why", UNKNOWN),
    "queue": ("queue",),
    "failures": ("failures",),
    "failures retry": ("failures", "retry", "--reason", "the fault was mended", "--service", "intake"),
    "failures operation": ("failures", "operation", UNKNOWN),
    "replay": ("replay", "--contract", "referral.status.v1", "--since", "1h"),
    "replay operation": ("replay", "operation", UNKNOWN),
    "reconcile": ("reconcile",),
    "repair": ("repair", "--dry-run"),
    "repair --why": ("repair", "--dry-run", *WHY),
    "repair --operation": ("repair", "--operation", UNKNOWN),
    "alerts": ("alerts",),
    "help": ("help", "database_away"),
    "status": ("status",),
    "changes": ("changes",),
    "audit verify": ("audit", "verify"),
}
TEXT_ALONE: Final = ("help",)
"""What has no `--json`."""


@dataclass(frozen=True)
class Told:
    """What a command has to say: on which side, and with which code it ends."""

    code: int
    words: str
    err: bool = False
    data: str = ""
    """With `--json`, in place of words on standard output: a part of the object."""


LOG_UNSEEN: Final = Told(2, "The message log cannot be read", err=True)
WELL: Final = Told(0, "")
UNKNOWN_TO_LOG: Final = Told(1, "Nothing is known of it in the log.")
NONE_TO_PUT_BACK: Final = Told(0, "There is nothing of the kind to be put back.")
NO_OPERATION: Final = Told(1, "There is no such operation", err=True)
HELP: Final = Told(0, "First command:")
WITHOUT_DATABASE: Final[Mapping[str, Told]] = {
    "events tail": LOG_UNSEEN,
    "events find": LOG_UNSEEN,
    "trace": LOG_UNSEEN,
    "why": Told(2, "The gateway's database cannot be read", err=True),
    "queue": Told(0, "unrouted", data="unrouted"),
    "failures": Told(1, "Not seen: intake", data='"unseen": {"intake": '),
    "failures retry": Told(1, "Nothing was done there; run it again (intake)", err=True),
    "failures operation": Told(1, "The database does not answer", err=True),
    "replay": Told(1, "The database does not answer. Nothing was done there; run it again (", err=True),
    "replay operation": Told(1, "referrals", err=True),
    "reconcile": Told(1, "Not seen: intake", data='"unseen": {"intake": '),
    "repair": Told(0, "This was a dry run: nothing was changed.", data='"made_again": []'),
    "repair --why": NONE_TO_PUT_BACK,
    "repair --operation": Told(1, "The gateway's database does not answer", err=True),
    "alerts": Told(1, "database_away: ", data='"name": "database_away"'),
    "help": HELP,
    "status": Told(
        1, "The database of intake, referrals, events, employment, reports, console and gateway", data='"intake": null'
    ),
    "changes": Told(0, "Not read: database gateway", data="database gateway"),
    "audit verify": Told(2, "database cannot be read", err=True),
}
WITHOUT_BROKER: Final[Mapping[str, Told]] = {
    "events tail": WELL,
    "events find": Told(0, "Nothing of the kind is in the log.", data='"messages": []'),
    "trace": UNKNOWN_TO_LOG,
    "why": Told(1, "Nothing is known", data='"came": []'),
    "queue": Told(1, "`./ruta status` says more", err=True),
    "failures": Told(0, "Nothing is parked.", data='"groups": []'),
    "failures retry": Told(0, "There is nothing of the kind.", data='"selected": 0'),
    "failures operation": NO_OPERATION,
    "replay": Told(0, "Dry run ", data='"act": "replay"'),
    "replay operation": NO_OPERATION,
    "reconcile": Told(1, "`./ruta status` says more", err=True),
    "repair": Told(1, "run it again", err=True),
    "repair --why": Told(1, "run it again", err=True),
    "repair --operation": NO_OPERATION,
    "alerts": Told(1, "broker_away: ", data='"name": "broker_away"'),
    "help": HELP,
    "status": Told(1, "management interface", data='"queues": null'),
    "changes": WELL,
    "audit verify": WELL,
}
WITHOUT_LOG: Final[Mapping[str, Told]] = {
    **WITHOUT_BROKER,
    "events tail": LOG_UNSEEN,
    "events find": LOG_UNSEEN,
    "trace": LOG_UNSEEN,
    "queue": Told(0, "unrouted", data="unrouted"),
    "reconcile": Told(1, "Of what could be compared, all has come, or waits.", data='"unseen": {"monitor": '),
    "repair": Told(0, "This was a dry run: nothing was changed.", data='"made_again": []'),
    "repair --why": NONE_TO_PUT_BACK,
    "alerts": Told(1, "process_says: monitor says", data="whether all that was published has arrived"),
    "status": Told(1, "monitor says since", data='"what": "database"'),
}

SEEN_AS_WELL: Final = ("Nothing is wrong", "No alerts.", "All that was published has come", "Traceback")
NEVER: Final[Mapping[str, Sequence[str]]] = {
    "postgres": (
        *SEEN_AS_WELL,
        "Nothing is parked.",
        "Nothing is known",
        "Nothing of the kind is in the log",
        "There is no such operation",
        "Nobody waits",
    ),
    "rabbitmq": (*SEEN_AS_WELL, "Nothing to do", "nothing of the kind to be put back", "Nobody waits"),
    "log": (*SEEN_AS_WELL, "Nothing is known of it in the log", "Nothing of the kind is in the log"),
}
"""What would be said of what was not seen: nobody reads it as that."""

Away = Callable[[Network], AbstractContextManager[None]]


@contextlib.contextmanager
def log_is_missed(hub: Network) -> Iterator[None]:
    """The log's database lets nobody in, and who writes the log has met that."""
    with shut(hub, MONITOR):
        eventually(lambda: "monitor says since" in ruta(hub.stack.state, "status").stdout)
        yield


AWAY: Final[Mapping[str, tuple[Away, Mapping[str, Told], bool]]] = {
    "postgres stands": (lambda hub: frozen(hub, "postgres"), WITHOUT_DATABASE, False),
    "postgres has ended": (lambda hub: ended(hub, "postgres"), WITHOUT_DATABASE, True),
    "rabbitmq stands": (lambda hub: frozen(hub, "rabbitmq"), WITHOUT_BROKER, False),
    "rabbitmq has ended": (lambda hub: ended(hub, "rabbitmq"), WITHOUT_BROKER, True),
    "log lets nobody in": (log_is_missed, WITHOUT_LOG, True),
}
"""How each is away, what commands have to say meanwhile, and whether they are asked for JSON as well."""


@pytest.mark.parametrize("name", AWAY)
def test_every_command_ends_and_names_what_it_cannot_see(hub: Network, name: str) -> None:
    is_away, told, in_json = AWAY[name]
    passwords = hub.stack.state.known_passwords().values()
    never = NEVER[name.split()[0]]
    assert told.keys() == COMMANDS.keys()

    def ask(asked: tuple[str, bool]) -> list[str]:
        """What is wrong with what a command has said."""
        command, as_json = asked
        began, wanted = time.monotonic(), told[command]
        done = ruta(hub.stack.state, *COMMANDS[command], *([JSON] if as_json else []))
        took, said = time.monotonic() - began, done.stdout + done.stderr
        side = done.stderr if wanted.err else done.stdout
        words = said if as_json and not wanted.err else side
        wrong = {
            f"ended with {done.returncode}": done.returncode != wanted.code,
            f"took {took:.0f} s": took > ENDS_WITHIN,
            f"does not say {wanted.words}": not as_json and _in_a_line(wanted.words) not in _in_a_line(side),
            f"does not say {wanted.data or wanted.words}": as_json
            and _in_a_line(wanted.data or wanted.words) not in _in_a_line(words),
            "printed what is no JSON": as_json and not _is_json(done.stdout, in_lines=command == "events tail"),
            "says that something should not have happened": "should not have happened" in done.stderr,
            "printed a password": any(one in said for one in passwords),
            **{f"says {one}": one in said for one in never},
        }
        form = f"{command}{f' {JSON}' if as_json else ''}"
        return [f"{form}: {what}\n{done.stdout[-600:]}\n{done.stderr[-600:]}" for what, is_so in wrong.items() if is_so]

    forms = [(one, as_json) for one in COMMANDS for as_json in (False, True) if not as_json or _has_json(one, in_json)]
    with is_away(hub), ThreadPoolExecutor(AT_ONCE) as shells:
        beside = [one for one in forms if not _repairs(one)]
        wrong = [one for found in shells.map(ask, beside) for one in found]
        # Of two at once the second does nothing; and what one has made for itself others would tell of as wrong.
        wrong += [one for form in forms if _repairs(form) for one in ask(form)]
    assert wrong == [], "\n\n".join(wrong)


def _repairs(form: tuple[str, bool]) -> bool:
    return COMMANDS[form[0]][0] == "repair"


def _has_json(command: str, in_json: bool) -> bool:
    return in_json and command not in TEXT_ALONE


def _in_a_line(said: str) -> str:
    return " ".join(said.split()).replace("{ ", "{")


def _is_json(said: str, *, in_lines: bool) -> bool:
    """Whether it is one object, or one in each line; nothing at all is for who reads standard error."""
    try:
        return all(json.loads(one) for one in (said.splitlines() if in_lines else [said] if said else []))
    except ValueError:
        return False
