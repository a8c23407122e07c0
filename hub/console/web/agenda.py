"""Agenda: who comes when? The day or the week stands in the address; of whom nobody has said whether they came, too."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from starlette.responses import Response

from hub.console.store import cases, work
from hub.console.store.work import AfterVisit
from hub.console.web import acting, holding, showing
from hub.console.web.acting import Buttons
from hub.console.web.errors import Stopped
from hub.console.web.saying import Saying, day_of
from hub.console.web.screen import Screen
from hub.console.web.settings import Settings
from hub.console.web.visit import Visit
from hub.console.web.words import N_
from messaging.believing import COLOMBIA

PATH: Final = "/agenda"
DAY, WEEK, AFTER, UNSAID = "dia", "semana", "despues", "sin_decir"
AT_ONCE: Final = 50  # visits of a page
UNSAID_AT_ONCE: Final = 20
YEARS: Final = range(2000, 2200)  # of days that an address may have
MOVES: Final = ("service_started", "no_show", "scheduled")
"""What is done about a visit: came, did not come, another time."""


@dataclass(frozen=True)
class Asked:
    """What the address asks for: so many days, from the first."""

    first: date
    by: str
    """DAY or WEEK."""

    @property
    def days(self) -> int:
        """How many."""
        return 7 if self.by == WEEK else 1

    def path(self, *, by: str = "", beside: int = 0) -> str:
        """The address of the same days, of them by day or by week, or of those so many before or behind."""
        return f"{PATH}?{urlencode({by or self.by: self.first + timedelta(days=beside * self.days)})}"


@dataclass(frozen=True)
class OfDay:
    """The visits of one day."""

    day: date
    rows: Sequence[Mapping[str, Any]]


def screens(settings: Settings) -> Sequence[Screen]:
    """The pages of this module."""

    def show(visit: Visit) -> Response:
        viewer, say = showing.viewer_of(visit, settings), showing.saying(visit, settings)
        today = say.now.astimezone(COLOMBIA).date()
        asked, after = read(visit.query, today)
        unsaid_after = behind(visit.query.get(UNSAID))
        begins = datetime.combine(asked.first, time(), COLOMBIA)
        ends = begins + timedelta(days=asked.days)
        with cases.promptly(visit.tx):
            found, unsaid = [], []
            if unsaid_after is None:
                found = work.visits(visit.tx, viewer, begins, ends, after=after, limit=AT_ONCE + 1)
            if unsaid_after is not None or (begins <= say.now < ends and after is None):
                before = day_of(say.now).begins
                unsaid = work.unsaid_visits(visit.tx, viewer, before, after=unsaid_after, limit=UNSAID_AT_ONCE + 1)
        rows = [showing.shown(row, viewer) for row in found[:AT_ONCE]]
        of_before = [showing.shown(row, viewer) for row in unsaid[:UNSAID_AT_ONCE]]
        codes = sorted({row["code"] for row in (*rows, *of_before)})
        visit.note("agenda_seen", people=codes, count=len(codes))
        return visit.page(
            "agenda.html",
            say=say,
            asked=asked,
            today=today,
            is_first=after is None,
            days=[*by_day(rows)],
            unsaid=of_before,
            next_unsaid=_next(asked, UNSAID, of_before[-1]) if len(unsaid) > UNSAID_AT_ONCE else None,
            has_days=unsaid_after is None,
            next=_next(asked, AFTER, rows[-1]) if len(found) > AT_ONCE else None,
            buttons=_buttons(visit, settings, [*rows, *of_before], say),
            held=holding.held(visit, [*rows, *of_before]),
        )

    return (Screen("agenda", PATH, get=show, label=N_("Agenda"), act="agenda_seen"),)


def read(query: Mapping[str, str], today: date) -> tuple[Asked, AfterVisit | None]:
    """What a page's address asks for; nothing: today. Raises Stopped where it means nothing."""
    try:
        by = WEEK if query.get(WEEK) else DAY
        first = date.fromisoformat(query[by]) if query.get(by) else today
        if first.year not in YEARS or (query.get(DAY) and query.get(WEEK)):
            raise Stopped("not_found")
        asked = Asked(first - timedelta(days=first.weekday()) if by == WEEK else first, by)
        return asked, behind(query.get(AFTER))
    except ValueError:
        raise Stopped("not_found") from None


def behind(said: str | None) -> AfterVisit | None:
    """Behind which visit an address asks for more. Raises Stopped where it means nothing."""
    if not said:
        return None
    at, _, id = said.partition("~")
    try:
        visit_at = datetime.fromisoformat(at)
        after = AfterVisit(visit_at, UUID(id))
    except ValueError:
        raise Stopped("not_found") from None
    if visit_at.tzinfo is None:
        raise Stopped("not_found")
    return after


def by_day(rows: Sequence[Mapping[str, Any]]) -> Iterator[OfDay]:
    """Visits that are in their order, each with those of its day in Colombia."""
    days: dict[date, list[Mapping[str, Any]]] = {}
    for row in rows:
        days.setdefault(row["visit_at"].astimezone(COLOMBIA).date(), []).append(row)
    for day, of_day in days.items():
        yield OfDay(day, of_day)


def _next(asked: Asked, of: str, last: Mapping[str, Any]) -> str:
    """Where the visits behind the last of a list are, AFTER of the days or UNSAID."""
    after = f"{last['visit_at'].isoformat()}~{last['referral_id']}"
    return f"{asked.path()}&{urlencode({of: after})}"


def _buttons(
    visit: Visit, settings: Settings, rows: Sequence[Mapping[str, Any]], say: Saying
) -> Mapping[UUID, Buttons]:
    """What can be done about each visit, as the page of its case offers it."""
    return acting.buttons_of_rows(visit, settings, rows, say, only=MOVES)
