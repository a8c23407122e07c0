"""Topología: who talks to whom, in the last hour against the week before: what fails, is silent or new first.

All of it stands in tables, one for each who says something; they are folded, for together they are longer than anybody
reads.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from babel.numbers import format_decimal
from starlette.responses import Response

from hub.console.web import showing
from hub.console.web.errors import Stopped
from hub.console.web.log_words import CONFIDENTIAL, NOBODY_READS, UNSAID
from hub.console.web.saying import Saying
from hub.console.web.screen import Screen
from hub.console.web.settings import Settings
from hub.console.web.visit import Visit
from hub.console.web.words import N_, translations
from hub.monitor.log import talking
from hub.monitor.log.counting import NOBODY
from hub.monitor.web import log, weaving
from hub.monitor.web.log import LogAway
from hub.monitor.web.looking import Looked
from hub.monitor.web.weaving import Link
from messaging import clock

PATH: Final = "/topologia"
DRAWN: Final = 20
SHOWN: Final = 100  # of the tables, on one page
SAID: Final = 5  # of what is silent, new or failing, in words
FROM: Final = "desde"


def screens(settings: Settings) -> Sequence[Screen]:
    """The pages of this module."""

    def show(visit: Visit) -> Response:
        say = showing.saying(visit, settings)
        words = Words(say)
        start = _start(visit.query.get(FROM, "1"))
        now = clock.now()
        try:
            said = log.ask(settings, lambda connection: talking.talks(connection, now))
        except LogAway:
            said = None
        reads = {name: one.reads for name, one in settings.services.items()}
        links = weaving.links(said, reads) if said is not None else []
        visit.note("network_seen", page="topology", count=len(links))
        if start > max(len(links), 1):
            raise Stopped("not_found")
        parts = weaving.by_source(links)
        numbered = {one: number for number, one in enumerate((one for part in parts for one in part), 1)}
        drawn = links[:DRAWN]
        return visit.page(
            "topology.html",
            said=said,
            words=words,
            looked=Looked(say, None),
            week=talking.WEEK,
            weave=weaving.weave(drawn, words.name, words.to) if drawn else None,
            places=weaving,
            many=len(links),
            numbered=numbered,
            parts=_parts(list(numbered)[start - 1 : start - 1 + SHOWN]),
            before=f"{PATH}?{FROM}={max(start - SHOWN, 1)}" if start > 1 else "",
            behind=f"{PATH}?{FROM}={start + SHOWN}" if start + SHOWN <= len(links) else "",
            fails=[one for one in links if one.failed],
            gone=[one for one in links if one.is_gone],
            new=[one for one in links if one.is_new],
            most=SAID,
        )

    return (Screen("topology", PATH, get=show, label=N_("Topología"), act="network_seen"),)


@dataclass(frozen=True)
class Part:
    """What one says, as far as a page shows it."""

    source: str
    links: tuple[Link, ...]

    def many(self, kind: str) -> int:
        """Links of which `fails`, `gone` or `new` is to be seen first."""
        return sum(one.kind == kind for one in self.links)


def _parts(links: Sequence[Link]) -> list[Part]:
    return [Part(source, tuple(those)) for source, those in groupby(links, lambda one: one.source)]


def _start(said: str) -> int:
    """The number of the first row. Raises Stopped."""
    if not (said.isascii() and said.isdigit() and len(said) <= 6 and int(said)):
        raise Stopped("not_found")
    return int(said)


class Words:
    """Names and numbers as the page says them."""

    def __init__(self, say: Saying) -> None:
        self._say = say
        self._text = translations(say.language).gettext

    def name(self, id: str) -> str:
        """Who says something, or to whom: an organisation is called by its name, a service of the hub as it is."""
        return self._text(CONFIDENTIAL) if id == NOBODY else self._say.organisation(id)

    def to(self, link: Link) -> str:
        """To whom a link goes, also where that is nobody."""
        return self.name(link.to) if link.to else self._text(UNSAID if link.source == NOBODY else NOBODY_READS)

    @staticmethod
    def type(link: Link) -> str:
        """The contract; empty of what could not be read."""
        return "" if link.type == NOBODY else link.type

    def count(self, many: int | None) -> str:
        """A number of messages; empty: no data."""
        return "" if many is None else str(format_decimal(many, locale=self._say.language))

    def mean(self, link: Link) -> str:
        """So many in an hour; empty: no data."""
        if link.mean is None:
            return ""
        if 0 < link.mean < 0.1:
            return f"< {format_decimal(0.1, locale=self._say.language)}"
        return str(format_decimal(round(link.mean, 1), "#,##0.0" if link.mean else "0", locale=self._say.language))
