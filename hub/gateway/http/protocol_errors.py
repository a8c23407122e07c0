"""What is answered to a request that never gets as far as the application: problem documents (RFC 9457) as fixed bytes.

Nobody has read an Accept-Language by then, so they speak both languages. Their id is made here, for who asks us about
one; our log has no line of it, since anybody may send any number of such requests.
"""

from functools import cached_property
from http import HTTPStatus

import msgspec

import contracts
from hub.gateway.http import problems


class ProtocolError:
    """One such answer; each ends the connection. Its words are those of all problems."""

    def __init__(self, status: int, code: str, **headers: str) -> None:
        self.status = status
        self.code = code
        self._headers = headers

    @property
    def answer(self) -> tuple[bytes, bytes]:
        """The status line, and what follows it; headers that every answer has go in between."""
        status_line, rest = self._fixed
        return status_line, rest.replace(_NO_ID, contracts.uuid7().hex.encode())

    @cached_property
    def _fixed(self) -> tuple[bytes, bytes]:
        document = {
            "type": f"/problems/{self.code}",
            "title": " / ".join(problems.title(self.status, language) for language in problems.LANGUAGES),
            "status": self.status,
            "detail": " / ".join(problems.detail(self.code, language) or "" for language in problems.LANGUAGES),
            "code": self.code,
            "request_id": _NO_ID.decode(),
        }
        body = msgspec.json.encode(document)
        headers = {
            "content-type": problems.MEDIA_TYPE.decode(),
            "content-language": ", ".join(problems.LANGUAGES),
            "content-length": str(len(body)),
            "cache-control": "no-store",
            "x-request-id": _NO_ID.decode(),
            "connection": "close",
            **{name.replace("_", "-"): value for name, value in self._headers.items()},
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        phrase = HTTPStatus(self.status).phrase
        return f"HTTP/1.1 {self.status} {phrase}\r\n".encode(), f"{lines}\r\n".encode() + body


class Refusal(Exception):
    """Raised within a callback of the parser, which ends the parsing."""

    def __init__(self, error: ProtocolError) -> None:
        super().__init__(error.code)
        self.error = error


_NO_ID = b"0" * 32  # where the id of a request goes

MALFORMED = ProtocolError(400, "malformed_request")
HOST = ProtocolError(400, "host")
METHOD = ProtocolError(405, "method_not_allowed", allow="GET, HEAD, POST")
TOO_SLOW = ProtocolError(408, "request_timeout")
TOO_LARGE = ProtocolError(413, "too_large")
URI_TOO_LONG = ProtocolError(414, "uri_too_long")
TOO_MANY_OF_ADDRESS = ProtocolError(429, "too_many_connections_of_address", retry_after="5")
TOO_MANY_IN_ADVANCE = ProtocolError(429, "too_many_in_advance", retry_after="1")
HEADERS_TOO_LARGE = ProtocolError(431, "headers_too_large")
TOO_MANY_CONNECTIONS = ProtocolError(503, "too_many_connections", retry_after="5")
HTTP_VERSION = ProtocolError(505, "http_version")

PROTOCOL_ERRORS = (
    MALFORMED, HOST, METHOD, TOO_SLOW, TOO_LARGE, URI_TOO_LONG, TOO_MANY_OF_ADDRESS, TOO_MANY_IN_ADVANCE,
    HEADERS_TOO_LARGE, TOO_MANY_CONNECTIONS, HTTP_VERSION,
)  # fmt: skip
