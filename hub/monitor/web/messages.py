"""Mensajes: which message is it? By its id or a short code, or by who, what, why and when; only ids and codes.

What is typed may be anything, and stands in no address: it is sent, and leads to an address with an id in it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from starlette.responses import Response

import contracts
from contracts import refusals
from hub.console.web import showing
from hub.console.web.alert_words import FIRST, TITLES
from hub.console.web.errors import Stopped
from hub.console.web.log_words import AWAY, LABEL, NEITHER, UNKNOWN
from hub.console.web.screen import Screen
from hub.console.web.settings import Settings
from hub.console.web.visit import Visit
from hub.gateway.outcomes import GATEWAY
from hub.monitor.log import reading, stories
from hub.monitor.log.reading import Cursor, Page, Search
from hub.monitor.web import having, log, looking, story
from hub.monitor.web.log import LogAway
from messaging.database import Connection
from messaging.identity import HUB
from messaging.topology import NAME

PATH: Final = "/mensajes"
ORGANISATION, CONTRACT, CODE, SINCE, UNTIL = "organizacion", "contrato", "codigo", "desde", "hasta"
SUBJECT, CORRELATION, AFTER = "sobre", "hilo", "despues"
UNKNOWN_WORD: Final = "?"
ASKED: Final = (ORGANISATION, CONTRACT, CODE, SINCE, UNTIL, SUBJECT, CORRELATION)
WORD: Final = re.compile(r"[a-z][a-z0-9_]{0,99}")


def screens(settings: Settings) -> Sequence[Screen]:
    """The pages of this module."""

    def show(visit: Visit) -> Response:
        if error := visit.answer.get("error", ""):
            return _page(visit, settings, typed=visit.said("q"), error=error)
        search, after = read(visit.query)
        visit.note("messages_seen", asked=_noted(search, settings))
        return _page(visit, settings, search=search, after=after)

    def find(visit: Visit) -> Response:
        typed = visit.said("q")
        try:
            id = log.ask(settings, lambda connection: _named(connection, typed)) if _means(typed) else None
        except LogAway:
            return visit.send_back(error=AWAY)
        if id is None:
            return visit.send_back(error=UNKNOWN if _means(typed) else NEITHER)
        return visit.go(story.path_of(id))

    return (Screen("messages", PATH, get=show, post=find, label=LABEL),)


def _page(
    visit: Visit,
    settings: Settings,
    *,
    search: Search = Search(),  # noqa: B008 - frozen
    after: Cursor | None = None,
    typed: str = "",
    error: str = "",
) -> Response:
    found: Page | None = None
    if not error:
        try:
            found = log.ask(settings, lambda connection: reading.find(connection, search, after=after))
        except LogAway:
            found = None
    asked, say = {name: visit.query.get(name, "") for name in ASKED}, showing.saying(visit, settings)
    return visit.page(
        "messages.html",
        today=looking.today(say),
        status=422 if error and error != AWAY else 200,
        typed=typed,
        error=error,
        stops=having.stopping(looking.last(visit, settings)[1]) if error == UNKNOWN else (),
        titles=TITLES,
        firsts=FIRST,
        found=found,
        rows=[story.shown(one) for one in found.entries] if found is not None else [],
        asked=asked,
        organisations=sorted({*settings.organisations(), HUB}),
        contracts=sorted({one.name for one in contracts.CONTRACTS.values()}),
        codes=codes(settings),
        is_first=after is None,
        next=_next(asked, found.next) if found is not None and found.next is not None else None,
    )


def _noted(search: Search, settings: Settings) -> dict[str, str]:
    """What the audit keeps of what was asked for: no word that somebody has put into an address."""
    asked = {name: str(value) for name, value in asdict(search).items() if value is not None}
    known = {"organisation": {*settings.organisations(), HUB}, "code": codes(settings)}
    return {name: value if value in known.get(name, (value,)) else UNKNOWN_WORD for name, value in asked.items()}


def codes(settings: Settings) -> list[str]:
    """Why something may have been refused, put aside or made to wait."""
    speakers = [refusals.spoken(one) for one in (GATEWAY, *settings.services)]
    return sorted(refusals.spoken().union(*speakers))


def read(query: Mapping[str, str]) -> tuple[Search, Cursor | None]:
    """What a page's address asks for. Raises Stopped where it means nothing."""
    try:
        if (
            (query.get(ORGANISATION) and NAME.fullmatch(query[ORGANISATION]) is None)
            or (query.get(CONTRACT) and not reading.versions(query[CONTRACT]))
            or (query.get(CODE) and WORD.fullmatch(query[CODE]) is None)
        ):
            raise Stopped("not_found")
        search = Search(
            subject=_id(query, SUBJECT),
            correlation=_id(query, CORRELATION),
            organisation=query.get(ORGANISATION) or None,
            type=query.get(CONTRACT) or None,
            code=query.get(CODE) or None,
            since=_moment(query, SINCE),
            until=_moment(query, UNTIL),
        )
        if not query.get(AFTER):
            return search, None
        at, _, id = query[AFTER].partition("~")
        cursor = Cursor(datetime.fromisoformat(at), UUID(id))
        if cursor.at.tzinfo is None:
            raise Stopped("not_found")
        return search, cursor
    except ValueError:
        raise Stopped("not_found") from None


def _id(query: Mapping[str, str], name: str) -> UUID | None:
    return UUID(query[name]) if query.get(name) else None


def _moment(query: Mapping[str, str], name: str) -> datetime | None:
    """A time as the browser's field has it, which knows no zone: the page says that it is UTC."""
    return datetime.fromisoformat(query[name]).replace(tzinfo=UTC) if query.get(name) else None


def _next(asked: Mapping[str, Any], last: Cursor) -> str:
    behind = f"{last.at.isoformat()}~{last.id}"
    return f"{PATH}?{urlencode({**{name: value for name, value in asked.items() if value}, AFTER: behind})}"


def _means(typed: str) -> bool:
    """Whether what was typed is an id or a short code."""
    return _as_id(typed) is not None or contracts.read_short_code(typed) is not None


def _named(connection: Connection, typed: str) -> UUID | None:
    """The id that leads to a story, where the log knows it."""
    if (id := _as_id(typed)) is not None:
        return id if stories.is_known(connection, id) else None
    found = reading.find(connection, Search(short_code=typed), limit=1).entries
    return found[0].subject if found else None


def _as_id(typed: str) -> UUID | None:
    try:
        return UUID(typed)
    except ValueError:
        return None
