"""Hoy: what needs me first?"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cache
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from starlette.responses import Response

from contracts.codes import ReminderAbout
from contracts.transitions import Actor
from hub.console.hosting import uses_screens
from hub.console.store import acts, cases, work
from hub.console.store import holding as store
from hub.console.store.cases import Viewer
from hub.console.store.work import OF_COORDINATORS, AfterWork, AmongHeld, Bucket
from hub.console.web import chasing, holding, moves, showing
from hub.console.web.moves import Move
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
    until: str
    """The column of which each row says until when, or when it is."""
    next: Sequence[str] = ()
    """What comes next about such a row, by the names of moves: the first of them that the table allows."""
    since: str = "changed_at"
    """The column of which each row says since when."""


ANSWERS: Final = ("accepted", "received", "info_provided", "cancelled", "closed")
TAKEN_ON: Final = "taken_on"
PURSUED: Final = (TAKEN_ON, "chased")
REASONS: Final[Mapping[Bucket, Reason]] = {
    Bucket.OVERDUE: Reason(N_("Vencidas: la respuesta de ustedes está atrasada"), "due_at", ANSWERS),
    Bucket.DUE_TODAY: Reason(N_("Vencen hoy"), "due_at", ANSWERS),
    Bucket.ASKED: Reason(N_("Les preguntan, y el plazo corre"), "due_at", ("info_provided",)),
    Bucket.TO_CANCEL: Reason(N_("Les piden cancelar: digan si están de acuerdo"), "due_at", ("cancelled",)),
    Bucket.UNDECIDED: Reason(N_("Por decidir: respondan sí o no"), "due_at", ANSWERS, since="sent_at"),
    Bucket.VISITS_TODAY: Reason(N_("Citas de hoy"), "visit_at", ("service_started",)),
    Bucket.CALL_BACK: Reason(N_("Llamadas por devolver"), "call_back_at", ("note_added",), since="called_at"),
    Bucket.TO_PURGE: Reason(N_("Por borrar: los datos de la persona"), "purge_by", ("purged",), since="asked_at"),
    Bucket.TO_CONFIRM: Reason(N_("Por confirmar: la otra organización dice que terminó"), "due_at", ("closed",)),
    Bucket.NOT_PURGED: Reason(
        N_("El plazo pasó, y no han dicho que borraron los datos de la persona"), "purge_by", since="asked_at"
    ),
    Bucket.ESCALATED: Reason(
        N_("Nadie responde: alguien de coordinación tiene que llamar"), "due_at", PURSUED, since="escalated_at"
    ),
    Bucket.OVERDUE_ELSEWHERE: Reason(N_("Vencidas en otras organizaciones"), "due_at", PURSUED),
}


@dataclass(frozen=True)
class Group:
    """The rows of one reason."""

    bucket: Bucket
    reason: Reason
    counted: str
    rows: Sequence[Mapping[str, Any]]
    """Each with the move that comes `next`, if there is one."""
    has_more: bool


def screens(settings: Settings) -> Sequence[Screen]:
    """The pages of this module."""

    def show(visit: Visit) -> Response:
        viewer, say = showing.viewer_of(visit, settings), showing.saying(visit, settings)
        day = day_of(say.now)
        mine = settings.organisations()[viewer.organisation]
        is_chasing = viewer.coordinates and visit.may(Role.COORDINATOR) and chasing.may_chase(mine)
        is_mine, held_by = whose(visit, say)
        found, counted = {}, {}
        with cases.promptly(visit.tx):
            for bucket, many in work.counts(visit.tx, viewer, day, held_by=held_by).items():
                if many:
                    counted[bucket] = many
                    found[bucket] = work.work(visit.tx, viewer, day, bucket, limit=AT_ONCE, held_by=held_by)
            rows = rows_of(visit, viewer, found)
            chases = chasing.overdue_by(visit.tx, viewer, say.now) if is_chasing else []
        groups = groups_of(visit, settings, rows, counted)
        codes = sorted({row["code"] for group in groups for row in group.rows})
        held = holding.held(visit, [row for group in groups for row in group.rows])
        visit.note("work_seen", people=codes, count=len(codes))
        return visit.page(
            "today.html", say=say, groups=groups, chases=chases, held=held, is_mine=is_mine, path_of=path_of
        )

    return (Screen("today", PATH, get=show, label=N_("Hoy"), act="work_seen"),)


Rows = Mapping[Bucket, Sequence[Mapping[str, Any]]]


def rows_of(visit: Visit, viewer: Viewer, found: Rows) -> Rows:
    """The rows of each reason as they are shown: of what others owe with who sees to it, and who has asked for it."""
    pursued = {row["referral_id"] for bucket, rows in found.items() if bucket in OF_COORDINATORS for row in rows}
    seen_to = work.seen_to(visit.tx, viewer, pursued)
    waits_for = {"waits_for": ReminderAbout.PURGE}

    def more(bucket: Bucket, row: Mapping[str, Any]) -> Mapping[str, Any]:
        known = seen_to.get(row["referral_id"], {}) if bucket in OF_COORDINATORS else {}
        return known | waits_for if bucket in (Bucket.TO_PURGE, Bucket.NOT_PURGED) else known

    return {
        bucket: [{**showing.shown(row, viewer), **more(bucket, row)} for row in rows] for bucket, rows in found.items()
    }


def groups_of(visit: Visit, settings: Settings, rows: Rows, counted: Mapping[Bucket, int]) -> Sequence[Group]:
    """The rows of each reason in words, with what comes next about each."""
    organisation = settings.organisations()[visit.staff.organisation]
    coordinates = showing.viewer_of(visit, settings).coordinates and visit.may(Role.COORDINATOR)
    under_way: Set[UUID] = frozenset()
    if acts_here := uses_screens(organisation):
        under_way = acts.under_way(
            visit.tx, organisation.id, {one["referral_id"] for of in rows.values() for one in of}
        )

    @cache
    def next_of(bucket: Bucket, state: str, mine: frozenset[Actor], is_ours: bool) -> Move | None:
        names = [name for name in REASONS[bucket].next if not (is_ours and name == TAKEN_ON)]
        return moves.comes_next(names, organisation, state, mine | {Actor.HUB} if coordinates else mine)

    def button(bucket: Bucket, row: Mapping[str, Any]) -> Move | None:
        if not acts_here or row["referral_id"] in under_way:
            return None
        parts = {Actor.SENDER: row["sender"], Actor.RECIPIENT: row["recipient"]}
        mine = frozenset(part for part, one in parts.items() if one == organisation.id)
        return next_of(bucket, row["state"], mine, row.get("in_charge") == organisation.id)

    return [
        Group(
            bucket,
            REASONS[bucket],
            showing.counted(counted[bucket]),
            [{**row, "next": button(bucket, row)} for row in of_reason],
            counted[bucket] > len(of_reason),
        )
        for bucket, of_reason in rows.items()
    ]


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
