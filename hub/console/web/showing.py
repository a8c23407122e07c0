"""What the pages of cases have in common: who looks, and what a list of referrals is made of."""

from collections.abc import Mapping
from typing import Any

from contracts.codes import Power
from hub.console.store.cases import COUNTED_TO, Viewer
from hub.console.web.accounts import Staff
from hub.console.web.permissions import Role
from hub.console.web.saying import Saying
from hub.console.web.settings import Settings
from hub.console.web.visit import Visit
from messaging import clock
from messaging.topology import Organisation


def viewer_of(visit: Visit, settings: Settings) -> Viewer:
    """For whom a page is made."""
    return viewer_for(visit.staff, settings.organisations()[visit.staff.organisation])


def viewer_for(staff: Staff, organisation: Organisation) -> Viewer:
    """What somebody is shown: who coordinates, or audits, every case where the organisation may coordinate."""
    of_all = {Role.COORDINATOR, Role.AUDITOR}
    coordinates = not staff.roles.isdisjoint(of_all) and Power.COORDINATE in organisation.powers
    return Viewer(organisation.id, coordinates, names=coordinates and Role.COORDINATOR in staff.roles)


def saying(visit: Visit, settings: Settings) -> Saying:
    """The words of a page."""
    return Saying(visit.language, clock.now(), settings.organisations())


def counted(many: int) -> str:
    """A count as it is shown: `1.000+` where nobody has counted further."""
    return f"{COUNTED_TO:,}+".replace(",", ".") if many > COUNTED_TO else str(many)


def shown(row: Mapping[str, Any], viewer: Viewer) -> dict[str, Any]:
    """A row of a list, with the part that the viewer's organisation has in it."""
    mine = {"sender": row["sender"] == viewer.organisation, "recipient": row["recipient"] == viewer.organisation}
    return {**row, "mine": next((part for part, is_so in mine.items() if is_so), None), "code": row["short_code"]}


def name_of(person: Mapping[str, Any]) -> str:
    """What somebody is called, by what is in the block of a person."""
    return " ".join(person[part] for part in ("given_names", "family_names") if person.get(part))
