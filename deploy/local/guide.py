"""What the guide for partners says of both entrances, from their code: the limits, and a problem as an example.

In both languages of the guide. Whoever changes a limit changes these tables with it (`generated.py`).
"""

import importlib
import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final, Literal

from contracts import MAX_BYTES
from messaging import topology

Language = Literal["es", "en"]
ID_OF_A_REQUEST: Final = "01a21bef89b479a3a2e01f3a9fa8d995"
KIB: Final = 1024
DETAIL: Final = 60  # characters of a sentence that is longer than a page is wide

HEADS: Final[Mapping[Language, str]] = {
    "en": "| what | at most → beyond that |",
    "es": "| qué | máximo → si se pasa |",
}
# Each with what it is, how much of it, and what comes of more; {…} are numbers from the code.
Rows = Sequence[tuple[str, str, str]]
HTTP: Final[Mapping[Language, Rows]] = {
    "en": (
        ("requests of a key", "{rate} a second in the long run, {burst} at once after a silence", "429 `rate`"),
        ("requests under way, of a key", "{requests_at_once}", "429 `too_many_requests_at_once`"),
        ("streams (`text/event-stream`), of a key", "{streams_at_once}", "429 `too_many_streams_at_once`"),
        ("a message", "{message}", "413 `too_large`"),
        ("a batch", "{batch_messages} messages, {batch}", "413 `batch_too_long`, `too_large`"),
        ("taken of you, and not yet passed on", "{backlog_messages} messages, {backlog}", "503 `backlog`"),
        ("`limit` of the inbox", "{page} messages (unsaid: {usual}), {page_bytes}", "you get so many, and `more`"),
        ("`wait` of the inbox", "{wait} s", "it waits so long"),
        ("`Prefer: wait`", "{prefer} s", "it waits so long"),
        ("`ids` in one acknowledgement", "{ids}", "422 `invalid_field`"),
        ("`Idempotency-Key`", "{key} visible ASCII characters, for {key_hours} h", "400 `idempotency_key_invalid`"),
        ("the address", "{url}", "414 `uri_too_long`"),
        ("headers", "{header_count}, {headers} with the address", "431 `headers_too_large`"),
        (
            "time for sending a request",
            "{headers_within} s for headers, {body_within} s for the body",
            "408 `request_timeout`",
        ),
        ("connections from an address", "{connections_of_an_address}", "429 `too_many_connections_of_address`"),
        ("a connection between requests", "{idle} s; before a good key, {stranger_idle} s", "it is closed"),
        ("asking what became of a message", "for {outcome_days} days", "404 `unknown_message`"),
        ("content of what you have acknowledged", "for {body_days} days", "its entry says `expired`"),
    ),
    "es": (
        ("peticiones de una clave", "{rate} por segundo a la larga, {burst} de una vez tras un silencio", "429 `rate`"),
        ("peticiones en curso, de una clave", "{requests_at_once}", "429 `too_many_requests_at_once`"),
        ("canales `text/event-stream`, de una clave", "{streams_at_once}", "429 `too_many_streams_at_once`"),
        ("un mensaje", "{message}", "413 `too_large`"),
        ("un lote", "{batch_messages} mensajes, {batch}", "413 `batch_too_long`, `too_large`"),
        ("recibido de usted y sin pasar adelante", "{backlog_messages} mensajes, {backlog}", "503 `backlog`"),
        ("`limit` del buzón", "{page} mensajes (si no se dice, {usual}), {page_bytes}", "llegan esos, y `more`"),
        ("`wait` del buzón", "{wait} s", "espera ese tiempo"),
        ("`Prefer: wait`", "{prefer} s", "espera ese tiempo"),
        ("`ids` en una confirmación", "{ids}", "422 `invalid_field`"),
        ("`Idempotency-Key`", "{key} caracteres ASCII visibles, por {key_hours} h", "400 `idempotency_key_invalid`"),
        ("la dirección", "{url}", "414 `uri_too_long`"),
        ("encabezados", "{header_count}, {headers} con la dirección", "431 `headers_too_large`"),
        (
            "tiempo para enviar",
            "{headers_within} s los encabezados, {body_within} s el cuerpo",
            "408 `request_timeout`",
        ),
        ("conexiones desde una dirección", "{connections_of_an_address}", "429 `too_many_connections_of_address`"),
        ("una conexión entre peticiones", "{idle} s; sin una clave válida, {stranger_idle} s", "se cierra"),
        ("preguntar qué pasó con un mensaje", "por {outcome_days} días", "404 `unknown_message`"),
        ("contenido de lo que ya confirmó", "por {body_days} días", "en su lugar dice `expired`"),
    ),
}

AMQP: Final[Mapping[Language, Rows]] = {
    "en": (
        ("a message", "{message}", "`too_large`"),
        ("sent by you, and not read by the hub", "{sent} messages, {sent_bytes}", "`nack`: wait, and send it again"),
        ("in your inbox", "{inbox} messages, {inbox_bytes}", "the rest waits in the hub, without a limit"),
        ("of an organisation", "{connections} connections, {channels} channels", "the broker closes the next"),
    ),
    "es": (
        ("un mensaje", "{message}", "`too_large`"),
        ("enviado y sin leer por la red", "{sent} mensajes, {sent_bytes}", "`nack`: espere, y envíelo de nuevo"),
        ("en su buzón", "{inbox} mensajes, {inbox_bytes}", "lo demás espera en la red, sin límite"),
        ("de una organización", "{connections} conexiones, {channels} canales", "el servidor cierra la que sigue"),
    ),
}


def limits_of_http(language: Language) -> Iterator[str]:
    """Yield the table of the limits of HTTP."""
    return _table(HTTP[language], _numbers_of_http(), language)


def limits_of_amqp(language: Language) -> Iterator[str]:
    """Yield the table of the limits of AMQP, as deploy/network.toml declares them."""
    network = topology.read()
    sent, inbox = network.limits["submit"], network.limits["inbox"]
    numbers = {
        "message": _size(MAX_BYTES),
        "sent": sent.messages,
        "sent_bytes": _size(sent.bytes),
        "inbox": inbox.messages,
        "inbox_bytes": _size(inbox.bytes),
        "connections": network.connections,
        "channels": network.channels,
    }
    return _table(AMQP[language], numbers, language)


def _table(rows: Rows, found: Mapping[str, Any], language: Language) -> Iterator[str]:
    numbers = {name: _written(value, language) for name, value in found.items()}
    yield HEADS[language]
    yield "|---|---|"
    for what, most, beyond in rows:
        yield f"| {what} | {most.format(**numbers)} → {beyond} |"


def problem(language: Language) -> Iterator[str]:
    """Yield an answer that says what is wrong: an id that was used for another message."""
    problems = importlib.import_module("hub.gateway.http.problems")
    document = problems.Problem(409, "id_reused", "id").document(language, ID_OF_A_REQUEST)
    document["detail"] = textwrap.shorten(document["detail"], DETAIL, placeholder=" …")
    yield "```http"
    yield "HTTP/1.1 409 Conflict"
    yield f"Content-Type: {problems.MEDIA_TYPE.decode()}"
    yield ""
    yield from json.dumps(document, indent=1, ensure_ascii=False).splitlines()
    yield "```"


def _numbers_of_http() -> dict[str, Any]:
    """The limits as the code has them; of bytes and numbers of things alike as whole numbers."""
    cloudevents, feed, http_limits, messages, preferring, connections, submissions = (
        importlib.import_module(f"hub.gateway.http.{name}")
        for name in ("cloudevents", "feed", "limits", "messages", "preferring", "connection_limits", "submissions")
    )
    keeping = importlib.import_module("hub.gateway.keeping")
    of_key, of_connection = http_limits.Limits(), connections.Limits()
    return {
        "rate": of_key.rate,
        "burst": of_key.burst,
        "requests_at_once": of_key.requests_at_once,
        "streams_at_once": of_key.streams_at_once,
        "message": _size(MAX_BYTES),
        "batch_messages": cloudevents.MAX_BATCH,
        "batch": _size(messages.BATCH_BYTES),
        "backlog_messages": of_key.backlog_messages,
        "backlog": _size(of_key.backlog_bytes),
        "page": feed.MOST_MESSAGES,
        "usual": feed.USUAL_MESSAGES,
        "page_bytes": _size(feed.MOST_BYTES),
        "wait": feed.LONGEST_WAIT,
        "prefer": preferring.LONGEST,
        "ids": feed.MOST_ACKNOWLEDGED,
        "key": messages.MAX_KEY,
        "key_hours": submissions.KEPT_FOR // timedelta(hours=1),
        "url": _size(of_connection.url),
        "header_count": of_connection.header_count,
        "headers": _size(of_connection.headers),
        "headers_within": round(of_connection.headers_within),
        "body_within": round(of_connection.body_within),
        "connections_of_an_address": of_connection.connections_of_an_address,
        "idle": round(of_connection.idle),
        "stranger_idle": round(of_connection.stranger_idle),
        "outcome_days": int(keeping.OUTCOMES_FOR.removesuffix(" days")),
        "body_days": int(keeping.BODIES_FOR.removesuffix(" days")),
    }


def _size(size: int) -> str:
    return f"{size // KIB**2} MiB" if size % KIB**2 == 0 else f"{size // KIB} KiB"


def _written(value: Any, language: Language) -> str:
    """Write a number as each language does: 10,000 and 10.000; Spanish leaves those of four digits together."""
    if not isinstance(value, int):
        return str(value)
    return f"{value:,}" if language == "en" else (str(value) if value < 10_000 else f"{value:,}".replace(",", "."))
