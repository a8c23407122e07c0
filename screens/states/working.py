"""What somebody has to do: the first page, today, its lists, the agenda, whose a case is, and who stands in."""

from typing import Final

from screens import cases, frozen
from screens.console import COLLEAGUE, COORDINATOR, IDLE, PARTNER, path_of
from screens.states.state import State, to
from screens.visiting import Hand


def _filled_anew(hand: Hand) -> None:
    hand.console.fill_anew()
    hand.go("/hoy")


def _behind(hand: Hand) -> None:
    hand.console.fall_behind()
    hand.go("/hoy")


def _absence(hand: Hand) -> None:
    hand.console.forget_absences()
    hand.go("/ausencia")


def _absence_wrong(hand: Hand) -> None:
    _absence(hand)
    hand.page.select_option("main [name=colega]", hand.console.people[PARTNER.login].code)
    hand.send(hasta="2020-01-01")


def _stands_in(hand: Hand) -> None:
    hand.console.be_away(COLLEAGUE, PARTNER)
    hand.go("/ausencia")


STATES: Final = (
    State("home", "home", COORDINATOR, to("/")),
    State("home", "home_few_codes", IDLE, to("/")),
    State("today", "today_coordinator", COORDINATOR, to("/hoy")),
    State("today", "today_partner", PARTNER, to("/hoy")),
    State("today", "today_nothing", IDLE, to("/hoy")),
    State("today", "today_filled_anew", PARTNER, _filled_anew),
    State("today", "today_behind", IDLE, _behind),
    State("today", "today_mine_nothing", PARTNER, to("/hoy?de=mios")),
    State("work", "work", PARTNER, to("/hoy/overdue")),
    State("work", "work_nothing", IDLE, to("/hoy/undecided")),
    State("agenda", "agenda", PARTNER, to("/agenda")),
    State("agenda", "agenda_week", PARTNER, to("/agenda?semana=" + str(frozen.NOW.date()))),
    State("agenda", "agenda_nothing", IDLE, to("/agenda")),
    State("holder", "holder", COLLEAGUE, to(path_of(cases.LATE) + "/de-quien")),
    State("holder", "holder_alone", IDLE, to(path_of(cases.SECOND) + "/de-quien")),
    State("absence", "absence", COLLEAGUE, _absence),
    State("absence", "absence_wrong", COLLEAGUE, _absence_wrong, is_refused=True),
    State("absence", "absence_stood_in", PARTNER, _stands_in),
    State("absence", "absence_alone", IDLE, to("/ausencia")),
)
