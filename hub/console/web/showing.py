"""What the pages of cases have in common: who looks, and what a list of referrals is made of."""

from collections.abc import Mapping
from typing import Any

from contracts.codes import Power
from hub.console.store.cases import COUNTED_TO, Viewer
from hub.console.web.permissions import Role
from hub.console.web.saying import Saying
from hub.console.web.settings import Settings
from hub.console.web.visit import Visit
from messaging import clock


def viewer_of(visit: Visit, settings: Settings) -> Viewer:
    """For whom a page is made: who coordinates, or audits, sees every case where the organisation may coordinate."""
    organisation = settings.organisations()[visit.staff.organisation]
    coordinates = visit.may(Role.COORDINATOR, Role.AUDITOR) and Power.COORDINATE in organisation.powers
    return Viewer(organisation.id, coordinates=coordinates)


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
