"""HTTP/1.1 as strangers speak it: uvicorn's protocol over httptools, strict about the protocol and about time.

httptools (llhttp) refuses what is malformed. Added here is what it, or uvicorn, lets through: who is meant (Host), how
much (URL, headers, body, connections, requests in advance), how long (headers, body, reading of the answer), and what
is no request of ours (other versions and methods, trailers, upgrades). Whatever is refused gets one problem document,
after the answers to the requests before it, and the connection is closed: of a stream that went wrong once, nobody
knows where the next request begins.
"""

import asyncio
import re
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, ClassVar

import httptools
from starlette.requests import ClientDisconnect
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from hub.gateway.http.accepted import wants_events
from hub.gateway.http.protocol_errors import (
    HEADERS_TOO_LARGE,
    HOST,
    HTTP_VERSION,
    MALFORMED,
    METHOD,
    TOO_LARGE,
    TOO_MANY_CONNECTIONS,
    TOO_MANY_IN_ADVANCE,
    TOO_SLOW,
    URI_TOO_LONG,
    ProtocolError,
)

# With other methods that are known (PUT, DELETE, …) the application says which of them a path has.
METHODS = {b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS"}
BATCH = b"application/cloudevents-batch+json"
AUTHORITY = re.compile(rb"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]{0,5})?")
TRAILING_DATA = 64 * 1024  # bytes that the framing of a chunked body may take beside as many as the body itself


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one connection, except `connections`; times in seconds, sizes in bytes."""

    headers_within: float = 10.0  # from the first byte of a request
    body_within: float = 20.0  # from the end of its headers
    read_within: float = 10.0  # for whoever does not read, from when `unsent` has been reached
    linger: float = 2.0  # after a refusal, for what is on its way: a connection reset would take the answer with it
    url: int = 8 * 1024
    headers: int = 64 * 1024  # all of them, with the URL
    header_count: int = 100
    body: int = 256 * 1024  # as long as a message may be (contracts/envelope.py)
    batch: int = 1024 * 1024
    unsent: int = 64 * 1024
    pipelined: int = 16  # requests that have come before the one before them was answered
    connections: int = 1000
    refused_connections: int = 100  # beyond `connections`, that are told so


class Stage(Enum):
    """What is being read."""

    NOTHING = auto()  # between requests
    HEADERS = auto()
    BODY = auto()


class Refusal(Exception):
    """Raised within a callback of the parser, which ends the parsing."""

    def __init__(self, error: ProtocolError) -> None:
        super().__init__(error.code)
        self.error = error


class Protocol(HttpToolsProtocol):
    """One connection. `hosts` (names and addresses in lower case, without ports) and `limits` are its subclass's."""

    hosts: ClassVar[frozenset[bytes]] = frozenset({b"127.0.0.1", b"[::1]", b"localhost"})
    limits: ClassVar[Limits] = Limits()

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._stage = Stage.NOTHING
        self._begun = 0  # requests so far
        self._header_bytes = 0  # of this request
        self._body_bytes = 0
        self._raw_bytes = 0  # of what is being read, as they came, with all that frames it
        self._most = self.limits.body
        self._is_last = False  # nothing is read after this request
        self._is_stream = False
        self._refused: ProtocolError | None = None
        self._reading: asyncio.TimerHandle | None = None
        self._writing: asyncio.TimerHandle | None = None
        self._lingering: asyncio.TimerHandle | None = None

    # -- the connection ------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, unless there are too many."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=self.limits.unsent)
        if len(self.connections) <= self.limits.connections:
            self._reading = self.loop.call_later(self.limits.headers_within, self._too_slow)
        elif len(self.connections) <= self.limits.connections + self.limits.refused_connections:
            self._refuse(TOO_MANY_CONNECTIONS)
        else:
            self._refused = TOO_MANY_CONNECTIONS
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """End everything that was waited for."""
        for timer in (self._reading, self._writing, self._lingering):
            if timer is not None:
                timer.cancel()
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
        """Of what was written too much is unsent: who does not read it soon is cut off."""
        super().pause_writing()
        if self._writing is None:
            self._writing = self.loop.call_later(self.limits.read_within, self.transport.abort)

    def resume_writing(self) -> None:
        """It is being read."""
        super().resume_writing()
        if self._writing is not None:
            self._writing.cancel()
            self._writing = None

    def shutdown(self) -> None:
        """The process stops: what is under way is answered, and a stream, which has no end of its own, ends here."""
        super().shutdown()
        cycle = self.cycle
        if cycle is not None and self._is_stream and cycle.response_started and not cycle.response_complete:
            if cycle.chunked_encoding:
                self.transport.write(b"0\r\n\r\n")
            self._give_up(cycle)
            self.transport.close()

    # -- time ----------------------------------------------------------------------------------------------------------

    def _mind_time(self) -> None:
        """Limit how long what is being read may take from now on."""
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None
        if self._stage is Stage.BODY:
            self._reading = self.loop.call_later(self.limits.body_within, self._too_slow)
        elif self._stage is Stage.HEADERS or (self._is_answered() and self.timeout_keep_alive_task is None):
            # Line ends before a request are no request, and have taken the limit of idle connections away.
            self._reading = self.loop.call_later(self.limits.headers_within, self._too_slow)

    def _too_slow(self) -> None:
        self._reading = None
        if self._stage is Stage.NOTHING:
            if self._is_answered():
                self.transport.close()
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
        self._check_request()
        if len(self.pipeline) >= self.limits.pipelined:
            raise Refusal(TOO_MANY_IN_ADVANCE)
        super().on_headers_complete()  # which refuses a path that is none
        self._stage = Stage.BODY
        if self.parser.should_upgrade():  # nobody here speaks anything else, and the parser reads no further
            self.cycle.keep_alive = False
        self._is_last = not self.cycle.keep_alive

    def _check_request(self) -> None:
        version = self.parser.get_http_version()
        if version not in ("1.1", "1.0"):
            raise Refusal(HTTP_VERSION)
        if self.parser.get_method() not in METHODS:
            raise Refusal(METHOD)
        hosts, length, coding = [], 0, b""
        self._most, self._is_stream = self.limits.body, wants_events(self.headers)
        if self._is_stream and version == "1.0":  # which knows no chunks, and a stream has no length
            raise Refusal(HTTP_VERSION)
        for name, value in self.headers:
            if name == b"host":
                hosts.append(value)
            elif name == b"content-length":
                length = int(value)
            elif name == b"transfer-encoding":
                if coding:
                    raise Refusal(MALFORMED)
                coding = value
            elif name == b"content-type" and value.lower().startswith(BATCH):
                self._most = self.limits.batch
        if len(hosts) > 1 or not all(map(self._is_ours, hosts)) or (not hosts and version == "1.1"):
            raise Refusal(HOST)
        if b"#" in self.url:  # a fragment is never sent
            raise Refusal(MALFORMED)
        if not self.url.startswith(b"/"):  # a whole address, as for a proxy: its host is meant, whatever Host says
            url = httptools.parse_url(self.url)
            if url.path is None or not url.host:
                raise Refusal(MALFORMED)
            if url.userinfo or not self._is_ours(url.host):
                raise Refusal(HOST)
        if coding and (coding.lower() != b"chunked" or version == "1.0"):
            raise Refusal(MALFORMED)
        if self.parser.should_upgrade() and (coding or length):  # the parser would take the body for another protocol
            raise Refusal(MALFORMED)
        if length > self._most:
            raise Refusal(TOO_LARGE)

    def _is_ours(self, authority: bytes) -> bool:
        found = AUTHORITY.fullmatch(authority.lower())
        return found is not None and found[1] in self.hosts

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

    # -- answers -------------------------------------------------------------------------------------------------------

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        super()._start_asgi_task(cycle, _while_wanted(app, cycle))

    def on_response_complete(self) -> None:
        """A request has its whole answer; what was refused behind it is next, when nothing else is."""
        others = bool(self.pipeline)
        super().on_response_complete()
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


Application = Callable[[Any, Any, Any], Awaitable[None]]


def _while_wanted(app: Application, cycle: RequestResponseCycle) -> Application:
    """The application, not called for a request that was refused meanwhile; that a client goes is no error of ours."""

    async def run(scope: Any, receive: Any, send: Any) -> None:
        if cycle.disconnected:
            return
        try:
            await app(scope, receive, send)
        except ClientDisconnect:
            if not cycle.disconnected:
                raise

    return run
