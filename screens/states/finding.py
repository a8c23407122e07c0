"""Looking for a case: by a code, by a name, in a list that is narrowed, and in one that was kept."""

from collections.abc import Callable
from typing import Final

from screens import cases
from screens.console import AUDITOR, COORDINATOR, PARTNER, PIN, SHARING, short_codes
from screens.states.entering import LOCK
from screens.states.state import State, to
from screens.visiting import Hand


def _search(words: str) -> Callable[[Hand], None]:
    def search(hand: Hand) -> None:
        hand.go("/buscar")
        hand.search(words)

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
    hand.search("K7M2-4XQD")
    hand.send(pin=PIN)


def _found_away(hand: Hand) -> None:
    hand.console.have_custody_away()
    _search("Marcano")(hand)


def _views_kept(hand: Hand) -> None:
    hand.console.forget_views()
    for name, asked in (("Vacunas sin cita", "necesidad=health.vaccination"), ("Vencidas", "estado=expired")):
        hand.go(f"/referencias/vistas?{asked}")
        hand.send(nombre=name)


def _views_wrong(hand: Hand) -> None:
    _views_kept(hand)
    hand.go("/referencias/vistas")
    hand.send(nombre="Un nombre de vista que tiene más de cuarenta letras")


def _then(reach: Callable[[Hand], None], path: str) -> Callable[[Hand], None]:
    def do(hand: Hand) -> None:
        reach(hand)
        hand.go(path)

    return do


STATES: Final = (
    State("search", "search", PARTNER, to("/buscar")),
    State("search", "search_kept", None, _kept),
    State("found", "found_nothing", PARTNER, _search("0000-0000")),
    State("found", "found_several", COORDINATOR, _search(*short_codes(cases.SAME_CODE[0]))),
    State("found", "found_people", PARTNER, _search("Marcano")),
    State("found", "found_away", PARTNER, _found_away),
    State("referrals", "referrals", COORDINATOR, to("/referencias")),
    State("referrals", "referrals_received", PARTNER, to("/referencias?parte=recibidas")),
    State("referrals", "referrals_none", AUDITOR, to("/referencias?estado=no_show")),
    State("referrals", "referrals_kept", AUDITOR, _views_kept),
    State("views", "views", PARTNER, to("/referencias/vistas?parte=recibidas&estado=received")),
    State("views", "views_kept", AUDITOR, _then(_views_kept, "/referencias/vistas")),
    State("views", "views_wrong", AUDITOR, _views_wrong, is_refused=True),
)
