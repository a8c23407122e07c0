"""Everything bad that an organisation can send: each gets one coded refusal, stops nothing, and is quoted nowhere.

Refusals by rules (an illegal transition, a transition by the wrong organisation, no consent) are in tests/services; an
id used again for other content passes the gateway and is refused by the service (tests/messaging/test_inbox.py).
"""

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import amqp
import pytest

import contracts
from messaging.broker import CONTENT_TYPE
from tests.messaging.harness import service_published
from tests.messaging.partners import Gateway, Partner

NAME = "María Fernández"
EXAMPLES = Path(contracts.__file__).parent / "examples"

Body = Callable[[], bytes]


def good() -> dict[str, Any]:
    """A message as its sender builds it, naming somebody."""
    message: dict[str, Any] = json.loads(service_published(NAME).to_json())
    return message


def changed(*, data: dict[str, Any] | None = None, **fields: Any) -> Body:
    """The good message with other fields, in it or in its data."""

    def body() -> bytes:
        message = good()
        message["data"] |= data or {}
        return json.dumps(message | fields).encode()

    return body


def without(field: str) -> Body:
    return lambda: json.dumps({name: value for name, value in good().items() if name != field}).encode()


def replaced(old: str, new: bytes) -> Body:
    return lambda: changed()().replace(json.dumps(old).encode()[1:-1], new)


def example(contract: str) -> Body:
    """What somebody else may send, said by the Red Cross."""

    def body() -> bytes:
        (first, *_) = sorted((EXAMPLES / contract).glob("ok-*.json"))
        return json.dumps(json.loads(first.read_text()) | {"source": "redcross"}).encode()

    return body


def nested(levels: int) -> Body:
    return lambda: b'{"specversion":"1.0","deep":' + b"[" * levels + json.dumps(NAME).encode() + b"]" * levels + b"}"


# what is sent, the code of the refusal, the field that is named
BODIES: dict[str, tuple[Body, str, str | None]] = {
    "nothing": (lambda: b"", "not_json", None),
    "malformed JSON": (lambda: changed()()[:-1], "not_json", None),
    "a second document after the first": (lambda: changed()() * 2, "not_json", None),
    "not an object": (lambda: json.dumps([NAME]).encode(), "not_cloudevents", None),
    "invalid UTF-8": (replaced(NAME, b"Mar\xff\xfea"), "not_utf8", None),
    "half a surrogate": (replaced(NAME, b"Mar\\ud800a"), "not_json", None),
    "a NUL in a string": (replaced(NAME, b"Mar\\u0000a"), "nul_character", None),
    "a NUL in a field that nobody reads": (changed(extra="Mar\0a"), "nul_character", None),
    "a number that JSON does not have": (changed(extra=float("nan")), "not_json", None),
    "deep nesting": (nested(40), "too_deep", None),
    "nesting that would break a parser": (nested(100_000), "too_deep", None),
    "300 KB": (changed(extra="x" * 300_000), "too_large", None),
    "another version of CloudEvents": (changed(specversion="0.3"), "not_cloudevents", "specversion"),
    "no id": (without("id"), "not_cloudevents", "id"),
    "an id that is no UUID": (changed(id=NAME), "id_not_uuid", "id"),
    "a source that is a URI": (changed(source="https://partner.example/ruta"), "source_not_organisation", "source"),
    "data twice": (changed(data_base64="e30="), "not_cloudevents", "data_base64"),
    "data in another charset": (
        changed(datacontenttype="application/json; charset=latin-1"),
        "invalid_field",
        "datacontenttype",
    ),
    "no source": (without("source"), "not_cloudevents", "source"),
    "no type": (without("type"), "not_cloudevents", "type"),
    "an unknown contract": (changed(type="person.photographed.v1"), "unknown_contract", "type"),
    "an unknown version": (changed(type="service.published.v9"), "unknown_version", "type"),
    "no data": (without("data"), "invalid_field", "data"),
    "a missing field": (lambda: changed()().replace(b'"active"', b'"passive"'), "invalid_field", "data.active"),
    "a field of another kind": (changed(data={"active": NAME}), "invalid_field", "data.active"),
    "another's subject": (changed(subject=str(contracts.uuid7())), "invalid_field", "subject"),
    "a time without zone": (changed(time="2026-03-02T09:00:00"), "time_without_zone", "time"),
    "a forged source": (changed(source="iom"), "forged_sender", "source"),
    "the hub's own name": (changed(source="hub"), "forged_sender", "source"),
    "what only the hub says": (example("referral.status.v1"), "not_allowed", "type"),
    "what services tell each other": (example("consent.recorded.v1"), "not_allowed", "type"),
    "a refusal": (example("message.refused.v1"), "not_allowed", "type"),
    "what only a coordinator says": (example("referral.reopened.v1"), "not_allowed", "type"),
}

PROPERTIES: dict[str, tuple[dict[str, Any], str]] = {
    "another content type": ({"content_type": "application/json"}, "content_type"),
    "no content type": ({"content_type": None}, "content_type"),
    "no user id": ({"user_id": None}, "user_id_missing"),
}


def sender_is_told(redcross: Partner, body: bytes) -> contracts.MessageRefused:
    """The one refusal of this body in the sender's inbox; a good message sent after it has come through by then."""
    digest = sha256(body).hexdigest()
    refusals = [message.data for message in redcross.read()]
    (refusal,) = [one for one in refusals if one.body_sha256 == digest]
    assert isinstance(refusal, contracts.MessageRefused)
    return refusal


def next_one_passes(open_gateway: Gateway, redcross: Partner) -> None:
    message = service_published()
    redcross.submit(message)
    assert [one.id for one in open_gateway.passed(1)] == [message.id]
    (process,) = open_gateway.probe.processes
    assert process.process.poll() is None
    log = process.log()
    assert not [word for word in (*NAME.split(), "Mar\\u00eda", "Traceback") if word in log]


@pytest.mark.parametrize(("body", "code", "where"), BODIES.values(), ids=BODIES.keys())
def test_a_bad_body_is_refused_to_its_sender(
    open_gateway: Gateway, redcross: Partner, body: Body, code: str, where: str | None
) -> None:
    sent = body()
    redcross.submit_raw(sent)

    refusal = sender_is_told(redcross, sent)

    assert (refusal.code, refusal.where) == (code, where)
    next_one_passes(open_gateway, redcross)


@pytest.mark.parametrize(("properties", "code"), PROPERTIES.values(), ids=PROPERTIES.keys())
def test_bad_properties_are_refused_to_their_sender(
    open_gateway: Gateway, redcross: Partner, properties: dict[str, Any], code: str
) -> None:
    sent = changed()()
    redcross.submit_raw(sent, **properties)

    assert sender_is_told(redcross, sent).code == code
    next_one_passes(open_gateway, redcross)


def short(text: bytes) -> bytes:
    return bytes((len(text),)) + text


def test_a_message_id_that_is_no_text_is_refused_to_its_sender(open_gateway: Gateway, redcross: Partner) -> None:
    sent = changed()()
    # content type, delivery mode, message id and user id: the flags, then each as it is written
    properties = b"\x90\x90" + short(CONTENT_TYPE.encode()) + b"\2" + short(b"\xff\xfe") + short(b"redcross")
    redcross.submit_frames("service.published.v2", properties, sent)

    assert sender_is_told(redcross, sent).code == "properties_unreadable"
    next_one_passes(open_gateway, redcross)


def test_a_header_of_no_known_type_costs_its_sender_the_connection_and_nobody_else_anything(
    open_gateway: Gateway, redcross: Partner, partner: Callable[[str], Partner]
) -> None:
    header = b"\0\0\0\5" + short(b"x") + b"Z\0\0"
    properties = b"\xb0\x10" + short(CONTENT_TYPE.encode()) + header + b"\2" + short(b"redcross")

    with pytest.raises(amqp.ConnectionError):
        redcross.submit_frames("service.published.v2", properties, changed()())

    next_one_passes(open_gateway, partner("redcross"))


@pytest.mark.parametrize("encoding", ["gzip", "utf-16", "\N{SNOWMAN}"])
def test_a_content_encoding_is_of_no_consequence(open_gateway: Gateway, redcross: Partner, encoding: str) -> None:
    """The body is bytes of JSON, whatever else is said of it."""
    message = service_published()
    redcross.submit_raw(message.to_json(), content_encoding=encoding)

    assert [one.id for one in open_gateway.passed(1)] == [message.id]


def test_ten_megabytes_do_not_even_get_into_the_queue(
    open_gateway: Gateway, redcross: Partner, partner: Callable[[str], Partner]
) -> None:
    with pytest.raises(amqp.PreconditionFailed):
        redcross.submit_raw(b" " * 10_000_000)

    next_one_passes(open_gateway, partner("redcross"))


def test_a_refused_message_is_named_by_its_id_where_it_can_be_read(open_gateway: Gateway, redcross: Partner) -> None:
    sent = changed(source="iom")()
    redcross.submit_raw(sent)

    refusal = sender_is_told(redcross, sent)

    assert str(refusal.refused_id) == json.loads(sent)["id"]
    assert refusal.refused_type == "service.published.v2"
