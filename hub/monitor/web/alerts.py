"""Alertas: what is open now, as the book of alerts has it; it is there while database and broker are not.

Nothing is silenced here: the page says the command, for whoever holds the machine (docs/decisions.md).
"""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from starlette.responses import Response

from hub.console.web import showing
from hub.console.web.alert_words import FIRST, MEANS, PAGES, TITLES
from hub.console.web.screen import Screen
from hub.console.web.settings import Settings
from hub.console.web.visit import Visit
from hub.console.web.words import N_
from hub.monitor.alerts import keeping, telling
from hub.monitor.alerts.telling import Book, Open, Silence
from hub.monitor.web.looking import Looked

PATH: Final = "/alertas"
SHOWN: Final = 100


@dataclass(frozen=True)
class Row:
    """An open alert, and the silence that covers it; None: there is none."""

    alert: Open
    silence: Silence | None

    @property
    def silencing(self) -> str:
        """The command that silences the alert for the next eight hours."""
        return f"./ruta alerts silence {self.alert.name} --what {shlex.quote(self.alert.what)} --until 8h --reason TEXT"


def screens(settings: Settings) -> Sequence[Screen]:
    """The pages of this module."""

    def show(visit: Visit) -> Response:
        book = keeping.read(settings.alerts_book) if settings.alerts_book is not None else Book()
        looked = Looked(showing.saying(visit, settings), book.evaluated)
        found = rows(book, looked.say.now) if looked.holds else []
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


def rows(book: Book, at: datetime) -> list[Row]:
    """Open alerts: before silenced ones the others, and of each what cannot wait, then the oldest.

    An alert that this version has no page of is left out.
    """
    known = [Row(one, telling.silence_of(book, one, at)) for one in book.open.values() if one.name in TITLES]
    return sorted(known, key=lambda row: (row.silence is not None, row.alert.can_wait, row.alert.began))
