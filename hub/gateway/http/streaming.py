"""An inbox as server-sent events: what waits, then what comes, for as long as the reader stays and may read.

Nothing is kept for a reader but the page that is being sent to it: it is taken from the table as fast as it reads.
Whoever was cut off goes on behind the last `id` that it has seen, and has missed nothing.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from starlette.types import Receive, Scope, Send

from hub.gateway.http import delivered
from hub.gateway.http.delivered import DatabaseAway, Delivery, Inbox, Pool
from hub.gateway.http.signals import Signals

HEARTBEAT_EVERY = 15.0  # seconds
LOOK_AGAIN_AFTER = 1.0  # seconds, while the database is away
MAY_READ_EVERY = 1.0  # seconds between two looks whether the reader still may
CLOSED_WITHIN = 1.0
AT_ONCE, BYTES_AT_ONCE = 100, 256 * 1024  # what is taken from the table for one reader
PIECE = 16 * 1024  # bytes; what a connection holds unsent is no more than its own limit and one of these

HEADERS = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # a proxy in front of us must not gather
]
RETRY = b"retry: 2000\n\n"
COMMENT = b":\n\n"


class Stream:
    """An ASGI application that answers one request. `write` makes an event of a delivery."""

    def __init__(
        self,
        pool: Pool,
        signals: Signals,
        inbox: Inbox,
        after: int,
        *,
        write: Callable[[Delivery], bytes],
        may_read: Callable[[], Awaitable[bool]],
    ) -> None:
        self._pool, self._signals, self._inbox, self._after = pool, signals, inbox, after
        self._write, self._may_read = write, may_read

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream until the reader has gone, may read no more or reads no more, or the process is about to end."""
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        tasks = [
            asyncio.create_task(one) for one in (self._send_all(send), self._watch_reader(), _disconnected(receive))
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            # One that waits for a silent database ends later, and says nothing more.
            await asyncio.wait(tasks, timeout=CLOSED_WITHIN)
        for task in tasks:
            if task.done() and not task.cancelled() and (error := task.exception()) is not None:
                raise error
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSED_WITHIN):
                await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send_all(self, send: Send) -> None:
        await _send(send, RETRY)
        while True:
            await self._send_next(send)

    async def _send_next(self, send: Send) -> None:
        """Send a page of what is there; where that is all, return when there may be more, or it is time to look."""
        woken = self._signals.inbox(self._inbox.organisation)
        try:
            wait = HEARTBEAT_EVERY
            try:
                page = await delivered.page(
                    self._pool, self._inbox, self._after, limit=AT_ONCE, most_bytes=BYTES_AT_ONCE
                )
            except DatabaseAway:
                wait = LOOK_AGAIN_AFTER
            else:
                for delivery in page.deliveries:
                    await _send(send, self._write(delivery))
                    self._after = delivery.number
                if page.more:
                    return
            await asyncio.wait([woken], timeout=wait)
            if not woken.done():
                await _send(send, COMMENT)
        finally:
            woken.cancel()

    async def _watch_reader(self) -> None:
        """Return when the reader may read no more, or the process is about to end."""
        while not self._signals.ended and await self._may_read():
            ending = self._signals.ending()
            await asyncio.wait([ending], timeout=MAY_READ_EVERY)
            ending.cancel()


async def _send(send: Send, event: bytes) -> None:
    """Send piece by piece, each when there is room for it; who takes nothing the server cuts off (unread.py)."""
    for start in range(0, len(event), PIECE):
        await send({"type": "http.response.body", "body": event[start : start + PIECE], "more_body": True})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
