"""The network while nobody can log in: by the account for emergencies."""

from collections.abc import Callable
from typing import Final

from screens import operating
from screens.states.state import State
from screens.visiting import Hand


def _nobody_logs_in(hand: Hand) -> None:
    hand.console.have_database_away()
    hand.go("/emergencia")


def _wrong(hand: Hand) -> None:
    _nobody_logs_in(hand)
    hand.send(code="0000-0000-0000-0000-0000")


def _look_at(path: str, seconds_ago: int = 8) -> Callable[[Hand], None]:
    """Look by that account at a page of the monitor, as somebody saw the network so long ago."""

    def look(hand: Hand) -> None:
        hand.console.look(8, "database_away")
        hand.console.see(seconds_ago, operating.database_away)
        code = hand.console.open_emergency()
        _nobody_logs_in(hand)
        hand.send(code=code)
        hand.go(path)

    return look


def _failures(hand: Hand) -> None:
    with hand.console.failing.away():
        _look_at("/fallos")(hand)


STATES: Final = (
    State("emergency", "emergency", None, _nobody_logs_in),
    State("emergency", "emergency_wrong", None, _wrong, is_refused=True),
    State("state", "state_emergency", None, _look_at("/estado")),
    State("queues", "queues_emergency", None, _look_at("/colas")),
    State("waits", "waits_emergency", None, _look_at("/en-espera", 12)),
    State("organisations", "organisations_emergency", None, _look_at("/organizaciones")),
    State("alerts", "alerts_emergency", None, _look_at("/alertas")),
    State("failures", "failures_emergency", None, _failures),
)
