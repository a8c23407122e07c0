"""Quién lo vio: which staff have seen the person of a case, or done something about them, as the audit has it.

For who coordinates or audits: of one person it has what staff of every organisation did, in each of their cases. All of
it, for a person who asks, says `./ruta staff saw`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from starlette.responses import Response

from hub.console import audit
from hub.console.store import cases
from hub.console.web import accounts, showing
from hub.console.web.errors import Stopped
from hub.console.web.screen import Screen
from hub.console.web.settings import Settings
from hub.console.web.visit import Visit
from hub.gateway.audit import words

SHOWN: Final = 50
STAFF: Final = "staff:"


@dataclass(frozen=True)
class Look:
    """What somebody has seen or done, in words."""

    at: datetime
    who: str
    code: str
    organisation: str
    what: str


def screens(settings: Settings) -> Sequence[Screen]:
    """The page of this module."""

    def show(visit: Visit) -> Response:
        viewer, say = showing.viewer_of(visit, settings), showing.saying(visit, settings)
        referral_id = UUID(str(visit.path_params["referral_id"]))
        case = cases.case(visit.tx, viewer, referral_id) if viewer.coordinates else None
        if case is None:
            raise Stopped("not_found")
        current = next(row for row in case.referrals if row["referral_id"] == referral_id)
        person = current["person_id"]
        found = audit.last_saw(visit.tx, visit.keyring, str(person), SHOWN + 1) if person else []
        codes = {one.actor.removeprefix(STAFF) for one in found}
        names = accounts.names(visit.tx, codes)
        visit.note(audit.HISTORY, people=[*([str(person)] if person else []), current["short_code"]])
        looks = [
            Look(
                one.at,
                names.get(code, ""),
                code,
                say.organisation(one.subject),
                words.ACTS.get(one.act, {}).get(visit.language, one.act),
            )
            for one in found[:SHOWN]
            for code in (one.actor.removeprefix(STAFF),)
        ]
        return visit.page(
            "looks.html", say=say, current=current, looks=looks, has_more=len(found) > SHOWN, is_erased=person is None
        )

    return (Screen("looks", "/caso/{referral_id:uuid}/quien-lo-vio", get=show, act=audit.HISTORY),)
