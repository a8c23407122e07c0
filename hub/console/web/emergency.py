"""What is shown without the console's database: the monitor's pages, to look only, to whoever has the local account.

The account is made on the machine (hub/monitor/emergency.py). Here it opens nothing while the database answers: each
request is first made as any other is, and comes here where that could not be.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, Literal

import psycopg
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from hub.console.web import entering, pages
from hub.console.web.errors import Stopped
from hub.console.web.pace import Pace, Paces
from hub.console.web.screen import Screen
from hub.console.web.settings import Settings
from hub.console.web.shell import KEPT_LANGUAGE, LANGUAGE, LOGIN, Posted, cookies, language_asked, request_id
from hub.console.web.visit import Link, Visit
from hub.gateway.http.places import network_of
from hub.monitor import emergency
from hub.monitor.emergency import PATH, EmergencyError, Opening
from messaging import clock

FIRST: Final = "/estado"
HOME: Final = "home"
CHOOSES_LANGUAGE: Final = "language"
NAME: Final = "emergency"
COOKIE: Final = "ruta-emergencia"
LONGEST_CODE: Final = 60
CODES: Final = Pace(at_once=5, every=10.0)  # of an address
CODES_OF_ALL: Final = Pace(at_once=60, every=1.0)  # where everybody comes by one proxy, strangers use up each other's
PAGES: Final = Pace(at_once=30, every=2.0)


def screens(_: Settings) -> Sequence[Screen]:
    """The page of the code, as it is while the database answers: the account opens nothing then."""

    def log_in(visit: Visit) -> Response:
        return visit.go(LOGIN)

    return (Screen(NAME, PATH, get=log_in, post=log_in),)


class NoDatabase:
    """Stands where a page has its transaction: whatever it is asked, the database is away."""

    def execute(self, *_: Any, **__: Any) -> Any:
        raise psycopg.OperationalError("asked without the database")


class Emergency:
    """Answers what can be answered without the database."""

    def __init__(self, settings: Settings, screens: Sequence[Screen]) -> None:
        self._settings = settings
        self._file = emergency.beside(settings.alerts_book) if settings.alerts_book is not None else None
        self._links = [one for one in screens if one.label and one.in_emergency]
        self._paces = Paces()

    def answer(self, screen: Screen, request: Request, posted: Posted) -> Response | None:
        """The page; None where it needs the database, or whoever asks has not the account. Raises Stopped."""
        if screen.name == CHOOSES_LANGUAGE and request.method in ("GET", "HEAD"):  # every page leads there
            return self._choose_language(request)
        if self._file is None:
            return None
        try:
            if screen.name == NAME and request.method == "POST":
                return self._come_in(request, posted)
            if request.method not in ("GET", "HEAD"):
                return None
            if screen.name == NAME:
                return self._ask(request)
            opening = self._opening(request)
            if opening is None or not (screen.in_emergency or screen.name == HOME):
                return None
            return self._page(screen, request, opening) if screen.in_emergency else RedirectResponse(FIRST, 303)
        except EmergencyError as error:
            if error.code == "unwritten":
                raise Stopped("unrecorded") from None
            return None

    def _choose_language(self, request: Request) -> Response:
        visit = self._visit(request)
        response = entering.choose_language(visit)
        self._set(response, LANGUAGE, visit.language, KEPT_LANGUAGE, "lax")
        return response

    def _opening(self, request: Request) -> Opening | None:
        """The account, as far as this browser has it."""
        assert self._file is not None
        shown = cookies(request.headers).get(self._settings.cookie(COOKIE), "")
        opening = emergency.read(self._file).opening if shown else None
        return opening if opening is not None and opening.lets_in(shown, clock.now()) else None

    def _ask(self, request: Request, error: bool = False) -> Response:
        language = language_asked(request.headers, self._settings)
        text = pages.render(language, "emergency.html", {"error": error, "here": PATH})
        return HTMLResponse(text, 401 if error else 200)

    def _come_in(self, request: Request, posted: Posted) -> Response:
        assert self._file is not None
        if posted.refused is not None:
            raise Stopped(posted.refused)
        peer = request.client.host if request.client is not None else ""
        is_proxy = peer.startswith("127.") or peer in ("", "::1")
        if not self._paces.may([("all", CODES_OF_ALL) if is_proxy else (network_of(peer), CODES)]):
            raise Stopped("too_many_attempts")
        said = posted.form.get("code", ())
        code = said[0] if len(said) == 1 and len(said[0]) <= LONGEST_CODE else ""
        now = clock.now()
        try:
            browser, opening = emergency.come_in(self._file, code, now)
        except EmergencyError as error:
            if error.code == "wrong":
                return self._ask(request, error=True)
            raise
        response = RedirectResponse(FIRST, 303)
        self._set(response, COOKIE, browser, _left(opening, now), "strict")
        return response

    def _set(
        self, response: Response, name: str, value: str, max_age: int, same_site: Literal["lax", "strict"]
    ) -> None:
        name, secure = self._settings.cookie(name), self._settings.is_encrypted
        response.set_cookie(name, value, max_age, secure=secure, httponly=True, samesite=same_site)

    def _page(self, screen: Screen, request: Request, opening: Opening) -> Response | None:
        """A page of the monitor, which is kept for the audit before it is sent."""
        assert self._file is not None
        if screen.get is None:
            return None
        if not self._paces.may([(opening.id, PAGES)]):
            raise Stopped("too_many_attempts")
        links = [Link(one.path, one.label, one.path == request.url.path) for one in self._links]
        visit = self._visit(request, links=links, emergency=datetime.fromisoformat(opening.until))
        try:
            response = screen.get(visit)
        except psycopg.Error:
            return None
        now = clock.now()
        emergency.note_page(self._file, opening.id, now, page=screen.name, request=visit.request_id)
        response.headers["refresh"] = f"{_left(opening, now)};url={PATH}"
        return response

    def _visit(self, request: Request, **more: Any) -> Visit:
        """A request of somebody who has come in by no password."""
        return Visit(
            tx=NoDatabase(),  # type: ignore[arg-type]
            keyring=self._settings.keyring,
            request_id=request_id(request),
            method=request.method,
            path=request.url.path,
            here=request.url.path,
            path_params=request.path_params,
            query=dict(request.query_params),
            form={},
            language=language_asked(request.headers, self._settings),
            browser="",
            known="",
            address=None,
            **more,
        )


def _left(opening: Opening, now: datetime) -> int:
    """Whole seconds until it is over."""
    return max(1, int((datetime.fromisoformat(opening.until) - now).total_seconds()))
