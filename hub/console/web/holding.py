"""Whose a case is: somebody takes it, gives it to a colleague, or puts it back. Each is a state: said twice, it is one.

A form says whose the case was when its page was made: what has become another's since is not taken from them unseen.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from starlette.responses import RedirectResponse, Response

from hub.console.store import cases, holding
from hub.console.store.cases import Viewer
from hub.console.store.holding import Holder
from hub.console.web import showing
from hub.console.web.errors import Stopped
from hub.console.web.permissions import OF_CASES, Role
from hub.console.web.screen import Screen
from hub.console.web.settings import Settings
from hub.console.web.visit import Visit
from messaging import clock
from messaging.database import Row

TO: Final = "a_quien"
BEFORE: Final = "antes"
NOBODY: Final = ""


@dataclass(frozen=True)
class Held:
    """Whose the cases of a page are, as the page shows it."""

    me: str
    may_hold: bool
    """Whether whoever looks may take any."""
    by_id: Mapping[UUID, Holder]

    def of(self, referral_id: UUID) -> Holder | None:
        """Whose one is; None: nobody has taken it."""
        return self.by_id.get(referral_id)


def path_of(referral_id: UUID) -> str:
    """Where it is said whose a case is."""
    return f"/caso/{referral_id}/de-quien"


def held(visit: Visit, rows: Sequence[Mapping[str, Any]]) -> Held:
    """Whose the referrals of a page are."""
    ids = [row["referral_id"] for row in rows]
    found = holding.holders(visit.tx, visit.staff.organisation, ids, clock.now()) if ids else {}
    return Held(visit.staff.code, visit.may(*OF_CASES), found)


def screens(settings: Settings) -> Sequence[Screen]:
    """The pages of this module."""

    def ask(visit: Visit) -> Response:
        referral = _referral(visit, settings)
        visit.note("holder_asked", people=[referral["short_code"]])
        return visit.page(
            "holder.html",
            referral=referral,
            code=referral["short_code"],
            held=held(visit, [referral]),
            colleagues=[one for one in _may_hold(visit, settings, referral) if one["code"] != visit.staff.code],
        )

    def do(visit: Visit) -> Response:
        referral = _referral(visit, settings)
        organisation, id = visit.staff.organisation, referral["referral_id"]
        holding.take_turn(visit.tx, organisation)
        now, to = clock.now(), visit.said(TO)
        one = holding.holders(visit.tx, organisation, [id], now).get(id)
        holder = one.staff if one is not None else NOBODY
        if to != holder:
            if visit.said(BEFORE) != holder:
                raise Stopped("changed")
            _hold(visit, settings, referral, to)
        return RedirectResponse(visit.back_to if "a" in visit.form else f"/caso/{id}", 303)

    def _hold(visit: Visit, settings: Settings, referral: Row, to: str) -> None:
        people, id = [referral["short_code"]], referral["referral_id"]
        if to == NOBODY:
            holding.put_back(visit.tx, visit.staff.organisation, id)
            visit.note("case_put_back", people=people, holder=visit.said(BEFORE))
            return
        if to not in {one["code"] for one in _may_hold(visit, settings, referral)}:
            raise Stopped("changed")
        holding.keep(visit.tx, visit.staff.organisation, id, to, clock.now())
        if to == visit.staff.code:
            visit.note("case_taken", people=people, holder=to, before=visit.said(BEFORE))
        else:
            visit.note("case_given", people=people, holder=to, before=visit.said(BEFORE))

    return (Screen("holder", "/caso/{referral_id:uuid}/de-quien", get=ask, post=do),)


def _referral(visit: Visit, settings: Settings) -> Row:
    """The referral that it is about. Raises Stopped where there is none that whoever asks may see."""
    id = UUID(str(visit.path_params["referral_id"]))
    case = cases.case(visit.tx, showing.viewer_of(visit, settings), id)
    if case is None:
        raise Stopped("not_found")
    return next(row for row in case.referrals if row["referral_id"] == id)


def _may_hold(visit: Visit, settings: Settings, referral: Row) -> Sequence[Row]:
    """Who of the organisation may see a case, and so have it: without a part in it, only those who coordinate."""
    viewer: Viewer = showing.viewer_of(visit, settings)
    has_part = viewer.organisation in (referral["sender"], referral["recipient"])
    roles = OF_CASES if has_part else frozenset({Role.COORDINATOR})
    return holding.colleagues(visit.tx, viewer.organisation, roles, clock.now())
