"""What every request passes: who it comes from, whether they may, what is recorded of it; and what every answer has.

A page's function runs in a thread, in one transaction: the session is looked up, the page made, the audit appended, and
all of it committed, and only then is anything sent. So there is no page without its row, and a session that has been
ended is ended for the next request.
"""

import asyncio
import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlsplit

import psycopg
import psycopg_pool
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import contracts
from hub.console.web import answers, kept, pages, permissions, sessions
from hub.console.web.errors import IS_LOST, WAITS, WORDS, Stopped
from hub.console.web.screen import SOON, Handler, Screen
from hub.console.web.sessions import Session
from hub.console.web.settings import Settings
from hub.console.web.visit import BY_ITSELF, FORM_FIELD, Link, Visit, is_path
from hub.gateway.audit import store
from hub.gateway.http.places import KNOWN, network_of
from hub.gateway.http.problems import LANGUAGES, Language, language_of
from hub.gateway.http.sparing import Sparing
from messaging.database import Connection
from messaging.health import health
from messaging.log import describe, fields

log = logging.getLogger("ruta.console")

LONGEST_FORM: Final = 64 * 1024  # bytes
MOST_FIELDS: Final = 300
AT_ONCE: Final = 8  # pages that are made
AWAITED: Final = 6  # times that a page is made anew, while it says that what it waits for comes soon
AWAITED_EVERY: Final = 0.15  # seconds; no thread and no connection is kept meanwhile
HASHES_AT_ONCE: Final = 2
HASHES_WAIT: Final = 20  # who tries to come in beyond these is told to try again
LINES: Final = 50  # of our log at once that say what failed
KEPT_LANGUAGE: Final = 365 * 24 * 3600
BROWSER, KNOWN_BROWSER, LANGUAGE = "ruta", "ruta-known", "ruta-idioma"  # cookies
FORM: Final = "application/x-www-form-urlencoded"
LOGIN, UNLOCK = "/entrar", "/abrir"
STOPPED: Final = "/alto"
LEADS_ON: Final = 303
KEPT_AFTER: Final = ("changed", "form_expired", "too_slow")
"""Codes after which what was typed waits on the page of its form."""
REQUEST_ID: Final = re.compile(r"[0-9a-f]{32}")

HEADERS: Final = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "same-origin",  # with `no-referrer` browsers say of no form where it comes from
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
NO_STORE: Final = ("cache-control", "no-store")
ONLY_HTTPS: Final = ("strict-transport-security", "max-age=31536000")


class Shell:
    """ASGI middleware around the whole application: ids, headers, and pages of errors."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._settings = settings
        self._failures = Sparing(LINES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, whatever comes of it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = scope["ruta.request_id"] = contracts.uuid7().hex
        started = False

        async def say(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                health.count(f"http_answers {message['status'] // 100}xx")
                message["headers"] = [*message["headers"], *self._more(message["headers"], request_id)]
            await send(message)

        code, form_at = None, ""
        try:
            await self._app(scope, receive, say)
        except Stopped as stopped:
            code, form_at = stopped.code, stopped.form_at
        except HTTPException as error:
            code = "method_not_allowed" if error.status_code == 405 else "not_found"
        except ClientDisconnect:
            return
        except Exception as error:
            code = "internal"
            if self._failures.may_say():
                log.error("a request failed", extra=fields(error=describe(error), request=request_id))
        if code is None or started:
            return
        if scope["method"] == "POST":  # as no other page answers a form
            page = answers.address(f"{STOPPED}/{code}", request_id) + (f"&a={quote(form_at)}" if form_at else "")
            await RedirectResponse(page, LEADS_ON)(scope, receive, say)
        else:
            await error_page(code, language_asked(Headers(scope=scope), self._settings), request_id)(
                scope, receive, say
            )

    def _more(self, given: Sequence[tuple[bytes, bytes]], request_id: str) -> Iterator[tuple[bytes, bytes]]:
        names = {name for name, _ in given}
        more = [*HEADERS.items(), NO_STORE, ("x-request-id", request_id)]
        if self._settings.is_encrypted:
            more.append(ONLY_HTTPS)
        for name, value in more:
            if name.encode() not in names:
                yield name.encode(), value.encode()


def error_page(code: str, language: Language, request_id: str, form_at: str = "") -> Response:
    """The page of a code: for everybody the same but for its number, and the way back to a form."""
    status, heading, remedy = WORDS[code]
    values = {"code": code, "heading": heading, "remedy": remedy, "request_id": request_id}
    values |= {"form_at": form_at, "typed": IS_LOST if code == "database_away" else WAITS}
    return HTMLResponse(pages.render(language, "error.html", values), status)


def stopped_page(request: Request, settings: Settings) -> Response:
    """The page of a code, where whoever has sent a form is led to. Raises Stopped where there is none."""
    code, number = request.path_params["code"], request.query_params.get(answers.FIELD, "")
    if request.method not in ("GET", "HEAD") or code not in WORDS or not REQUEST_ID.fullmatch(number):
        raise Stopped("not_found")
    said = request.query_params.get("a", "")
    form_at = said if is_path(said) and code in (*KEPT_AFTER, "database_away") else ""
    return error_page(code, language_asked(request.headers, settings), number, form_at)


def language_asked(headers: Headers, settings: Settings) -> Language:
    """The language that somebody has chosen, else what their browser prefers."""
    said = cookies(headers).get(settings.cookie(LANGUAGE))
    chosen: Language | None = next((one for one in LANGUAGES if one == said), None)
    return chosen or language_of({b"accept-language": headers.get("accept-language", "").encode("latin-1")})


def cookies(headers: Headers) -> Mapping[str, str]:
    """The cookies of a request, of one that is there twice the first."""
    found: dict[str, str] = {}
    for one in headers.get("cookie", "").split(";"):
        name, _, value = one.strip().partition("=")
        found.setdefault(name, value)
    return found


def is_from_here(headers: Headers) -> bool:
    """Whether what is posted comes from a page of ours, as far as the browser says; a form's token says so, too."""
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None and site != "same-origin":
        return False
    return origin is None or urlsplit(origin).netloc == headers.get("host")


async def read_form(request: Request) -> Mapping[str, Sequence[str]]:
    """What was posted, by the names of fields. Raises Stopped."""
    if not is_from_here(request.headers):
        raise Stopped("wrong_origin")
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise Stopped("unreadable")
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LONGEST_FORM:
            raise Stopped("too_large")
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, strict_parsing=bool(body), errors="strict",
            max_num_fields=MOST_FIELDS,
        )  # fmt: skip
    except ValueError:  # as UnicodeDecodeError is one
        raise Stopped("unreadable") from None
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        if "\0" in name or "\0" in value:
            raise Stopped("unreadable")
        found.setdefault(name, []).append(value)
    return found


@dataclass(frozen=True, slots=True)
class Posted:
    """A form, or with which code it is refused."""

    form: Mapping[str, Sequence[str]] = field(default_factory=dict)
    refused: str | None = None


Without = Callable[[Screen, Request, Posted], Response | None]
"""What can be answered while the database is away; None: nothing."""


class AnsweredForm(Exception):
    """A form is answered with a page, which browsers would keep with what was typed: it is not sent."""


class UnrecordedPage(Exception):
    """A page has not noted what it has to: it is not sent."""


class Serving:
    """Makes pages, a few at a time, each in a thread and a transaction of its own."""

    def __init__(self, settings: Settings, pool: Any, screens: Sequence[Screen], without: Without) -> None:
        """`pool` has AT_ONCE connections to the console's database; `without` it is asked while that is away."""
        self.settings = settings
        self._without = without
        self._pool = pool
        self._threads = ThreadPoolExecutor(AT_ONCE, "page")
        self._hashing = asyncio.Semaphore(HASHES_AT_ONCE)
        self._hashes_waiting = 0
        self._links = [one for one in screens if one.label]
        self.has_appended = False
        """To the audit, since the copy of its checkpoints was last written."""

    def stop(self) -> None:
        """Let no thread stay."""
        self._threads.shutdown()

    async def answer(self, screen: Screen, request: Request) -> Response:
        """Return the page that a request asks for. Raises Stopped."""
        posted = Posted()
        is_post = request.method == "POST"
        if is_post:
            try:
                posted = Posted(await read_form(request))
            except Stopped as stopped:  # once it is known whom, it is recorded
                posted = Posted(refused=stopped.code)
        if not (is_post and screen.hashes):
            response = await self._in_thread(screen, request, posted)
            if screen.is_awaited and not is_post:
                for _ in range(AWAITED):
                    if response.headers.get("refresh") != str(SOON):
                        break
                    await asyncio.sleep(AWAITED_EVERY)
                    response = await self._in_thread(screen, request, posted)
            return response
        if self._hashes_waiting >= HASHES_WAIT:
            raise Stopped("busy")
        self._hashes_waiting += 1
        try:
            async with self._hashing:
                return await self._in_thread(screen, request, posted)
        finally:
            self._hashes_waiting -= 1

    async def _in_thread(self, screen: Screen, request: Request, posted: Posted) -> Response:
        loop = asyncio.get_running_loop()
        response, session = await loop.run_in_executor(self._threads, self._make, screen, request, posted)
        if session is not None and KNOWN in request.scope:
            request.scope[KNOWN](session.staff.organisation)
        return response

    def _make(self, screen: Screen, request: Request, posted: Posted) -> tuple[Response, Session | None]:
        visit: Visit | None = None
        try:
            try:
                with self._pool.connection() as tx:
                    visit = self._visit(tx, request, posted.form)
                    if posted.refused is not None:
                        raise Stopped(posted.refused)
                    response = self._page(visit, screen, cookies(request.headers))
                if visit.acts:  # other threads say so, too
                    self.has_appended = True
                return response, visit.session
            except Stopped as stopped:
                if visit is not None and visit.session is not None:
                    self._note_refusal(visit, screen, stopped)
                raise
        except psycopg.errors.QueryCanceled:
            log.warning("a page took too long", extra=fields(screen=screen.name, request=request_id(request)))
            raise Stopped("too_slow", self._keep_after_all(visit, screen)) from None
        except (psycopg_pool.PoolTimeout, psycopg.OperationalError, psycopg.InterfaceError) as error:
            log.warning("the database is away", extra=fields(error=describe(error), request=request_id(request)))
            if (without := self._without(screen, request, posted)) is not None:
                return without, None
            raise Stopped("database_away", typed_at(screen, request.url.path, posted.form)) from None

    def _visit(self, tx: Connection, request: Request, form: Mapping[str, Sequence[str]]) -> Visit:
        settings, had = self.settings, cookies(request.headers)
        browser = had.get(settings.cookie(BROWSER), "")
        session = sessions.current(tx, browser, lock_after=settings.lock_after) if browser else None
        if session is not None and not settings.takes_part(session.staff.organisation):
            session = None
        if session is not None:
            session = replace(session, staff=settings.at_present(session.staff))
        peer = request.client.host if request.client is not None else ""
        return Visit(
            tx=tx,
            keyring=settings.keyring,
            request_id=request_id(request),
            method=request.method,
            path=request.url.path,
            here=request.url.path + (f"?{request.url.query}" if request.url.query else ""),
            path_params=request.path_params,
            query=dict(request.query_params),
            form=form,
            language=language_asked(request.headers, settings),
            browser=browser or sessions.new_browser(),
            known=had.get(settings.cookie(KNOWN_BROWSER), ""),
            address=None if peer.startswith("127.") or peer in ("", "::1") else network_of(peer),
            session=session,
            links=self._links_of(session, request.url.path),
            searches=self._may_search(session, "found"),
            finds_messages=self._may_search(session, "messages"),
            finds_people=session is not None and settings.is_hosted(session.staff.organisation),
        )

    def _may_search(self, session: Session | None, screen: str) -> bool:
        if session is None or session.is_locked or session.is_idle:
            return False
        return permissions.may_come(screen, session.staff.roles)

    def _links_of(self, session: Session | None, path: str) -> Sequence[Link]:
        if session is None or session.is_locked or session.is_idle:
            return ()
        roles = session.staff.roles
        return [
            Link(one.path, one.label, one.path == path) for one in self._links if permissions.may_come(one.name, roles)
        ]

    def _page(self, visit: Visit, screen: Screen, had: Mapping[str, str]) -> Response:
        """The page, with the cookies of its visit; what is to be recorded is, in the same transaction."""
        language, known = visit.language, visit.known
        response = self._allowed(visit, screen)
        is_shown = response.status_code < 300
        if is_shown and screen.act is not None and all(one.act != screen.act for one in visit.acts):
            raise UnrecordedPage(screen.name)
        store.append(visit.tx, visit.acts, self.settings.sign)
        if visit.browser != had.get(self.settings.cookie(BROWSER)):
            self._set(response, BROWSER, visit.browser, None)
        if visit.known != known:
            self._set(response, KNOWN_BROWSER, visit.known, sessions.KNOWN_FOR * 24 * 3600)
        if visit.language != language:
            self._set(response, LANGUAGE, visit.language, KEPT_LANGUAGE)
        # What is on the screen of whoever has gone does not stay there.
        if response.status_code != LEADS_ON and visit.session is not None:
            back_to = self._comes_back_to(visit, screen)
            url = f"{UNLOCK}?a={quote(back_to)}" if back_to != "/" else UNLOCK
            response.headers.setdefault("refresh", f"{self._leaves_in(visit, screen)};url={url}")
        return response

    def _comes_back_to(self, visit: Visit, screen: Screen) -> str:
        """The page to which the PIN leads back from a page that goes by itself: what a form led to is over by then."""
        if permissions.MAY[screen.name] is permissions.ANYBODY:  # as the page of the PIN itself
            return visit.back_to
        if answers.FIELD in visit.query:
            return visit.path
        page = page_of(visit, screen) if visit.method == "POST" else visit.here
        return page if is_path(page) else "/"

    def _leaves_in(self, visit: Visit, screen: Screen) -> int:
        """In how many seconds a page goes by itself: what the browser has asked for by itself puts that off no more."""
        lock, session = 60 * self.settings.lock_after + 1, visit.session
        if session is None or session.is_locked or session.is_idle or _is_activity(visit, screen):
            return lock
        return max(1, lock - int(session.idle_seconds))

    def _set(self, response: Response, name: str, value: str, max_age: int | None) -> None:
        response.set_cookie(
            self.settings.cookie(name), value, max_age, secure=self.settings.is_encrypted, httponly=True, samesite="lax"
        )

    def _allowed(self, visit: Visit, screen: Screen) -> Response:
        """The page, for whoever may come to it."""
        session = visit.session
        if session is not None and session.is_idle and sessions.lock(visit.tx, session.id):
            visit.note("session_locked", session=str(session.id))
        is_open = permissions.MAY[screen.name] is permissions.ANYBODY
        if not is_open:
            if session is None:
                return visit.go(LOGIN, self._back_to(visit, screen))
            if session.is_locked or session.is_idle:
                return visit.go(UNLOCK, self._back_to(visit, screen))
            if session.is_due and _is_activity(visit, screen):
                sessions.note_activity(visit.tx, session.id)
            if not permissions.may_come(screen.name, session.staff.roles):
                raise Stopped("not_found")
        handler: Handler | None = screen.post if visit.method == "POST" else screen.get
        if handler is None or visit.method not in ("GET", "HEAD", "POST"):
            raise Stopped("method_not_allowed")
        if visit.method == "POST" and not visit.has_form_token():
            raise Stopped("form_expired")
        if visit.method == "GET" and not is_open and answers.FIELD in visit.query:
            visit.find_answer()
        response = handler(visit)
        if visit.method == "POST":
            if not screen.answers_itself and response.status_code != LEADS_ON:
                raise AnsweredForm(screen.name)
            if not is_open and not visit.comes_back:
                kept.drop(visit.tx, visit.staff.code, page_of(visit, screen))
        return response

    def _back_to(self, visit: Visit, screen: Screen) -> str | None:
        """The page to come back to; what a member of staff has sent from it waits there for them."""
        if visit.method in ("GET", "HEAD"):
            return visit.here if is_path(visit.here) else None
        staff = visit.whose
        if staff is None or not visit.has_form_token() or not self.settings.takes_part(staff.organisation):
            return None
        if not permissions.may_come(screen.name, self.settings.at_present(staff).roles):
            return None
        page = page_of(visit, screen)
        if not is_path(page):  # it is nowhere, and the database takes no name with a NUL
            return None
        if screen.keeps_typed and (said := said_in(visit.form)):
            kept.keep(visit.tx, visit.keyring, staff.code, page, said)
        return page

    def _note_refusal(self, visit: Visit, screen: Screen, stopped: Stopped) -> None:
        """Record that somebody who has come in was refused something; what they asked for in vain is not repeated.

        What they had typed may wait for them.
        """
        with self._pool.connection() as tx:
            visit.tx, visit.acts = tx, []
            if stopped.code in KEPT_AFTER:
                stopped.form_at = self._keep(visit, screen)
            visit.note("access_refused", code=stopped.code, screen=screen.name)
            store.append(tx, visit.acts, self.settings.sign)
        self.has_appended = True

    def _keep(self, visit: Visit, screen: Screen) -> str:
        """Let what was typed wait on the page of its form; return that page, or nothing where nothing waits.

        What stands on a page that somebody else had opened in this browser is not theirs who send it.
        """
        page = typed_at(screen, visit.path, visit.form)
        if not page or not visit.has_own_form():
            return ""
        return page if kept.keep(visit.tx, visit.keyring, visit.staff.code, page, said_in(visit.form)) else ""

    def _keep_after_all(self, visit: Visit | None, screen: Screen) -> str:
        """The same of a form whose transaction is over, as far as the database does it now."""
        if visit is None or visit.session is None:
            return ""
        try:
            with self._pool.connection() as visit.tx:
                return self._keep(visit, screen)
        except (psycopg_pool.PoolTimeout, psycopg.Error):
            return ""


def said_in(form: kept.Form) -> kept.Form:
    """What of a form is kept: without its token, and the page that it names."""
    return {name: said for name, said in form.items() if name not in (FORM_FIELD, "a")}


def typed_at(screen: Screen, path: str, form: kept.Form) -> str:
    """The page of the form that was sent, where something was typed into it; else nothing.

    Of a button somewhere else nothing was typed: its form names the page to come back to.
    """
    if not screen.keeps_typed or permissions.MAY[screen.name] is permissions.ANYBODY:
        return ""
    said = {name: values for name, values in form.items() if name not in (FORM_FIELD, kept.FORM_ID)}
    is_typed = "a" not in said and any(value.strip() for values in said.values() for value in values)
    return path if is_typed and screen.get is not None and is_path(path) else ""


def _is_activity(visit: Visit, screen: Screen) -> bool:
    """Whether a request shows that somebody is there, and no browser has made it by itself."""
    return screen.is_activity and BY_ITSELF not in visit.query


def page_of(visit: Visit, screen: Screen) -> str:
    """The page that a form stands on: which it names in the field `a`, or where it is sent to."""
    return visit.back_to if "a" in visit.form or screen.get is None else visit.path


def request_id(request: Request) -> str:
    """The id of a request, which stands on pages of errors, in our log and in the audit."""
    id: str = request.scope["ruta.request_id"]
    return id


def nothing(_: Visit) -> Response:
    """What is found at an address that is none: for staff it is recorded as a page that is not for them."""
    raise Stopped("not_found")


NOTHING: Final = Screen("nothing", "/{anything:path}", get=nothing, post=nothing)
