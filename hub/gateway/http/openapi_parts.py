"""What the OpenAPI document's routes are made of: parameters, headers, schemas of what is asked and answered."""

from typing import Any, get_args

from contracts import CONTRACTS, Contract
from contracts.codes import ProcessedState
from contracts.schemas import message_schema
from hub.gateway.http.cloudevents import MAX_BATCH
from hub.gateway.http.feed import LONGEST_WAIT, MOST_ACKNOWLEDGED, MOST_MESSAGES, USUAL_MESSAGES
from hub.gateway.http.messages import MAX_KEY
from hub.gateway.http.preferring import LONGEST
from hub.gateway.outcomes import State

Part = dict[str, Any]

KEY = "`ruta_live_…`, or `ruta_test_…`: the `api_key` of your `credentials.json`. Never in an address."
UUID = {"type": "string", "format": "uuid"}
LEAST_STATUS = 400  # of a problem
TIME = {"type": "string", "format": "date-time"}
TEXT = {"type": "string"}
CURSOR = {"type": "string", "pattern": "^(0|[1-9][0-9]{0,17})$"}
MAYBE_TEXT = {"type": ["string", "null"]}
MAYBE_TIME = {"type": ["string", "null"], "format": "date-time"}


def _of(required: Part, more: Part | None = None, **said: Any) -> Part:
    """Return the schema of an object: what is always there, and what may be."""
    return {"type": "object", "properties": {**required, **(more or {})}, "required": list(required), **said}


def _list(name: str) -> Part:
    return {"type": "array", "items": {"$ref": f"#/components/schemas/{name}"}}


_ENTRY = {"cursor": CURSOR, "acknowledged": {"type": "boolean"}}
_WITHOUT_MESSAGE = {"id": UUID, "type": TEXT, "delivered_at": TIME}

SCHEMAS: Part = {
    "Problem": _of(
        {"type": TEXT, "title": TEXT, "status": {"type": "integer"}, "detail": TEXT, "code": TEXT},
        {
            "where": {"type": "string", "description": "The field, header or parameter to blame."},
            "request_id": {"type": "string", "description": "To be told to whoever operates the network."},
        },
        description="RFC 9457. `type` leads to a page about it.",
    ),
    "Accepted": _of(
        {
            "id": UUID,
            "accepted_at": TIME,
            "status": {"type": "string", "description": "Where to hear what became of it."},
        },
        {"repeated": {"const": True, "description": "It had been accepted before, at `accepted_at`."}},
    ),
    "BatchAnswer": _of({"messages": {**_list("BatchItem"), "minItems": 1, "maxItems": MAX_BATCH}}),
    "BatchItem": {
        "anyOf": [
            {
                "allOf": [
                    {"$ref": "#/components/schemas/Accepted"},
                    _of({"result": {"enum": [200, 202]}}),
                ]
            },
            _of(
                {
                    "result": {"type": "integer", "minimum": LEAST_STATUS},
                    "problem": {"$ref": "#/components/schemas/Problem"},
                }
            ),
        ]
    },
    "Outcome": _of(
        {
            "id": UUID,
            "type": TEXT,
            "entrance": {"enum": ["http", "amqp"]},
            "accepted_at": MAYBE_TIME,
            "state": {"enum": list(get_args(State))},
            "final": {"type": "boolean", "description": "Whether nothing else comes of it by itself."},
            "says": {"type": "string", "description": "The state in words."},
            "services": _list("OutcomeOfService"),
            "silent": {"type": "array", "items": TEXT, "description": "Services that have said nothing yet."},
            "caused": _list("Caused"),
            "more_caused": {"type": "boolean"},
        }
    ),
    "OutcomeOfService": _of(
        {
            "service": TEXT,
            "state": {"enum": [one.value for one in ProcessedState if one != "repeated"]},
            "code": MAYBE_TEXT,
            "waiting_for": {**MAYBE_TEXT, "description": "The subject whose next message may end the wait."},
            "until": MAYBE_TIME,
            "at": TIME,
            "says": TEXT,
        }
    ),
    "Caused": _of({"id": UUID, "type": TEXT, "subject": TEXT, "cursor": CURSOR}),
    "InboxPage": _of(
        {
            "messages": {**_list("InboxEntry"), "maxItems": MOST_MESSAGES},
            "next": {**CURSOR, "description": "Where to go on: the next request's `after`."},
            "more": {"type": "boolean", "description": "Whether there is more behind it already."},
        },
        {"waiting": {"type": "integer", "description": "With limit=0: how many are not acknowledged (up to 10,000)."}},
    ),
    "InboxEntry": {
        "anyOf": [
            _of({**_ENTRY, "message": {"$ref": "#/components/schemas/Received"}}),
            _of({**_ENTRY, "erased": {"const": True}, **_WITHOUT_MESSAGE}),
            _of({**_ENTRY, "expired": {"const": True}, **_WITHOUT_MESSAGE}),
            _of({**_ENTRY, "unreadable": {"const": True}, **_WITHOUT_MESSAGE, "raw": TEXT}),
        ]
    },
    "Directory": {
        "type": "string",
        "pattern": r"^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$",
        "description": "What is signed is JSON: `number`, `issued_at`, and by id `organisations`.",
    },
    "Acknowledge": {
        "oneOf": [
            _of({"through": {**CURSOR, "description": "All up to this one."}}, additionalProperties=False),
            _of({"ids": {"type": "array", "items": UUID, "maxItems": MOST_ACKNOWLEDGED}}, additionalProperties=False),
        ]
    },
    "Acknowledged": _of({"acknowledged": {"type": "integer", "minimum": 0}}),
    "Data": {"type": "object", "description": "The `data` of one message, whose contract `ce-type` names."},
}


def _parameter(name: str, where: str, schema: Part, said: str, *, required: bool = False) -> Part:
    return {"name": name, "in": where, "required": required, "description": said, "schema": schema}


def _ce(name: str, schema: Part) -> Part:
    return _parameter(f"ce-{name}", "header", schema, "An attribute of a message in binary form.")


PARAMETERS: Part = {
    "IdempotencyKey": _parameter(
        "Idempotency-Key",
        "header",
        {"type": "string", "minLength": 1, "maxLength": MAX_KEY, "pattern": r"^[\x21-\x7e]+$"},
        "The same request again, by the same key within 24 hours, gets the same answer.",
    ),
    "Prefer": _parameter(
        "Prefer",
        "header",
        {"type": "string", "pattern": "^wait=[0-9]{1,2}$"},
        f"`wait=5`: answer with what became of it, if that is known within so many seconds ({LONGEST} at most).",
    ),
    "AcceptLanguage": _parameter("Accept-Language", "header", TEXT, "`es` or `en`; Spanish where it prefers neither."),
    "CeSpecversion": _ce("specversion", {"const": "1.0"}),
    "CeId": _ce("id", UUID),
    "CeSource": _ce("source", TEXT),
    "CeType": _ce("type", TEXT),
    "CeSubject": _ce("subject", TEXT),
    "CeTime": _ce("time", TIME),
    "MessageId": _parameter("id", "path", UUID, "The `id` of the message.", required=True),
    "After": _parameter("after", "query", CURSOR, "The cursor behind which to read."),
    "Limit": _parameter(
        "limit",
        "query",
        {"type": "integer", "minimum": 0, "maximum": 10**18 - 1, "default": USUAL_MESSAGES},
        f"How many messages at most; more than {MOST_MESSAGES} is {MOST_MESSAGES}. 0: none, but how many wait.",
    ),
    "Wait": _parameter(
        "wait",
        "query",
        {"type": "integer", "minimum": 0, "maximum": 10**18 - 1, "default": 0},
        f"Seconds to wait where there is nothing yet; more than {LONGEST_WAIT} is {LONGEST_WAIT}.",
    ),
    "LastEventId": _parameter("Last-Event-ID", "header", TEXT, "Of a stream: a cursor, as `after`, and stronger."),
    "IfNoneMatch": _parameter("If-None-Match", "header", TEXT, "The `ETag` of the one that you have."),
    "Code": _parameter("code", "path", {"type": "string", "pattern": "^[a-z][a-z0-9_]{1,60}$"}, "", required=True),
}


def _header(said: str, schema: Part | None = None, *, required: bool = False) -> Part:
    return {"description": said, "required": required, "schema": schema or TEXT}


HEADERS: Part = {
    "RequestId": _header("Names the request in our log; absent where the protocol itself was refused."),
    "ContentLanguage": _header("The language of its sentences.", {"enum": ["es", "en"]}),
    "RetryAfter": _header("Seconds.", {"type": "integer", "minimum": 1}, required=True),
    "RetryAfterInProgress": _header("Seconds, where the first is still under way.", {"type": "integer", "minimum": 1}),
    "WwwAuthenticate": _header("`Bearer`."),
    "AcceptPost": _header("What is read here."),
    "ETag": _header("The number of the directory, in quotes."),
    "Location": _header("Of one message: where to hear what became of it."),
    "PreferenceApplied": _header("`wait=5`: for so long it was, or would have been, waited."),
    "IdempotencyReplayed": _header("The answer that was given to this key before.", {"const": "true"}),
}

SENT_BY = ("partner", "coordinator")
NOT_RECEIVED_BY = ("hub", "hub services")


def messages() -> Part:
    """The schemas of all messages that organisations send or receive, and of what these are made of."""
    sent = [one for one in CONTRACTS.values() if one.sent_by in SENT_BY]
    received = [one for one in CONTRACTS.values() if one.received_by not in NOT_RECEIVED_BY]
    schemas: Part = {}
    for contract in dict.fromkeys(one.type for one in (*sent, *received)):
        _put(schemas, contract, message_schema(CONTRACTS[contract]))
    return {"Message": _one_of(sent), "Received": _one_of(received), **schemas}


def _put(schemas: Part, name: str, schema: Part) -> None:
    """Put a message's schema among the others; parts that several have in common stand there once."""
    parts = schema.pop("$defs", {})
    del schema["$schema"], schema["$id"]
    names = {part: part for part in parts}
    for part, said in parts.items():
        if part in SCHEMAS or schemas.get(part, moved := _moved(said, names)) != moved:
            names[part] = f"{name}.{part}"
    schemas.update({names[part]: _moved(said, names) for part, said in parts.items()})
    schemas[name] = _moved(schema, names)


def _moved(schema: Any, names: dict[str, str]) -> Any:
    """Return a schema whose references go to where its parts stand here."""
    if isinstance(schema, list):
        return [_moved(one, names) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: f"#/components/schemas/{names[value.rpartition('/')[2]]}" if key == "$ref" else _moved(value, names)
        for key, value in schema.items()
    }


def _one_of(kinds: list[Contract]) -> Part:
    refs = {one.type: f"#/components/schemas/{one.type}" for one in sorted(kinds, key=lambda one: one.type)}
    return {
        "oneOf": [{"$ref": ref} for ref in refs.values()],
        "discriminator": {"propertyName": "type", "mapping": refs},
    }
