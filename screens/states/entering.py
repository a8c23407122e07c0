"""Coming in: with a password, after a lock, for the first time, and by whom one is let in again who has lost it."""

from typing import Final

import pyotp

from screens import frozen
from screens.console import ADMINISTRATOR, LOST, NEWCOMER, PASSWORD, PIN, SECOND_ADMINISTRATOR, SHARING
from screens.states.state import State, to
from screens.visiting import Hand

LOCK: Final = "form[action='/bloquear'] button"


def _login_wrong(hand: Hand) -> None:
    hand.console.forget_attempts()
    hand.go("/entrar")
    hand.send(login="quien.sabe", password="tres palabras y otra", code="123456")


def _login_waits(hand: Hand) -> None:
    _login_wrong(hand)
    hand.console.slow_down(7)
    hand.send(login="quien.sabe", password="tres palabras y otra", code="123456")


def _login_shared(hand: Hand) -> None:
    _lock(hand)
    hand.go("/entrar")


def _lock(hand: Hand) -> None:
    hand.come_in(SHARING)
    hand.press(LOCK)


def _unlock_wrong(hand: Hand) -> None:
    _lock(hand)
    hand.send(pin="111222")


def _enrolment_wrong(hand: Hand) -> None:
    hand.go("/alta")
    hand.send(code="ABCD-EFGH-JKLM-NPQR")


def _enrolment_form(hand: Hand) -> None:
    enrolment = hand.console.invite(NEWCOMER)
    hand.go("/alta")
    hand.send(code=enrolment)


def _enrolment_form_wrong(hand: Hand) -> None:
    _enrolment_form(hand)
    hand.send(password="corta", password_again="otra", pin="111111", pin_again="222222", code="000000")


def _enrolled(hand: Hand) -> None:
    _enrolment_form(hand)
    code = pyotp.TOTP(frozen.SECRET).now()
    hand.send(password=PASSWORD, password_again=PASSWORD, pin=PIN, pin_again=PIN, code=code)


def _recovery(hand: Hand) -> None:
    hand.console.forget_recoveries()
    hand.go("/recuperar")


def _recovery_waits(hand: Hand) -> None:
    hand.console.ask_recovery(LOST, by=SECOND_ADMINISTRATOR)
    hand.go("/recuperar")


def _recovery_asked(hand: Hand) -> None:
    _recovery(hand)
    hand.send(staff=hand.console.people[LOST.login].code)


def _recovery_granted(hand: Hand) -> None:
    _recovery_waits(hand)
    hand.send(staff=hand.console.people[LOST.login].code)


def _recovery_wrong(hand: Hand) -> None:
    _recovery(hand)
    hand.send(staff="s-quien-sabe")


STATES: Final = (
    State("login", "login", None, to("/entrar")),
    State("login", "login_wrong", None, _login_wrong, is_refused=True),
    State("login", "login_waits", None, _login_waits, is_refused=True),
    State("login", "login_shared", None, _login_shared),
    State("unlock", "unlock", None, _lock),
    State("unlock", "unlock_wrong", None, _unlock_wrong, is_refused=True),
    State("enrolment", "enrolment", None, to("/alta")),
    State("enrolment", "enrolment_wrong", None, _enrolment_wrong, is_refused=True),
    State("enrolment_form", "enrolment_form", None, _enrolment_form),
    State("enrolment_form", "enrolment_form_wrong", None, _enrolment_form_wrong, is_refused=True),
    State("enrolment_form", "enrolled", None, _enrolled),
    State("recovery", "recovery", ADMINISTRATOR, _recovery),
    State("recovery", "recovery_waits", ADMINISTRATOR, _recovery_waits),
    State("recovery", "recovery_asked", ADMINISTRATOR, _recovery_asked),
    State("recovery", "recovery_granted", ADMINISTRATOR, _recovery_granted),
    State("recovery", "recovery_wrong", ADMINISTRATOR, _recovery_wrong, is_refused=True),
)
