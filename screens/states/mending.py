"""What failed, tried again or given back, and what is said once more."""

from collections.abc import Callable
from datetime import timedelta
from typing import Final

from screens import cases, frozen, operating
from screens.console import ADMINISTRATOR, OPERATOR
from screens.states.state import State
from screens.visiting import Hand


def _failures(hand: Hand) -> None:
    hand.console.failing.fail()
    hand.go("/fallos")


def _failures_none(hand: Hand) -> None:
    hand.console.see(8, operating.well)
    hand.console.failing.forget()
    hand.go("/fallos")


def _failures_away(hand: Hand) -> None:
    with hand.console.failing.away(), hand.console.delivered.away():
        hand.go("/fallos")


def _dry_run(act: str) -> Callable[[Hand], None]:
    def press(hand: Hand) -> None:
        _failures(hand)
        hand.press(f"form:has([value={act}]) button")

    return press


def _dry_run_wrong(hand: Hand) -> None:
    _dry_run("retry")(hand)
    hand.choose(motivo="program_mended")
    hand.send(referencia="Inés")


def _dry_run_changed(hand: Hand) -> None:
    _dry_run("retry")(hand)
    hand.console.failing.forget_messages()
    hand.choose(motivo="program_mended")
    hand.send()


def _operation(*results: str) -> Callable[[Hand], None]:
    """Look what came of what Inés has started, of each message."""

    def look(hand: Hand) -> None:
        by = hand.console.people[OPERATOR.login].code
        hand.go(f"/operacion/{hand.console.failing.begin(f'staff:{by}', *results)}")

    return look


def _operation_unseen(hand: Hand) -> None:
    with hand.console.failing.away():
        hand.go(f"/operacion/{cases.an_id('nothing')}")


def _replays(hand: Hand) -> None:
    hand.console.failing.forget()
    hand.go("/repeticiones")


def _replays_wrong(hand: Hand) -> None:
    _replays(hand)
    hand.choose(contrato="referral.status.v1")
    hand.send(desde="2026-11-02T10:00", hasta="2026-11-02T09:00")


def _replays_of_a_week(hand: Hand) -> None:
    hand.console.failing.replay(1204, {"said": 1204}, started_by=_other(hand), alone=True)
    hand.go("/repeticiones")


def _replay_dry_run(many: int) -> Callable[[Hand], None]:
    def plan(hand: Hand) -> None:
        hand.console.failing.publish(many)
        hand.go("/repeticiones")
        hand.choose(contrato="referral.status.v1", organizacion="redcross")
        since, until = (f"{frozen.NOW - timedelta(hours=ago):%Y-%m-%dT%H:%M}" for ago in (5, 1))
        hand.send(desde=since, hasta=until)

    return plan


def _replay_wrong(hand: Hand) -> None:
    _replay_dry_run(1204)(hand)
    hand.page.fill("main [name=razon]", "cédula 1234567")
    hand.press("main [name=acto][value=sola] ~ .acts button")


def _replay(many: int, *, asked: bool = False, alone: bool = False, **results: int) -> Callable[[Hand], None]:
    """Look at what somebody else has asked for, or started."""

    def look(hand: Hand) -> None:
        by = _other(hand)
        id = hand.console.failing.replay(many, results, by if asked else "", "" if asked else by, alone)
        hand.go(f"/repeticiones/{id}")

    return look


def _replay_unseen(hand: Hand) -> None:
    with hand.console.failing.away():
        hand.go(f"/repeticiones/{cases.an_id('nothing')}")


def _other(hand: Hand) -> str:
    return f"staff:{hand.console.people[ADMINISTRATOR.login].code}"


STATES: Final = (
    State("failures", "failures", OPERATOR, _failures),
    State("failures", "failures_none", OPERATOR, _failures_none),
    State("failures", "failures_away", OPERATOR, _failures_away),
    State("operation", "dry_run", OPERATOR, _dry_run("retry")),
    State("operation", "dry_run_give_back", OPERATOR, _dry_run("give_back")),
    State("operation", "dry_run_wrong", OPERATOR, _dry_run_wrong, is_refused=True),
    State("operation", "dry_run_changed", OPERATOR, _dry_run_changed, is_refused=True),
    State("operation", "operation_goes_on", OPERATOR, _operation("applied", "refused", "")),
    State("operation", "operation", OPERATOR, _operation("applied", "refused", "quarantined")),
    State("operation", "operation_unseen", OPERATOR, _operation_unseen),
    State("replays", "replays", OPERATOR, _replays),
    State("replays", "replays_wrong", OPERATOR, _replays_wrong, is_refused=True),
    State("replays", "replays_of_a_week", OPERATOR, _replays_of_a_week),
    State("replay", "replay_dry_run", OPERATOR, _replay_dry_run(204)),
    State("replay", "replay_dry_run_of_many", OPERATOR, _replay_dry_run(1204)),
    State("replay", "replay_wrong", OPERATOR, _replay_wrong, is_refused=True),
    State("replay", "replay_asked", OPERATOR, _replay(1204, asked=True)),
    State("replay", "replay_goes_on", OPERATOR, _replay(204, said=120, erased=3)),
    State("replay", "replay_stopped", OPERATOR, _replay(204, said=150, expired=4, stopped=50)),
    State("replay", "replay_alone", OPERATOR, _replay(1204, alone=True, said=1204)),
    State("replay", "replay_unseen", OPERATOR, _replay_unseen),
)
