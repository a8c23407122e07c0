"""The first page: who one is here, and where one can go."""

from collections.abc import Sequence

from starlette.responses import Response

from hub.console.web import accounts
from hub.console.web.permissions import Role
from hub.console.web.screen import Screen
from hub.console.web.settings import Settings
from hub.console.web.visit import Visit
from hub.console.web.words import N_

ROLES = {
    Role.COORDINATOR: N_("coordinación"),
    Role.PARTNER_STAFF: N_("equipo de una organización"),
    Role.AUDITOR: N_("auditoría"),
    Role.ADMINISTRATOR: N_("administración"),
    Role.OPERATIONS: N_("operación"),
}
FEW_CODES = 3  # left: it is said so


def screens(settings: Settings) -> Sequence[Screen]:
    """The pages of this module."""

    def show(visit: Visit) -> Response:
        organisation = settings.organisations()[visit.staff.organisation].name
        roles = [label for role, label in ROLES.items() if role in visit.staff.roles]
        left = accounts.codes_left(visit.tx, visit.staff.code)
        return visit.page("home.html", organisation=organisation, roles=roles, codes_left=left, few=left <= FEW_CODES)

    return (Screen("home", "/", get=show, label=N_("Inicio")),)
