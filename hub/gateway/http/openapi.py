"""The entrance by HTTP as an OpenAPI 3.1 document: every route, what may be asked, and every answer and problem.

It is made from the contracts and from what stands here of the routes, by `./ruta generate`, and kept as
docs/openapi.json; that file is what `GET /v1/openapi.json` answers with. The tests hold the code to it (Schemathesis),
and every problem that the code can raise to stand in it.
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from hub.gateway.http.limits import Limits, parameters

PATH = "/v1/openapi.json"
FILE = Path(__file__).parents[3] / "docs" / "openapi.json"

Part = dict[str, Any]
Codes = Mapping[int, tuple[str, ...]]

# -- problems, by status and code -------------------------------------------------------------------------------------

# What the protocol itself is refused with, before anybody knows what is asked.
PROTOCOL: Codes = {
    400: ("malformed_request", "host"),
    408: ("request_timeout",),
    413: ("too_large",),
    414: ("uri_too_long",),
    429: ("too_many_in_advance", "too_many_connections_of_address"),
    431: ("headers_too_large",),
    500: ("internal",),
    503: ("too_many_connections",),
    505: ("http_version",),
}
PUBLIC: Codes = {**PROTOCOL, 400: (*PROTOCOL[400], "query_unreadable", "unknown_parameter", "parameter_twice")}
# What every request with a key may be refused with.
WITH_A_KEY: Codes = {
    **PUBLIC,
    401: ("key_unknown", "key_expired", "key_in_query"),
    403: ("wrong_environment", "suspended"),
    429: (*PUBLIC[429], "rate", "too_many_requests_at_once"),
    503: (*PUBLIC[503], "database_away"),
}
NOT_READ = ("not_json", "not_utf8", "too_deep", "too_many_values", "nul_character", "not_cloudevents")
SUBMITTING = {
    400: (
        *NOT_READ, "two_envelopes", "header_encoding", "header_twice", "not_a_batch", "batch_empty", "batch_nested",
        "idempotency_key_invalid",
    ),
    403: ("another_system", "forged_sender", "not_allowed", "not_yours", "recipient_not_allowed", "unknown_system"),
    409: ("id_reused", "idempotency_in_progress"),
    413: ("batch_too_long",),
    415: ("content_type", "content_encoding"),
    422: (
        "id_not_uuid", "source_not_organisation", "unknown_contract", "unknown_version", "time_without_zone",
        "invalid_field", "unknown_recipient", "confidential_needs_own_key", "sealed_to_another",
        "sealed_to_retired_key", "idempotency_key_reused",
    ),
    503: ("backlog", "stopping"),
}  # fmt: skip
READING = {400: ("parameter", "cursor"), 429: ("too_many_streams_at_once",)}
ACKNOWLEDGING = {
    400: ("cursor", "not_json"),
    404: ("unknown_message",),
    415: ("content_type", "content_encoding"),
    422: ("invalid_field",),
}
ASKING = {404: ("unknown_message",)}
WRONG_METHOD = ("method_not_allowed",)
NOWHERE = ("not_found",)

_MEANINGS = {
    200: "Done.", 400: "The request cannot be read.", 401: "There is no valid key.", 403: "It is not allowed.",
    404: "There is no such thing, or it is another's.", 408: "The request took too long to come.",
    409: "The id, or the key, is used for something else.", 413: "It is too large.", 414: "The address is too long.",
    415: "The format is not read here.", 422: "It can be read, and can never become right.",
    429: "Too many; `Retry-After` says when to come again.", 431: "The headers are too large.",
    500: "Something failed on our side; the same request may be made again.",
    503: "Not now; `Retry-After` says when to come again. The same request may be made again.",
    505: "Only HTTP/1.1 and 1.0 are spoken.",
}  # fmt: skip
_RETRIED = (429, 503)


def together(*parts: Codes) -> Codes:
    """Join codes by status."""
    statuses = sorted({status for part in parts for status in part})
    return {
        status: tuple(dict.fromkeys(code for part in parts for code in part.get(status, ()))) for status in statuses
    }


def _problems(codes: Codes) -> Part:
    return {str(status): _problem(status, said) for status, said in codes.items()}


def _problem(status: int, codes: tuple[str, ...]) -> Part:
    headers = {"X-Request-Id": _ref("headers", "RequestId"), "Content-Language": _ref("headers", "ContentLanguage")}
    if status in _RETRIED or "idempotency_in_progress" in codes:
        headers["Retry-After"] = _ref("headers", "RetryAfter" if status in _RETRIED else "RetryAfterInProgress")
    if status == 401:
        headers["WWW-Authenticate"] = _ref("headers", "WwwAuthenticate")
    if "content_type" in codes:
        headers["Accept-Post"] = _ref("headers", "AcceptPost")
    narrowed = {"properties": {"status": {"const": status}, "code": {"enum": sorted(codes)}}}
    schema = {"allOf": [_ref("schemas", "Problem"), narrowed]}
    return {
        "description": _MEANINGS[status],
        "headers": headers,
        "content": {"application/problem+json": {"schema": schema}},
    }


# -- routes -----------------------------------------------------------------------------------------------------------


def _ref(kind: str, name: str) -> Part:
    return {"$ref": f"#/components/{kind}/{name}"}


def _answer(meaning: str, content: Part, **headers: str) -> Part:
    said = {"X-Request-Id": _ref("headers", "RequestId")}
    said |= {name.replace("_", "-"): _ref("headers", part) for name, part in headers.items()}
    return {"description": meaning, "headers": said, "content": content}


def _json(*names: str) -> Part:
    refs = [_ref("schemas", name) for name in names]
    return {"application/json": {"schema": refs[0] if len(refs) == 1 else {"anyOf": refs}}}


def _operation(name: str, summary: str, answers: Part, codes: Codes, more: Part | None = None) -> Part:
    return {"operationId": name, "summary": summary, **(more or {}), "responses": {**answers, **_problems(codes)}}


def _parameters(*names: str) -> Part:
    return {"parameters": [_ref("parameters", name) for name in (*names, "AcceptLanguage")]}


def paths() -> Part:
    """Every route, with all that it answers."""
    submitted = {"Preference_Applied": "PreferenceApplied", "Idempotency_Replayed": "IdempotencyReplayed"}
    post = _operation(
        "submitMessages",
        "Send one message, or a batch of at most 100",
        {
            "200": _answer(
                "It was accepted before (`repeated`), or with `Prefer: wait` what became of it.",
                _json("Accepted", "Outcome", "BatchAnswer"), Location="Location", **submitted,
            ),
            "202": _answer(
                "Accepted, and kept: what becomes of it is told at `status`.",
                _json("Accepted", "BatchAnswer"), Location="Location", **submitted,
            ),
            "207": _answer("Of a batch: what became of each, in its order.", _json("BatchAnswer"), **submitted),
        },
        together(WITH_A_KEY, SUBMITTING),
        {
            "description": _SUBMIT,
            **_parameters("IdempotencyKey", "Prefer", *CE_PARAMETERS),
            "requestBody": {
                "required": True,
                "content": {
                    "application/cloudevents+json": {"schema": _ref("schemas", "Message")},
                    "application/cloudevents-batch+json": {
                        "schema": {"type": "array", "items": _ref("schemas", "Message"), "minItems": 1, "maxItems": 100}
                    },
                    "application/json": {"schema": _ref("schemas", "Data")},
                },
            },
        },
    )  # fmt: skip
    inbox = _operation(
        "readInbox",
        "Read what has come",
        {
            "200": _answer(
                "What is behind the cursor, oldest first; nothing is acknowledged by reading.",
                _json("InboxPage") | {"text/event-stream": {"schema": {"type": "string"}}},
            )
        },
        together(WITH_A_KEY, READING),
        {"description": _INBOX, **_parameters("After", "Limit", "Wait", "LastEventId")},
    )
    acknowledge = _operation(
        "acknowledge",
        "Say that you have kept what you read",
        {"200": _answer("How many had not been acknowledged before.", _json("Acknowledged"))},
        together(WITH_A_KEY, ACKNOWLEDGING),
        {
            **_parameters(),
            "requestBody": {"required": True, "content": _json("Acknowledge")},
        },
    )
    became = _operation(
        "readMessage",
        "Hear what became of a message that you sent, and what it caused",
        {"200": _answer("What is known.", _json("Outcome"), Content_Language="ContentLanguage")},
        together(WITH_A_KEY, ASKING),
        _parameters("MessageId"),
    )
    directory = _operation(
        "readDirectory",
        "Everybody's public keys, as the hub has signed them",
        {
            "200": _answer(
                "A compact JWS.", {"application/jose": {"schema": _ref("schemas", "Directory")}}, ETag="ETag"
            ),
            "304": _answer("It has not changed.", {}, ETag="ETag"),
        },
        WITH_A_KEY,
        {"description": _DIRECTORY, **_parameters("IfNoneMatch")},
    )
    document = _operation(
        "readDocument",
        "This document",
        {"200": _answer("It.", {"application/json": {"schema": {"type": "object"}}})},
        PUBLIC,
        {"security": []},
    )
    page = _operation(
        "readProblem",
        "What a problem means and what to do, in Spanish and English",
        {"200": _answer("A page to read.", {"text/html": {"schema": {"type": "string"}}})},
        together(PROTOCOL, {404: NOWHERE}),
        {"security": [], "parameters": [_ref("parameters", "Code")]},
    )
    return {
        "/v1/messages": {"post": post},
        "/v1/messages/{id}": {"get": became},
        "/v1/inbox": {"get": inbox},
        "/v1/inbox/acknowledge": {"post": acknowledge},
        "/v1/directory": {"get": directory},
        PATH: {"get": document},
        "/problems/{code}": {"get": page},
    }


CE_PARAMETERS = ("CeSpecversion", "CeId", "CeSource", "CeType", "CeSubject", "CeTime")

_SUBMIT = """\
A message is a CloudEvent, in one of three forms: *structured* (`application/cloudevents+json`, at most 256 KiB), a
*batch* (`application/cloudevents-batch+json`, a JSON array, at most 1 MiB; each message is decided for itself), or
*binary* (`application/json`: the body is `data`, and each attribute a header `ce-…`). The same bytes may be sent again
at any time: they are accepted once.\
"""
_INBOX = """\
Without `after` from the first message on that is not acknowledged. With `Accept: text/event-stream` as server-sent
events without an end, which go on behind `Last-Event-ID`.\
"""
_DIRECTORY = """\
To which key to seal what is for whom. It is signed with the hub's key, the `directory_key` of your `credentials.json`
(`alg` is `Ed25519`, `typ` `ruta-directory+jws`), and its `number` rises with every change: take none with a lower one
than the last that you took. `python -m ruta_contracts directory` checks both. No key is put in here: send yours to
the hub's operations.\
"""
_LIMITS = Limits()
_ABOUT = f"""\
Organisations of the Ruta network send messages here, hear what became of each, and read what is for them. A guide with
`curl` is docs/partners.md. A method that a route does not have is answered 405 `method_not_allowed` with `Allow`, an
unknown address 404 `not_found`. A key may make {_LIMITS.rate} requests a second in the long run and {_LIMITS.burst} at
once, {_LIMITS.requests_at_once} at the same time and {_LIMITS.streams_at_once} streams, unless operators have set it
otherwise. Problems are RFC 9457, in Spanish unless `Accept-Language`
prefers English; programs go by `code`.\
"""


# -- the document -----------------------------------------------------------------------------------------------------


def document() -> Part:
    """Make it."""
    from hub.gateway.http import openapi_parts as parts

    return {
        "openapi": "3.1.0",
        "info": {"title": "Ruta", "version": "1", "description": _ABOUT},
        "servers": [{"url": "/"}],
        "security": [{"key": []}],
        "paths": paths(),
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": parts.KEY}},
            "parameters": parts.PARAMETERS,
            "headers": parts.HEADERS,
            "schemas": {**parts.SCHEMAS, **parts.messages()},
        },
    }


def stale() -> dict[Path, str]:
    """Return the file with the text that it should have, where it has another."""
    text = json.dumps(document(), indent=1, ensure_ascii=False) + "\n"
    return {} if FILE.exists() and FILE.read_text(encoding="utf-8") == text else {FILE: text}


@cache
def _served() -> bytes:
    return json.dumps(json.loads(FILE.read_bytes()), ensure_ascii=False, separators=(",", ":")).encode()


async def read(request: Request) -> Response:
    """Answer with the document; whoever asks needs no key."""
    parameters(request.scope["query_string"])
    return Response(_served(), media_type="application/json", headers={"cache-control": "public, max-age=300"})
