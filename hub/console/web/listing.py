"""Referencias: where is …? What is asked for stands in the address: the same address, the same list."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

from starlette.responses import Response

from contracts.codes import NeedCode, ReferralState
from hub.console.store import cases, views
from hub.console.store.cases import After, Asked, Part
from hub.console.web import showing
from hub.console.web.errors import Stopped
from hub.console.web.screen import Screen
from hub.console.web.settings import Settings
from hub.console.web.visit import Visit
from hub.console.web.words import N_

PATH: Final = "/referencias"
VIEWS: Final = f"{PATH}/vistas"
AT_ONCE: Final = 50  # rows of a page
PART, STATE, NEED, AFTER = "parte", "estado", "necesidad", "despues"
ASKED: Final = PART, STATE, NEED
PARTS: Final[Mapping[str, Part]] = {"todas": Part.ALL, "enviadas": Part.SENT, "recibidas": Part.RECEIVED}
PART_LABELS: Final = {
    "todas": N_("todas"),
    "enviadas": N_("enviadas por nosotros"),
    "recibidas": N_("recibidas por nosotros"),
}


def screens(settings: Settings) -> Sequence[Screen]:
    """The pages of this module."""

    def show(visit: Visit) -> Response:
        viewer, say = showing.viewer_of(visit, settings), showing.saying(visit, settings)
        asked, after = read(visit.query)
        with cases.promptly(visit.tx):
            found = cases.referrals(visit.tx, viewer, asked, after=after, limit=AT_ONCE + 1)
            counted = showing.counted(cases.count(visit.tx, viewer, asked))
            states, needs = cases.states(visit.tx, viewer), cases.need_codes(visit.tx, viewer)
        rows = [showing.shown(row, viewer) for row in found[:AT_ONCE]]
        visit.note("referrals_seen", people=[row["code"] for row in rows], count=len(rows))
        return visit.page(
            "referrals.html",
            say=say,
            asked=asked,
            part=query(asked)[PART],
            parts=PART_LABELS,
            states=[state.value for state in ReferralState if state in states | {asked.state}],
            needs=[need.value for need in NeedCode if need in needs | {asked.need_code}],
            rows=rows,
            counted=counted,
            is_first=after is None,
            views=[(row["name"], path(one), one == asked) for row, one in views.of(visit.tx, visit.staff.code)],
            save=path(asked, VIEWS),
            file=path(asked, f"{PATH}.xlsx"),
            next=_next(visit.query, rows[-1]) if len(found) > AT_ONCE else None,
        )

    return (Screen("referrals", PATH, get=show, label=N_("Referencias"), act="referrals_seen"),)


def read(query: Mapping[str, str]) -> tuple[Asked, After | None]:
    """What a page's address asks for. Raises Stopped where it means nothing."""
    try:
        asked = Asked(
            PARTS[query.get(PART) or "todas"],
            ReferralState(query[STATE]).value if query.get(STATE) else None,
            NeedCode(query[NEED]).value if query.get(NEED) else None,
        )
        if not query.get(AFTER):
            return asked, None
        at, _, id = query[AFTER].partition("~")
        changed_at = datetime.fromisoformat(at)
        if changed_at.tzinfo is None:
            raise Stopped("not_found")
        return asked, After(changed_at, UUID(id))
    except (KeyError, ValueError):
        raise Stopped("not_found") from None


def query(asked: Asked) -> Mapping[str, str]:
    """What an address says that asks for it."""
    part = next(name for name, part in PARTS.items() if part is asked.part)
    said = {PART: part, STATE: asked.state, NEED: asked.need_code}
    return {name: value for name, value in said.items() if value}


def path(asked: Asked, to: str = PATH) -> str:
    """Where a list is found, or what is made of it."""
    return f"{to}?{urlencode(query(asked))}"


def _next(query: Mapping[str, str], last: Mapping[str, object]) -> str:
    at = last["changed_at"]
    assert isinstance(at, datetime)
    asked = {name: query[name] for name in ASKED if query.get(name)}
    behind = f"{at.isoformat()}~{last['referral_id']}"
    return f"{PATH}?{urlencode({**asked, AFTER: behind})}"
