"""Who has lost password or authenticator, and all recovery codes: two administrators let them begin anew."""

from collections.abc import Sequence
from typing import Final

from starlette.responses import Response

from hub.console.web import accounts, sessions, showing
from hub.console.web.permissions import Role
from hub.console.web.screen import Screen
from hub.console.web.settings import Settings
from hub.console.web.visit import Visit
from hub.console.web.words import N_

UNKNOWN: Final = N_("No hay nadie con ese código que pueda recuperar su acceso.")
OWN: Final = N_("Nadie recupera su propio acceso: tienen que hacerlo otras dos personas que administran.")
ASKED: Final = N_("Queda pedido. Otra persona que administra tiene que confirmarlo en las próximas 24 horas.")
SAME: Final = N_("Usted ya lo pidió: tiene que confirmarlo otra persona que administra.")


def screens(settings: Settings) -> Sequence[Screen]:
    """The pages of this module."""

    def show(visit: Visit) -> Response:
        _drop_void(visit, settings)
        return _page(visit, settings, **visit.answer)

    def ask_or_grant(visit: Visit) -> Response:
        """Ask for somebody; where another administrator has asked, grant it: everything they came in with ends."""
        _drop_void(visit, settings)
        code = visit.said("staff")
        staff = accounts.find(visit.tx, code)
        if staff is None or staff.status == "suspended":
            return visit.send_back(error=UNKNOWN)
        if staff.code == visit.staff.code:
            return visit.send_back(error=OWN)
        if accounts.ask_recovery(visit.tx, staff.code, visit.staff.code):
            visit.note("recovery_asked", staff=staff.code)
            return visit.lead_to(done=ASKED)
        enrolment = accounts.grant_recovery(visit.tx, staff.code, visit.staff.code)
        if enrolment is None:
            return visit.send_back(error=SAME)
        sessions.end_all(visit.tx, staff.code, "recovery")
        visit.note("recovery_granted", staff=staff.code)
        return visit.lead_to(once=True, enrolment=enrolment)

    label = N_("Recuperar un acceso")
    return (Screen("recovery", "/recuperar", get=show, post=ask_or_grant, label=label),)


def _drop_void(visit: Visit, settings: Settings) -> None:
    """Drop what somebody has asked for who may not ask any more: it is as if nobody had."""
    for one in accounts.pending_recoveries(visit.tx):
        asker = accounts.find(visit.tx, one.asked_by)
        may = (
            asker is not None
            and asker.status == "active"
            and settings.takes_part(asker.organisation)
            and Role.ADMINISTRATOR in settings.at_present(asker).roles
        )
        if not may:
            accounts.drop_recovery(visit.tx, one.staff)


def _page(visit: Visit, settings: Settings, *, error: str = "", done: str = "", enrolment: str = "") -> Response:
    """What waits for a second administrator, and the form to ask."""
    return visit.page(
        "recovery.html",
        status=422 if error else 200,
        say=showing.saying(visit, settings),
        pending=accounts.pending_recoveries(visit.tx),
        error=error,
        done=done,
        enrolment=enrolment,
    )
