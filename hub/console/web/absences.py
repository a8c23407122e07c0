"""Ausencia: until a day, all that is somebody's, or becomes theirs, is shown to a colleague as that colleague's own.

Nobody is away for another: who is away stands in for nobody, and who stands in is not away before that is over. So
what is somebody's is in the hands of one other at most, and everybody can tell in whose.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Final

from starlette.responses import RedirectResponse, Response

from hub.console.store import holding
from hub.console.web import showing
from hub.console.web.errors import Stopped
from hub.console.web.fields import MISSING, NOT_A_CHOICE, TODAY
from hub.console.web.permissions import OF_CASES, Role
from hub.console.web.screen import Screen
from hub.console.web.settings import Settings
from hub.console.web.visit import Visit
from hub.console.web.words import N_
from messaging import clock
from messaging.believing import COLOMBIA
from messaging.database import Row

PATH: Final = "/ausencia"
COLLEAGUE, UNTIL, WHOSE = "colega", "hasta", "de"
LONGEST: Final = timedelta(days=366)

NOT_A_DAY: Final = N_("Escriba el día.")
NOT_AHEAD: Final = N_("Tiene que ser hoy o un día que viene, de aquí a un año.")
IS_AWAY: Final = N_("También está de ausencia: elija a alguien que esté.")
STANDS_IN: Final = N_("Usted reemplaza a alguien: termine primero esa ausencia, y que elija a otra persona.")


def screens(settings: Settings) -> Sequence[Screen]:
    """The pages of this module."""

    def show(visit: Visit) -> Response:
        return _page(visit, settings, visit.answer.get("wrong", {}))

    def begin(visit: Visit) -> Response:
        holding.take_turn(visit.tx, visit.staff.organisation)
        now, wrong = clock.now(), dict[str, str]()
        ends_at = _end_of(visit.said(UNTIL), now, wrong)
        colleague = _colleague(visit, now, wrong)
        if holding.stood_in_for(visit.tx, visit.staff.code, now):
            wrong[COLLEAGUE] = STANDS_IN
        if wrong or ends_at is None:
            return visit.send_back(wrong=wrong)
        known = holding.absence(visit.tx, visit.staff.code, now)
        if known is None or (known["colleague"], known["ends_at"]) != (colleague, ends_at):
            holding.begin_absence(visit.tx, visit.staff.code, colleague, now, ends_at)
            visit.note("absence_begun", colleague=colleague, ends_at=ends_at.isoformat())
        return RedirectResponse(PATH, 303)

    def end(visit: Visit) -> Response:
        holding.take_turn(visit.tx, visit.staff.organisation)
        now, whose = clock.now(), visit.said(WHOSE)
        if whose not in holding.whose(visit.tx, visit.staff.code, now):  # one's own, or of whom one stands in for
            raise Stopped("changed")
        if (colleague := holding.end_absence(visit.tx, whose, now)) is not None:
            visit.note("absence_ended", staff=whose, colleague=colleague)
        return RedirectResponse(PATH, 303)

    return (
        Screen("absence", PATH, get=show, post=begin),
        Screen("absence_ended", f"{PATH}/terminar", post=end),
    )


def _colleague(visit: Visit, now: datetime, wrong: dict[str, str]) -> str:
    """Whom somebody has chosen; with what is wrong with it."""
    said = visit.said(COLLEAGUE)
    chosen = next((one for one in _colleagues(visit, now) if one["code"] == said), None)
    if chosen is None:
        wrong[COLLEAGUE] = NOT_A_CHOICE if said else MISSING
    elif chosen["is_away"]:
        wrong[COLLEAGUE] = IS_AWAY
    return said


def _end_of(said: str, now: datetime, wrong: dict[str, str]) -> datetime | None:
    """When a day is over; with what is wrong with it."""
    try:
        day = date.fromisoformat(said)
    except ValueError:
        wrong[UNTIL] = NOT_A_DAY if said else MISSING
        return None
    today = now.astimezone(COLOMBIA).date()
    if not today <= day <= today + LONGEST:
        wrong[UNTIL] = NOT_AHEAD
        return None
    return datetime.combine(day, time(), COLOMBIA) + timedelta(days=1)


def _colleagues(visit: Visit, now: datetime) -> Sequence[Row]:
    """Who may see all that whoever asks may."""
    roles = {Role.COORDINATOR} if visit.may(Role.COORDINATOR) else OF_CASES
    found = holding.colleagues(visit.tx, visit.staff.organisation, roles, now)
    return [one for one in found if one["code"] != visit.staff.code]


def _page(visit: Visit, settings: Settings, wrong: Mapping[str, str]) -> Response:
    say = showing.saying(visit, settings)
    return visit.page(
        "absence.html",
        status=422 if wrong else 200,
        say=say,
        absence=holding.absence(visit.tx, visit.staff.code, say.now),
        stood_in_for=holding.stood_in_for(visit.tx, visit.staff.code, say.now),
        colleagues=_colleagues(visit, say.now),
        chosen=visit.typed(COLLEAGUE),
        until=visit.typed(UNTIL),
        wrong={name: say.text(text) for name, text in wrong.items()},
        today=say.text(TODAY) % {"day": say.day(say.now)},
        last_day=lambda at: say.day(at - timedelta(seconds=1)),
    )
