"""Alertas: what is open now, as the book of alerts has it; it is there while database and broker are not."""

from collections.abc import Sequence
from typing import Final

from starlette.responses import Response

from hub.console.web import showing
from hub.console.web.alert_words import FIRST, MEANS, PAGES, TITLES
from hub.console.web.screen import Screen
from hub.console.web.settings import Settings
from hub.console.web.visit import Visit
from hub.console.web.words import N_
from hub.monitor.alerts import keeping
from hub.monitor.alerts.telling import Book, Open
from hub.monitor.web.looking import Looked

PATH: Final = "/alertas"
SHOWN: Final = 100


def screens(settings: Settings) -> Sequence[Screen]:
    """The pages of this module."""

    def show(visit: Visit) -> Response:
        book = keeping.read(settings.alerts_book) if settings.alerts_book is not None else Book()
        looked = Looked(showing.saying(visit, settings), book.evaluated)
        found = rows(book) if looked.holds else []
        visit.note("alerts_seen", count=len(found))
        return visit.page(
            "alerts.html",
            looked=looked,
            rows=found[:SHOWN],
            count=len(found),
            titles=TITLES,
            meanings=MEANS,
            firsts=FIRST,
            pages=PAGES,
        )

    return (Screen("alerts", PATH, get=show, label=N_("Alertas"), act="alerts_seen", in_emergency=True),)


def rows(book: Book) -> list[Open]:
    """What is open, what cannot wait first, then the oldest; but for what this version has no page of."""
    known = [one for one in book.open.values() if one.name in TITLES]
    return sorted(known, key=lambda one: (one.can_wait, one.began))
