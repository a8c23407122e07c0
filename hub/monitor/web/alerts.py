"""Alertas: what is open now, as the book of alerts has it; it is there while database and broker are not."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from starlette.responses import Response

from hub.console.web.alert_words import TITLES
from hub.console.web.screen import Screen
from hub.console.web.settings import Settings
from hub.console.web.visit import Visit
from hub.console.web.words import N_
from hub.monitor.alerts import keeping, pages
from hub.monitor.alerts.pages import Page
from hub.monitor.alerts.telling import Book, Open
from hub.monitor.web.looking import holds, moment
from messaging import clock

PATH: Final = "/alertas"
SHOWN: Final = 100


@dataclass(frozen=True)
class Row:
    """An alert as the page shows it."""

    page: Page
    title: str  # a text of the catalogue
    open: Open
    since: str


def screens(settings: Settings) -> Sequence[Screen]:
    """The pages of this module."""

    def show(visit: Visit) -> Response:
        book = keeping.read(settings.alerts_book) if settings.alerts_book is not None else Book()
        known = is_known(book, clock.now())
        found = rows(book) if known else []
        visit.note("alerts_seen", count=len(found))
        return visit.page(
            "alerts.html",
            known=known,
            rows=found[:SHOWN],
            count=len(found),
            evaluated=moment(book.evaluated) if book.evaluated else "",
        )

    return (Screen("alerts", PATH, get=show, label=N_("Alertas"), act="alerts_seen"),)


def is_known(book: Book, now: datetime) -> bool:
    """Whether somebody has looked lately: else an empty book says nothing."""
    return book.evaluated is not None and holds(datetime.fromisoformat(book.evaluated), now)


def rows(book: Book) -> list[Row]:
    """What is open, what cannot wait first, then the oldest; but for what this version has no page of."""
    known = [one for one in book.open.values() if one.name in pages.read()]
    known.sort(key=lambda one: (one.can_wait, one.began))
    return [Row(pages.read()[one.name], TITLES[one.name], one, moment(one.began)) for one in known]
