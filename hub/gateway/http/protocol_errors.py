"""What is answered to a request that never gets as far as the application: problem documents (RFC 9457) as fixed bytes.

Nobody has read an Accept-Language or a token by then, so they are in Spanish, the default, and quote nothing.
"""

import json
from dataclasses import dataclass
from functools import cached_property

REASONS = {
    400: "Bad Request", 405: "Method Not Allowed", 408: "Request Timeout", 413: "Content Too Large",
    414: "URI Too Long", 429: "Too Many Requests", 431: "Request Header Fields Too Large", 503: "Service Unavailable",
    505: "HTTP Version Not Supported",
}  # fmt: skip


@dataclass(frozen=True)
class ProtocolError:
    """One such answer; each ends the connection."""

    status: int
    code: str
    title: str
    detail: str
    headers: tuple[tuple[str, str], ...] = ()

    @cached_property
    def answer(self) -> tuple[bytes, bytes]:
        """The status line, and what follows it; headers that every answer has go in between."""
        document = {
            "type": f"/problems/{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
        }
        body = json.dumps(document, ensure_ascii=False).encode()
        headers = {
            "content-type": "application/problem+json",
            "content-language": "es",
            "content-length": str(len(body)),
            "cache-control": "no-store",
            "connection": "close",
            **dict(self.headers),
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"HTTP/1.1 {self.status} {REASONS[self.status]}\r\n".encode(), f"{lines}\r\n".encode() + body


MALFORMED = ProtocolError(
    400,
    "malformed_request",
    "La petición no cumple HTTP",
    "La petición no sigue el protocolo HTTP/1.1 (RFC 9112), y por eso no se lee.",
)
HOST = ProtocolError(
    400,
    "host",
    "Host ausente, repetido o ajeno",
    "La petición debe llevar un solo encabezado Host, con el nombre o la dirección de este servidor.",
)
METHOD = ProtocolError(
    405, "method_not_allowed", "Método no permitido", "Aquí no se usa este método.", (("allow", "GET, HEAD, POST"),)
)
TOO_SLOW = ProtocolError(
    408, "request_timeout", "La petición tardó demasiado", "La petición no llegó completa a tiempo. Puede repetirla."
)
TOO_LARGE = ProtocolError(
    413,
    "too_large",
    "Contenido demasiado grande",
    "Un mensaje puede tener hasta 256 KiB, y un lote hasta 1 MiB.",
)
URI_TOO_LONG = ProtocolError(
    414, "uri_too_long", "Dirección demasiado larga", "La dirección de la petición puede tener hasta 8 KiB."
)
TOO_MANY_AT_ONCE = ProtocolError(
    429,
    "too_many_requests_at_once",
    "Demasiadas peticiones a la vez",
    "Espere las respuestas antes de enviar más peticiones por la misma conexión.",
    (("retry-after", "1"),),
)
HEADERS_TOO_LARGE = ProtocolError(
    431,
    "headers_too_large",
    "Encabezados demasiado grandes",
    "Los encabezados pueden ser hasta 100, y tener hasta 64 KiB en total.",
)
TOO_MANY_CONNECTIONS = ProtocolError(
    503,
    "too_many_connections",
    "Demasiadas conexiones",
    "El servidor no acepta más conexiones por el momento. Intente de nuevo en unos segundos.",
    (("retry-after", "5"),),
)
HTTP_VERSION = ProtocolError(
    505, "http_version", "Versión de HTTP no admitida", "Este servidor habla HTTP/1.1 y HTTP/1.0."
)

PROTOCOL_ERRORS = (
    MALFORMED, HOST, METHOD, TOO_SLOW, TOO_LARGE, URI_TOO_LONG, TOO_MANY_AT_ONCE, HEADERS_TOO_LARGE,
    TOO_MANY_CONNECTIONS, HTTP_VERSION,
)  # fmt: skip
