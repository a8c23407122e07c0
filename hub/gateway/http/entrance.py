"""What every request passes: its id, who it comes from, its key's limits; and what every answer has, problems too.

No CORS header and no cookie is ever set: nothing here is for browsers.
"""

import logging
from collections.abc import Mapping
from uuid import UUID

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import contracts
from hub.gateway.http import problems
from hub.gateway.http.accepted import wants_events
from hub.gateway.http.keys import CALLER, Caller
from hub.gateway.http.places import KNOWN
from hub.gateway.http.problems import Problem
from hub.gateway.http.sparing import Sparing
from messaging import clock, confidential
from messaging.health import health
from messaging.log import describe, fields

__all__ = ["Entrance", "Message", "Receive", "Scope", "Send", "headers_of", "note_refusal", "only_one"]

log = logging.getLogger("ruta.gateway")

REQUEST_ID = "ruta.request_id"  # in an ASGI scope
SUBMITS = "ruta.submits"  # there too: that a request submits messages, and as far as it was read what
API = "/v1/"  # all below it is for who has a key
FREE = frozenset({"/v1/openapi.json"})
LINES = 50  # of our log at once that say what was refused
ONCE = (b"authorization", b"prefer", b"accept-language")  # a proxy may take the first of two, and we another
NO_STORE = (b"cache-control", b"no-store")
NO_SNIFFING = (b"x-content-type-options", b"nosniff")


class Entrance:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._refusals, self._failures = Sparing(LINES), Sparing(LINES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, whatever comes of it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = contracts.uuid7().hex
        scope[REQUEST_ID] = request_id
        started = False

        async def say(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                health.count(f"http_answers {message['status'] // 100}xx")
                names = {name for name, _ in message["headers"]}
                more = [one for one in (NO_STORE, NO_SNIFFING) if one[0] not in names]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode()), *more]
            await send(message)

        problem = None
        try:
            for name in ONCE:
                only_one(scope, name)
            if scope["path"].startswith(API) and scope["path"] not in FREE:
                await self._for_who_has_a_key(scope, receive, say)
            else:
                await self._app(scope, receive, say)
        except Problem as found:
            problem = found
        except ClientDisconnect:
            return  # nobody is there to be answered, and nothing of ours has failed
        except Exception as error:
            if self._failures.may_say():
                log.error("a request failed", extra=fields(error=describe(error), request=request_id))
            problem = Problem(500, "internal")
        # Outside the except block: what is said here has no traceback that holds the request.
        if problem is not None:
            self._note(scope, problem)
            if not started:
                for message in problems.response(problem, problems.language_of(headers_of(scope)), request_id):
                    await say(message)

    async def _for_who_has_a_key(self, scope: Scope, receive: Receive, send: Send) -> None:
        state, headers = scope["app"].state, headers_of(scope)
        caller = scope[CALLER] = await state.keys.check(scope, headers)
        scope.get(KNOWN, _nobody_asks)(caller.organisation)
        stream = scope["method"] == "GET" and wants_events(scope["headers"])
        with state.in_use.one(caller.key_sha256, state.limits_of(caller.organisation), stream=stream):
            await self._app(scope, receive, send)

    def _note(self, scope: Scope, problem: Problem) -> None:
        caller: Caller | None = scope.get(CALLER)
        organisation = caller.organisation if caller else None
        if problem.code != "internal":  # of that there is a line already
            note_refusal(scope, problem)
        if self._refusals.may_say():
            said: dict[str, object] = {
                "code": problem.code, "where": problem.where or "-", "source": organisation or "-",
                "request": scope[REQUEST_ID], "message": problem.message_id or "-",
            }  # fmt: skip
            shown = confidential.in_a_log(said) if problem.code == confidential.REFUSED_AS else said
            log.info("refused", extra=fields(**shown))


def _nobody_asks(_organisation: str) -> None:
    """Where no server of ours is below."""


def note_refusal(scope: Scope, problem: Problem, body: bytes | None = None) -> None:
    """Count what is refused, by the organisation that it is refused to; of messages the log is to know.

    `body` is that of a message of several.
    """
    caller: Caller | None = scope.get(CALLER)
    message_id: UUID | None = problem.message_id
    refusals, now = scope["app"].state.refusals, clock.now()
    refusals.note(caller.organisation if caller else None, problem.code, now, message_id)
    # What may be said again as it is, a moment later, is no message that was refused.
    if caller is not None and SUBMITS in scope and problem.status < 500 and "Retry-After" not in problem.headers:
        refusals.log(caller.organisation, caller.system, problem.code, now, body or scope[SUBMITS])


def headers_of(scope: Scope) -> Mapping[bytes, bytes]:
    """The headers of a request by their names in lower case; of one that is there twice, the last."""
    return dict(scope["headers"])


def only_one(scope: Scope, name: bytes) -> bytes | None:
    """Return a header that a request has once or not at all; raise Problem 400 where it is there again."""
    values = [value for header, value in scope["headers"] if header == name]
    if len(values) > 1:
        raise Problem(400, "header_twice", name.decode().title())
    return values[0] if values else None
