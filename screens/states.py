"""Every state of every page: who has come in, and what they do until it is there."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import pyotp

from screens import cases, frozen
from screens.console import (
    ADMINISTRATOR,
    AUDITOR,
    COORDINATOR,
    IDLE,
    LOST,
    NEWCOMER,
    PARTNER,
    PASSWORD,
    PIN,
    SECOND_ADMINISTRATOR,
    SHARING,
    Person,
    path_of,
    short_codes,
)
from screens.visiting import Hand

LOCK: Final = "form[action='/bloquear'] button"
NO_PAGES: Final = {"logout", "lock", "language", "enrolment_qr", "referrals_file"}
"""What only leads to another page, is a picture on one, or a file."""


@dataclass(frozen=True)
class State:
    """A page as it can be."""

    screen: str
    """Which page, as hub/console/web/permissions.py names it."""
    name: str
    who: Person | None
    reach: Callable[[Hand], None]
    is_refused: bool = False
    """Whether it shows what is wrong with a form that was sent."""


def to(path: str) -> Callable[[Hand], None]:
    """Open a page, and do no more."""
    return lambda hand: hand.go(path)


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


def _search(words: str) -> Callable[[Hand], None]:
    def search(hand: Hand) -> None:
        hand.go("/buscar")
        hand.send(q=words)

    return search


def _kept(hand: Hand) -> None:
    """What was typed when the session was locked in another tab."""
    hand.come_in(SHARING)
    hand.go("/buscar")
    other = hand.page.context.new_page()
    other.goto(f"{hand.console.address}/")
    with other.expect_navigation():
        other.locator(LOCK).click()
    other.close()
    hand.send(q="K7M2-4XQD")
    hand.send(pin=PIN)


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
    State("home", "home", COORDINATOR, to("/")),
    State("home", "home_few_codes", IDLE, to("/")),
    State("today", "today_coordinator", COORDINATOR, to("/hoy")),
    State("today", "today_partner", PARTNER, to("/hoy")),
    State("today", "today_nothing", IDLE, to("/hoy")),
    State("search", "search", PARTNER, to("/buscar")),
    State("search", "search_kept", None, _kept),
    State("found", "found_nothing", PARTNER, _search("0000-0000")),
    State("found", "found_several", COORDINATOR, _search(*short_codes(cases.SAME_CODE[0]))),
    State("referrals", "referrals", COORDINATOR, to("/referencias")),
    State("referrals", "referrals_received", PARTNER, to("/referencias?parte=recibidas")),
    State("referrals", "referrals_none", AUDITOR, to("/referencias?estado=no_show")),
    State("case", "case_late", COORDINATOR, to(path_of(cases.LATE))),
    State("case", "case_asked", PARTNER, to(path_of(cases.ASKED))),
    State("case", "case_onward", COORDINATOR, to(path_of(cases.ONWARD))),
    State("case", "case_done", PARTNER, to(path_of(cases.DONE))),
    State("recovery", "recovery", ADMINISTRATOR, _recovery),
    State("recovery", "recovery_waits", ADMINISTRATOR, _recovery_waits),
    State("recovery", "recovery_asked", ADMINISTRATOR, _recovery_asked),
    State("recovery", "recovery_granted", ADMINISTRATOR, _recovery_granted),
    State("recovery", "recovery_wrong", ADMINISTRATOR, _recovery_wrong, is_refused=True),
    State("nothing", "nothing", PARTNER, to("/no/existe")),
)
