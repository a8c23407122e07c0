"""An organisation's inbox by HTTP, and what became of its messages.

    GET  /v1/inbox?after=12&limit=100&wait=30     what is behind the cursor; nothing yet: waits so many seconds
    GET  /v1/inbox   Accept: text/event-stream    the same without an end; goes on behind Last-Event-ID
    POST /v1/inbox/acknowledge                    {"through": "12"} or {"ids": ["…"]}
    GET  /v1/messages/{id}                        what became of a message that the organisation has sent

To read acknowledges nothing, and what is acknowledged can be read again. Without a cursor one reads from the first
message on that is not acknowledged. A key that is bound to a system has that system's part of the inbox.
"""

import asyncio
import re
import time
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from hub.gateway.http import delivered, keys, limits
from hub.gateway.http.accepted import wants_events
from hub.gateway.http.asking import CANONICAL_UUID, RETRY_AFTER, outcome_of, read_message
from hub.gateway.http.delivered import DatabaseAway, Delivery, Inbox, UnknownCursor, UnknownMessage
from hub.gateway.http.problems import Problem
from hub.gateway.http.streaming import MAY_READ_EVERY, Stream

MOST_MESSAGES, USUAL_MESSAGES = 500, 100  # of one answer
MOST_BYTES = 512 * 1024  # of the messages in one answer: while one is written, everybody else waits
LONGEST_WAIT = 30  # seconds
MOST_ACKNOWLEDGED = 1_000  # ids of one request
MOST_BYTES_ACKNOWLEDGED = 64 * 1024  # of its body

PARAMETERS = frozenset({"after", "limit", "wait"})
NUMBER = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)
NO_STORE = {"cache-control": "no-store"}

encode = msgspec.json.encode

__all__ = ["outcome_of", "routes"]


async def read_inbox(request: Request) -> ASGIApp:
    """Answer with a page of the inbox, or with all of it as it comes."""
    caller = keys.caller(request)
    parameters = limits.parameters(request.scope["query_string"], PARAMETERS)
    limit = min(_number(parameters, "limit", USUAL_MESSAGES), MOST_MESSAGES)
    wait = min(_number(parameters, "wait", 0), LONGEST_WAIT)
    inbox, pool, signals = (
        Inbox.of(caller.organisation, caller.system),
        request.app.state.pool,
        request.app.state.signals,
    )
    streams = wants_events(request.scope["headers"])
    after, where = _cursor(parameters.get("after")), "after"
    if streams and (last := request.headers.get("last-event-id")) is not None:
        # A browser that comes back says both, and has been further than its address says.
        after, where = _cursor(last, "last-event-id"), "last-event-id"
    try:
        after = await delivered.position(pool, inbox, after)
        if streams and request.method == "GET":
            return Stream(pool, signals, inbox, after, write=_as_event, may_read=lambda: _may_read(request, caller))
        page = await _page(request, caller, after, limit, wait if request.method == "GET" else 0)
        waiting = await delivered.waiting(pool, inbox) if limit == 0 else None
    except UnknownCursor:
        raise Problem(400, "cursor", where) from None
    except DatabaseAway:
        raise Problem(503, "database_away", retry_after=RETRY_AFTER) from None
    return Response(_as_json(page, after, waiting), media_type="application/json", headers=NO_STORE)


async def _page(request: Request, caller: keys.Caller, after: int, limit: int, wait: int) -> delivered.Page:
    """Return what is behind a cursor as soon as there is anything, or the reader has waited long enough."""
    pool, signals = request.app.state.pool, request.app.state.signals
    inbox = Inbox.of(caller.organisation, caller.system)
    until = time.monotonic() + wait
    gone = asyncio.create_task(_gone(request))
    try:
        while True:
            woken = signals.inbox(inbox.organisation)
            try:
                page = await delivered.page(pool, inbox, after, limit=limit, most_bytes=MOST_BYTES)
                while not (page.deliveries or woken.done() or gone.done() or time.monotonic() >= until):
                    patience = min(MAY_READ_EVERY, until - time.monotonic())
                    await asyncio.wait([woken, gone], timeout=patience, return_when=asyncio.FIRST_COMPLETED)
                    if not await _may_read(request, caller):
                        raise Problem(401, "key_expired")
                if page.deliveries or not woken.done() or signals.ended or gone.done():
                    return page
            finally:
                woken.cancel()
    finally:
        gone.cancel()


async def acknowledge(request: Request) -> Response:
    """Note that the organisation has what it names: all up to a cursor, or single messages."""
    caller = keys.caller(request)
    limits.parameters(request.scope["query_string"])
    asked = await _json_object(request)
    inbox, pool = Inbox.of(caller.organisation, caller.system), request.app.state.pool
    if set(asked) not in ({"through"}, {"ids"}):
        raise Problem(422, "invalid_field", next(iter(sorted(set(asked) - {"through", "ids"})), "through"))
    try:
        if "through" in asked:
            through = _cursor(asked["through"], "through")
            acknowledged = await delivered.acknowledge_through(pool, inbox, through or 0)
        else:
            acknowledged = await delivered.acknowledge(pool, inbox, _ids(asked["ids"]))
    except UnknownCursor:
        raise Problem(400, "cursor", "through") from None
    except UnknownMessage:
        raise Problem(404, "unknown_message", "ids") from None
    except DatabaseAway:
        raise Problem(503, "database_away", retry_after=RETRY_AFTER) from None
    return Response(encode({"acknowledged": acknowledged}), media_type="application/json", headers=NO_STORE)


async def _may_read(request: Request, caller: keys.Caller) -> bool:
    """Whether the key still holds. While that cannot be asked nothing can be read either, and the stream stays."""
    try:
        return bool(await request.app.state.keys.is_valid(caller))
    except Problem:
        return True


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


# -- what a request says ----------------------------------------------------------------------------------------------


def _number(parameters: dict[str, str], name: str, usual: int) -> int:
    value = parameters.get(name)
    if value is None:
        return usual
    if not NUMBER.fullmatch(value):
        raise Problem(400, "parameter", name)
    return int(value)


def _cursor(value: object, where: str = "after") -> int | None:
    """Read a cursor, which is one of our numbers as we wrote it. Raises Problem."""
    if value is None and where == "after":
        return None
    if not isinstance(value, str) or not NUMBER.fullmatch(value):
        raise Problem(400, "cursor", where)
    return int(value)


async def _json_object(request: Request) -> dict[str, Any]:
    """Read a small body. Raises Problem."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Problem(415, "content_type")
    if "content-encoding" in request.headers:
        raise Problem(415, "content_encoding")
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_BYTES_ACKNOWLEDGED:
            raise Problem(413, "too_large", headers={"connection": "close"})
    try:
        asked = msgspec.json.decode(bytes(body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Problem(400, "not_json") from None
    if not isinstance(asked, dict):
        raise Problem(422, "invalid_field")
    return asked


def _ids(value: object) -> frozenset[UUID]:
    if not isinstance(value, list) or len(value) > MOST_ACKNOWLEDGED:
        raise Problem(422, "invalid_field", "ids")
    if not all(isinstance(one, str) and CANONICAL_UUID.fullmatch(one) for one in value):
        raise Problem(404, "unknown_message", "ids")
    return frozenset(UUID(one) for one in value)


# -- what is answered -------------------------------------------------------------------------------------------------


def _as_json(page: delivered.Page, after: int, waiting: int | None) -> bytes:
    """Write a page; each message is put in byte for byte, as it was written by whom it is from."""
    last = page.deliveries[-1].number if page.deliveries else after
    said = b'{"messages":[' + b",".join(_entry(one) for one in page.deliveries) + b'],"next":"%d"' % last
    said += b',"more":' + (b"true" if page.more else b"false")
    if waiting is not None:
        said += b',"waiting":%d' % waiting
    return said + b"}"


def _entry(delivery: Delivery) -> bytes:
    head = b'{"cursor":"%d","acknowledged":%s,' % (
        delivery.number,
        b"true" if delivery.acknowledged_at is not None else b"false",
    )
    kind, said = _what(delivery)
    return head + (b'"message":' + said if kind == "message" else b'"%s":true,%s' % (kind.encode(), said[1:-1])) + b"}"


def _as_event(delivery: Delivery) -> bytes:
    """Write an event. Within JSON a line ends only between two of its parts, where a space says the same."""
    kind, said = _what(delivery)
    line = said.replace(b"\r", b" ").replace(b"\n", b" ")
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (delivery.number, kind.encode(), line)


def _what(delivery: Delivery) -> tuple[str, bytes]:
    """Return whether it is a `message`, `erased`, `expired` or `unreadable`, and the JSON that says what there is."""
    said: dict[str, object] = {
        "id": str(delivery.message_id),
        "type": delivery.type,
        "delivered_at": _time(delivery.delivered_at),
    }
    if delivery.body is None:
        return "erased" if delivery.erased_at is not None else "expired", encode(said)
    body = delivery.body.encode()
    try:
        msgspec.json.decode(body, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError):
        return "unreadable", encode(said | {"raw": delivery.body})
    return "message", body


def _time(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


routes = [
    Route("/v1/inbox", read_inbox, methods=["GET"]),
    Route("/v1/inbox/acknowledge", acknowledge, methods=["POST"]),
    Route("/v1/messages/{id}", read_message, methods=["GET"]),
]
