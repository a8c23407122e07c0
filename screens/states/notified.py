"""What somebody, or an office, is told of by mail."""

from typing import Final

from screens.console import COORDINATOR, PARTNER
from screens.states.state import State, to
from screens.visiting import Hand

NOTICES: Final = "form[action='/avisos']"


def _notices(hand: Hand) -> None:
    hand.console.forget_notices()
    hand.go("/avisos")


def _notices_asked(hand: Hand) -> None:
    _notices(hand)
    hand.page.locator(f"{NOTICES} [value=all]").check()
    hand.page.locator(f"{NOTICES} [name=correo]").fill("nombre@organizacion.example")
    hand.press(f"{NOTICES} button")


def _notices_on(hand: Hand) -> None:
    _notices_asked(hand)
    hand.console.confirm_notices()
    hand.go("/avisos")


def _notices_wrong(hand: Hand) -> None:
    _notices(hand)
    hand.page.locator(f"{NOTICES} [value=all]").check()
    hand.press(f"{NOTICES} button")


def _notices_code_wrong(hand: Hand) -> None:
    _notices_asked(hand)
    hand.page.locator("[name=codigo]").fill("tres")
    hand.press("form[action='/avisos/codigo'] button")


OFFICE: Final = "form[method=post][action='/avisos/oficina']"


def _office_asked(hand: Hand) -> None:
    hand.console.forget_notices()
    hand.go("/avisos/oficina")
    hand.page.locator(f"{OFFICE} [value=digest]").check()
    hand.page.locator(f"{OFFICE} [name=correo]").fill("oficina@organizacion.example")
    hand.press(f"{OFFICE} button")


def _office_wrong(hand: Hand) -> None:
    hand.console.forget_notices()
    hand.go("/avisos/oficina")
    hand.page.locator(f"{OFFICE} [value=digest]").check()
    hand.press(f"{OFFICE} button")


def _office_code_wrong(hand: Hand) -> None:
    _office_asked(hand)
    hand.page.locator("[name=codigo]").fill("tres")
    hand.press("form[action='/avisos/oficina/codigo'] button")


STATES: Final = (
    State("notices", "notices", PARTNER, _notices),
    State("notices", "notices_asked", PARTNER, _notices_asked),
    State("notices", "notices_on", PARTNER, _notices_on),
    State("notices", "notices_wrong", PARTNER, _notices_wrong, is_refused=True),
    State("office", "office", COORDINATOR, to("/avisos/oficina")),
    State("office", "office_asked", COORDINATOR, _office_asked),
    State("office", "office_wrong", COORDINATOR, _office_wrong, is_refused=True),
    State("office_code", "office_code_wrong", COORDINATOR, _office_code_wrong, is_refused=True),
    State("notices_code", "notices_code_wrong", PARTNER, _notices_code_wrong, is_refused=True),
)
