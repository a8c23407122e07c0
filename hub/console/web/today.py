"""Hoy: what needs me first?"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from starlette.responses import Response

from hub.console.store import cases, work
from hub.console.store import holding as store
from hub.console.store.cases import Viewer
from hub.console.store.work import AfterWork, AmongHeld, Bucket, Day
from hub.console.web import chasing, holding, showing
from hub.console.web.permissions import Role
from hub.console.web.saying import Saying, day_of
from hub.console.web.screen import Screen
from hub.console.web.settings import Settings
from hub.console.web.visit import Visit
from hub.console.web.words import N_

PATH: Final = "/hoy"
WHOSE: Final = "de"  # in the address: whose cases
MINE: Final = "mios"
AFTER: Final = "despues"
NO_TIME: Final = "sin"
"""In an address: behind a row that has none of what its list is ordered by."""
FILE: Final = "/lista.xlsx"
AT_ONCE: Final = 20  # rows of a reason that are shown


@dataclass(frozen=True)
class Reason:
    """Why rows stand together, in words."""

    heading: str
    since: str
    """The column of which each row says when."""


REASONS: Final[Mapping[Bucket, Reason]] = {
    Bucket.OVERDUE: Reason(N_("Vencidas: la respuesta de ustedes está atrasada"), "due_at"),
    Bucket.DUE_TODAY: Reason(N_("Vencen hoy"), "due_at"),
    Bucket.ASKED: Reason(N_("Les preguntan, y el plazo corre"), "due_at"),
    Bucket.UNDECIDED: Reason(N_("Por decidir: respondan sí o no"), "due_at"),
    Bucket.VISITS_TODAY: Reason(N_("Citas de hoy"), "visit_at"),
    Bucket.CALL_BACK: Reason(N_("Llamadas por devolver"), "call_back_at"),
    Bucket.TO_CONFIRM: Reason(N_("Por confirmar: la otra organización dice que terminó"), "due_at"),
    Bucket.ESCALATED: Reason(N_("Nadie responde: alguien de coordinación tiene que llamar"), "due_at"),
    Bucket.OVERDUE_ELSEWHERE: Reason(N_("Vencidas en otras organizaciones"), "due_at"),
}


@dataclass(frozen=True)
class Group:
    """The rows of one reason."""

    bucket: Bucket
    reason: Reason
    counted: str
    rows: Sequence[Mapping[str, Any]]
    has_more: bool


def screens(settings: Settings) -> Sequence[Screen]:
    """The pages of this module."""

    def show(visit: Visit) -> Response:
        viewer, say = showing.viewer_of(visit, settings), showing.saying(visit, settings)
        day = day_of(say.now)
        mine = settings.organisations()[viewer.organisation]
        is_chasing = viewer.coordinates and visit.may(Role.COORDINATOR) and chasing.may_chase(mine)
        is_mine, held_by = whose(visit, say)
        with cases.promptly(visit.tx):
            groups = [*_groups(visit, viewer, day, held_by)]
            chases = chasing.overdue_by(visit.tx, viewer, say.now) if is_chasing else []
        codes = sorted({row["code"] for group in groups for row in group.rows})
        held = holding.held(visit, [row for group in groups for row in group.rows])
        visit.note("work_seen", people=codes, count=len(codes))
        return visit.page(
            "today.html", say=say, groups=groups, chases=chases, held=held, is_mine=is_mine, path_of=path_of
        )

    return (Screen("today", PATH, get=show, label=N_("Hoy"), act="work_seen"),)


def path_of(bucket: Bucket | None, is_mine: bool, *, to: str = "", after: AfterWork | None = None) -> str:
    """Where all of a reason is found, or of all of them some, or what is made of it."""
    asked = {WHOSE: MINE} if is_mine else {}
    if after is not None:
        asked[AFTER] = f"{after.at.isoformat() if after.at else NO_TIME}~{after.referral_id}"
    return (f"{PATH}/{bucket}{to}" if bucket else PATH) + (f"?{urlencode(asked)}" if asked else "")


def whose(visit: Visit, say: Saying) -> tuple[bool, AmongHeld]:
    """Whether an address asks for what is one's own, and by whose codes that is found."""
    if visit.query.get(WHOSE) != MINE:
        return False, None
    return True, store.whose(visit.tx, visit.staff.code, say.now)


def _groups(visit: Visit, viewer: Viewer, day: Day, held_by: AmongHeld) -> Iterator[Group]:
    for bucket, many in work.counts(visit.tx, viewer, day, held_by=held_by).items():
        if many:
            found = work.work(visit.tx, viewer, day, bucket, limit=AT_ONCE, held_by=held_by)
            rows = [showing.shown(row, viewer) for row in found]
            yield Group(bucket, REASONS[bucket], showing.counted(many), rows, many > len(rows))
