"""HTTP/1.1 as strangers speak it: uvicorn's protocol over httptools, strict about the protocol and about time.

httptools (llhttp) refuses what is malformed. Added is what it, or uvicorn, lets through: how much (URL, headers, body,
requests in advance) and how long (headers, body, idleness) here, what is no request of ours in heads.py, who does not
read its answer in unread.py, how many connections in places.py. Whatever is refused gets one problem document, after
the answers to the requests before it, and the connection is closed: of a stream that went wrong once, nobody knows
where the next request begins.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Set
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

import httptools
from starlette.requests import ClientDisconnect
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from hub.gateway.http.connection_limits import Limits
from hub.gateway.http.heads import Head, longest_body
from hub.gateway.http.places import KNOWN, Place
from hub.gateway.http.protocol_errors import (
    HEADERS_TOO_LARGE,
    MALFORMED,
    METHOD,
    TOO_LARGE,
    TOO_MANY_IN_ADVANCE,
    TOO_SLOW,
    URI_TOO_LONG,
    ProtocolError,
    Refusal,
)
from hub.gateway.http.unread import Unread

TRAILING_DATA = 64 * 1024  # bytes that the framing of a chunked body may take beside as many as the body itself


Application = Callable[[Any, Any, Any], Awaitable[None]]


class Stage(Enum):
    """What is being read."""

    NOTHING = auto()  # between requests
    HEADERS = auto()
    BODY = auto()


@dataclass(frozen=True, slots=True)
class ServerRules:
    """What holds for all connections of a server."""

    hosts: Set[bytes]
    """Names and addresses by which a request may call it, in lower case, without ports."""
    limits: Limits
    refuses: Callable[[ProtocolError], None]
    """Hears of each refusal."""


class Protocol(HttpToolsProtocol):
    """One connection."""

    def __init__(
        self, config: Config, server_state: ServerState, app_state: dict[str, Any], rules: ServerRules, place: Place
    ) -> None:
        super().__init__(config, server_state, app_state)
        self.limits = rules.limits
        self._rules = rules
        self._place = place
        self._stage = Stage.NOTHING
        self._begun = 0  # requests so far
        self._header_bytes = 0  # of this request
        self._body_bytes = 0
        self._raw_bytes = 0  # of what is being read, as they came, with all that frames it
        self._most = self.limits.body
        self._is_last = False  # nothing is read after this request
        self._refused: ProtocolError | None = None
        self._reading: asyncio.TimerHandle | None = None
        self._lingering: asyncio.TimerHandle | None = None
        self.timeout_keep_alive = self.limits.stranger_idle  # type: ignore[assignment]  # as call_later takes it

    # -- the connection ------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, unless there are too many."""
        super().connection_made(transport)
        self._place.cut = transport.abort
        self._place.is_sent = lambda: not transport.get_write_buffer_size()
        self._unread = Unread(self.loop, self.limits, transport.get_extra_info("socket"), transport.abort)
        transport.set_write_buffer_limits(high=self.limits.unsent)
        if self._place.refused is not None:
            self._refuse(self._place.refused)
        else:
            self._reading = self.loop.call_later(self.limits.stranger_idle, self._too_slow)

    def connection_lost(self, exc: Exception | None) -> None:
        """End everything that was waited for."""
        for timer in (self._reading, self._lingering):
            if timer is not None:
                timer.cancel()
        self._unread.end()
        self._place.leave()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what has come, and mind how long the rest may take; after a refusal it is dropped."""
        if self._refused is not None or (self._is_last and self._stage is Stage.NOTHING):
            return
        before, begun = self._stage, self._begun
        super().data_received(data)
        if self._refused is not None:
            return
        if self._begun == begun and self._stage is before:
            if self._reading is None:
                self._mind_time()
            self._raw_bytes += len(data)
        else:
            self._mind_time()
            # How much of it belongs to what is being read now is known only of the first request that is in it.
            self._raw_bytes = len(data) if self._begun <= begun + 1 and before is Stage.NOTHING else 0
        if self._stage is Stage.HEADERS and self._raw_bytes > self.limits.headers:
            self._refuse(HEADERS_TOO_LARGE)
        elif self._stage is Stage.BODY and self._raw_bytes > 2 * self._most + TRAILING_DATA:
            self._refuse(TOO_LARGE)

    def pause_writing(self) -> None:
        """Of what was written too much is unsent: who reads nothing of it is cut off."""
        super().pause_writing()
        self._unread.watch()

    def resume_writing(self) -> None:
        """It has been read."""
        super().resume_writing()
        if not self.transport.is_closing():
            self._unread.end()

    def shutdown(self) -> None:
        """The process stops: what is under way is answered."""
        super().shutdown()
        self._mind_end()

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection that has been idle for long."""
        super().timeout_keep_alive_handler()
        self._mind_end()

    def _mind_end(self) -> None:
        """Being closed, what is unsent still goes out, and of TLS a farewell comes back: not for ever."""
        if self.transport.is_closing() and self in self.connections:  # which it is until it has ended
            self._unread.watch()

    def _known(self, organisation: str) -> None:
        """Hear that a request came with a good key of an organisation."""
        self._place.known(organisation)
        self.timeout_keep_alive = self.limits.idle  # type: ignore[assignment]

    def _mind_rest(self) -> None:
        """Between requests, this connection makes room for another one where there is no place left.

        One whose headers are not all there is none yet, and of one that is answered already the body is of no use: no
        limit of a key counts either, and any number of connections could be kept so.
        """
        if self._is_answered() and not self.pipeline:
            self._place.rests()

    # -- time ----------------------------------------------------------------------------------------------------------

    def _mind_time(self) -> None:
        """Limit how long what is being read may take from now on."""
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None
        if self._stage is Stage.BODY:
            self._reading = self.loop.call_later(self.limits.body_within, self._too_slow)
        elif self._stage is Stage.HEADERS:
            self._reading = self.loop.call_later(self.limits.headers_within, self._too_slow)
        elif self._is_answered() and self.timeout_keep_alive_task is None:
            # Line ends before a request are no request, and have taken the limit of idle connections away.
            within = min(self.limits.headers_within, self.timeout_keep_alive)
            self._reading = self.loop.call_later(within, self._too_slow)

    def _too_slow(self) -> None:
        self._reading = None
        if self._stage is Stage.NOTHING:
            if self._is_answered():
                self.transport.close()
                self._mind_end()
        elif self.flow.read_paused:  # it is we who do not read
            self._mind_time()
        else:
            self._refuse(TOO_SLOW)

    def _is_answered(self) -> bool:
        """Whether every request that came has its whole answer."""
        return self.cycle is None or self.cycle.response_complete

    # -- callbacks of the parser ---------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._stage = Stage.HEADERS
        self._begun += 1
        self._header_bytes = self._body_bytes = 0

    def on_url(self, url: bytes) -> None:
        """A part of the URL."""
        if len(self.url) + len(url) > self.limits.url:
            raise Refusal(URI_TOO_LONG)
        self._header_bytes += len(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; or a trailer, which would otherwise become one after the application has looked at them."""
        if self._stage is not Stage.HEADERS:
            return
        self._header_bytes += len(name) + len(value) + 4  # with `: ` and the end of the line
        if len(self.headers) >= self.limits.header_count or self._header_bytes > self.limits.headers:
            raise Refusal(HEADERS_TOO_LARGE)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Let a request go to the application, or refuse it."""
        head = Head(
            self.parser.get_method(),
            self.url,
            self.parser.get_http_version(),
            self.headers,
            self.parser.should_upgrade(),
        )
        self._most = longest_body(head, self._rules.hosts, self.limits)
        if len(self.pipeline) >= self.limits.pipelined:
            raise Refusal(TOO_MANY_IN_ADVANCE)
        self.scope[KNOWN] = self._known  # type: ignore[literal-required]
        super().on_headers_complete()  # which refuses a path that is none
        self._place.works()
        self._stage = Stage.BODY
        if self.parser.should_upgrade():  # nobody here speaks anything else, and the parser reads no further
            self.cycle.keep_alive = False
        self._is_last = not self.cycle.keep_alive

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        self._body_bytes += len(body)
        if self._body_bytes > self._most:
            raise Refusal(TOO_LARGE)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """A request has come whole."""
        self._stage = Stage.NOTHING
        super().on_message_complete()
        self._mind_rest()

    # -- answers -------------------------------------------------------------------------------------------------------

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        super()._start_asgi_task(cycle, self._while_wanted(app, cycle))

    def on_response_complete(self) -> None:
        """A request has its whole answer; what was refused behind it is next, when nothing else is."""
        others = bool(self.pipeline)
        super().on_response_complete()
        self._mind_end()
        self._mind_rest()
        if self._refused is not None and not others:
            self._unset_keepalive_if_required()
            self._answer(self._refused)

    def send_400_response(self, msg: str) -> None:
        """Called by uvicorn where the parser has failed, while its error is being handled."""
        error = sys.exc_info()[1]
        cause = error.__context__ if error is not None else None
        if isinstance(cause, Refusal):
            self._refuse(cause.error)
        elif isinstance(error, httptools.HttpParserInvalidMethodError):
            self._refuse(METHOD)
        else:
            self._refuse(MALFORMED)

    def _refuse(self, error: ProtocolError) -> None:
        """Read no further, and answer so as soon as it is this request's turn."""
        self._refused = error
        if error is not self._place.refused:  # of which is known already
            self._rules.refuses(error)
        self._unset_keepalive_if_required()
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None
        if self._stage is not Stage.BODY:
            if self._is_answered():
                self._answer(error)
        elif self.pipeline and self.pipeline[0][0] is self.cycle:
            self.pipeline.popleft()  # it has not been begun, and those before it have no answer yet
        else:
            self._give_up(self.cycle)
            if self.cycle.response_started:  # there is no second answer, and no end to the first
                self.transport.close()
                self._mind_end()
            else:
                self._answer(error)

    def _give_up(self, cycle: RequestResponseCycle) -> None:
        """Let the application know, as if the client had gone."""
        cycle.disconnected = True
        cycle.message_event.set()

    def _answer(self, error: ProtocolError) -> None:
        if self.transport.is_closing():
            return
        status_line, rest = error.answer
        ours = b"".join(b"%b: %b\r\n" % header for header in self.server_state.default_headers)
        self.transport.write(status_line + ours + rest)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.flow.resume_reading()
        self._lingering = self.loop.call_later(self.limits.linger, self.transport.abort)

    def _while_wanted(self, app: Application, cycle: RequestResponseCycle) -> Application:
        """The application, not called for a request that was refused meanwhile; that a client goes is no error."""

        async def run(scope: Any, receive: Any, send: Any) -> None:
            if cycle.disconnected:
                return
            try:
                await app(scope, receive, send)
            except ClientDisconnect:
                if not cycle.disconnected:
                    raise
            finally:
                self.loop.call_soon(self._mind_end)  # an answer without its end is followed by one of the connection

        return run
