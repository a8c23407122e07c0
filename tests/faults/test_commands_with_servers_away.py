"""What an operator types at three in the morning, with each server away: it ends, and names what it cannot see."""

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final

import pytest

from deploy.local import Network
from tests.commands import ruta
from tests.faults.down import frozen
from tests.faults.test_problems import hub as hub

ENDS_WITHIN: Final = 60.0  # seconds, of a machine on which they all run side by side; one alone takes a quarter of that
AT_ONCE: Final = 4
UNKNOWN: Final = "0192e9a0-0000-7000-8000-000000000000"

COMMANDS: Final[Mapping[str, tuple[str, ...]]] = {
    "events tail": ("events", "tail", "--once"),
    "trace": ("trace", UNKNOWN),
    "why": ("why", UNKNOWN),
    "queue": ("queue",),
    "failures": ("failures",),
    "failures retry": ("failures", "retry", "--reason", "the fault was mended", "--service", "intake"),
    "failures operation": ("failures", "operation", UNKNOWN),
    "replay operation": ("replay", "operation", UNKNOWN),
    "reconcile": ("reconcile",),
    "repair": ("repair", "--dry-run"),
    "alerts": ("alerts",),
    "status": ("status",),
    "changes": ("changes",),
    "audit verify": ("audit", "verify"),
}


@dataclass(frozen=True)
class Told:
    """What a command has to say: on which side, and with which code it ends."""

    code: int
    words: str
    err: bool = False


LOG_UNSEEN: Final = Told(2, "The message log cannot be read", err=True)
WELL: Final = Told(0, "")
WITHOUT_DATABASE: Final[Mapping[str, Told]] = {
    "events tail": LOG_UNSEEN,
    "trace": LOG_UNSEEN,
    "why": Told(2, "The gateway's database cannot be read", err=True),
    "queue": Told(0, "unrouted"),
    "failures": Told(1, "Not seen: intake"),
    "failures retry": Told(1, "Nothing was done there; run it again (intake)", err=True),
    "failures operation": Told(1, "The database does not answer", err=True),
    "replay operation": Told(1, "referrals", err=True),
    "reconcile": Told(1, "The database of intake", err=True),
    "repair": Told(0, "This was a dry run: nothing was changed."),
    "alerts": Told(1, "database_away: "),
    "status": Told(1, "The database of intake, referrals, events, employment, reports, console and gateway"),
    "changes": Told(0, "Not read: database gateway"),
    "audit verify": Told(2, "database cannot be read", err=True),
}
WITHOUT_BROKER: Final[Mapping[str, Told]] = {
    "events tail": WELL,
    "trace": Told(1, "Nothing is known of it in the log."),
    "why": Told(1, "Nothing is known"),
    "queue": Told(1, "`./ruta status` says more", err=True),
    "failures": Told(0, "Nothing is parked."),
    "failures retry": Told(0, "There is nothing of the kind."),
    "failures operation": Told(1, "There is no such operation", err=True),
    "replay operation": Told(1, "There is no such operation", err=True),
    "reconcile": Told(1, "`./ruta status` says more", err=True),
    "repair": Told(1, "run it again", err=True),
    "alerts": Told(1, "broker_away: "),
    "status": Told(1, "management interface"),
    "changes": WELL,
    "audit verify": WELL,
}

Away = Callable[[Network], AbstractContextManager[None]]
AWAY: Final[Mapping[str, tuple[Away, Mapping[str, Told]]]] = {
    "postgres stands": (lambda hub: frozen(hub, "postgres"), WITHOUT_DATABASE),
    "rabbitmq stands": (lambda hub: frozen(hub, "rabbitmq"), WITHOUT_BROKER),
}


@pytest.fixture(params=AWAY)
def away(hub: Network, request: pytest.FixtureRequest) -> Iterator[Mapping[str, Told]]:
    """What each command has to say while that is away."""
    is_away, told = AWAY[request.param]
    with is_away(hub):
        yield told


def test_every_command_ends_and_names_what_it_cannot_see(hub: Network, away: Mapping[str, Told]) -> None:
    def ask(name: str) -> list[str]:
        """What is wrong with what a command has said."""
        began = time.monotonic()
        done = ruta(hub.stack.state, *COMMANDS[name])
        took, wanted = time.monotonic() - began, away[name]
        said = done.stderr if wanted.err else done.stdout
        wrong = {
            f"ended with {done.returncode}": done.returncode != wanted.code,
            f"took {took:.0f} s": took > ENDS_WITHIN,
            f"does not say {wanted.words}": " ".join(wanted.words.split()) not in " ".join(said.split()),
            "printed a traceback": "Traceback" in done.stderr or "should not have happened" in done.stderr,
            "printed a password": any(one in done.stdout + done.stderr for one in passwords),
        }
        return [f"{name}: {what}\n{done.stdout[-600:]}\n{done.stderr[-600:]}" for what, is_so in wrong.items() if is_so]

    passwords = hub.stack.state.known_passwords().values()
    assert away.keys() == COMMANDS.keys()
    with ThreadPoolExecutor(AT_ONCE) as shells:
        wrong = [one for found in shells.map(ask, COMMANDS) for one in found]
    assert wrong == [], "\n\n".join(wrong)
