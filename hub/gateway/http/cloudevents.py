"""CloudEvents over HTTP: a message in its structured, its binary or its batched form, as bytes of one message each.

The envelope of a binary message is written in a fixed order around the bytes of its data, which are not touched: so one
message has one form, and its digest tells a repeat. Nothing here decides what may come in (hub/gateway/admission.py).
"""

import re
from collections.abc import Sequence
from typing import Literal
from urllib.parse import unquote_to_bytes

import msgspec
from pydantic_core import from_json

import contracts
from contracts.media_types import is_media_type
from hub.gateway.http.problems import Problem
from messaging.broker import CONTENT_TYPE

Mode = Literal["structured", "binary", "batch"]
Headers = Sequence[tuple[bytes, bytes]]

STRUCTURED = CONTENT_TYPE
BATCH = "application/cloudevents-batch+json"
JSON = "application/json"
MAX_BATCH = 100  # messages
WHAT_IS_READ = f"{STRUCTURED}, {BATCH}, {JSON}"

ATTRIBUTES = tuple(name for name in contracts.Message.model_fields if not name.startswith("data"))
_PREFIX = b"ce-"
_NAME = re.compile(rb"[a-z0-9]{1,40}")
_QUOTED = re.compile(rb'"((?:[^"\\]|\\.)*)"')
_BAD_PERCENT = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_VISIBLE = re.compile(rb"[\x20-\x7e]*")
_RAW_LIST = msgspec.json.Decoder(list[msgspec.Raw])


def mode_of(content_type: bytes | None, headers: Headers) -> Mode:
    """Tell in which form a request is; raise Problem 415 where it is none of these."""
    said = (content_type or b"").decode("latin-1")
    if is_media_type(said, STRUCTURED):
        return "structured"
    if is_media_type(said, BATCH):
        return "batch"
    if is_media_type(said, JSON) and any(name.startswith(_PREFIX) for name, _ in headers):
        return "binary"
    raise Problem(415, "content_type", "Content-Type", headers={"Accept-Post": WHAT_IS_READ})


def structured(body: bytes, headers: Headers) -> bytes:
    """Return the one message of a structured request; its headers may not say other than itself."""
    said = attributes(headers)
    if said:
        try:
            document = from_json(body)
        except ValueError:
            return body  # admission says why
        if not isinstance(document, dict):
            return body
        for name, value in said.items():
            if document.get(name) != value:
                raise Problem(400, "two_envelopes", _where(name))
    return body


def binary(body: bytes, headers: Headers) -> bytes:
    """Write the message of a binary request: the envelope from its headers, the data as they came."""
    said = attributes(headers)
    if "datacontenttype" in said:
        raise Problem(400, "two_envelopes", "ce-datacontenttype")
    if said.keys() & {"data", "database64"}:
        raise Problem(400, "not_cloudevents")
    _check_is_one_value(body)
    said["datacontenttype"] = JSON
    ordered = [name for name in ATTRIBUTES_IN_ORDER if name in said] + sorted(said.keys() - set(ATTRIBUTES_IN_ORDER))
    written = [msgspec.json.encode(name) + b":" + msgspec.json.encode(said[name]) for name in ordered]
    if body:
        written.append(b'"data":' + body)
    return b"{" + b",".join(written) + b"}"


ATTRIBUTES_IN_ORDER = ("specversion", "id", "source", "type", "subject", "time", "datacontenttype")


def batch(body: bytes, headers: Headers) -> list[bytes]:
    """Return the messages of a batch, each as its sender wrote it."""
    if attributes(headers):
        raise Problem(400, "two_envelopes")
    try:
        slices = [bytes(one) for one in _RAW_LIST.decode(body)]
        code = "" if slices else "batch_empty"
    except RecursionError:
        code = "too_deep"
    except msgspec.ValidationError:
        code = "not_a_batch"  # JSON, and no list
    except UnicodeDecodeError:
        code = "not_utf8"
    except msgspec.DecodeError:
        code = "not_json"
    if code:
        raise Problem(400, code)
    if len(slices) > MAX_BATCH:
        raise Problem(413, "batch_too_long")
    for place, one in enumerate(slices):
        if one.startswith(b"["):
            raise Problem(400, "batch_nested", f"[{place}]")
    return slices


def attributes(headers: Headers) -> dict[str, str]:
    """Read the attributes in the headers `ce-…` (HTTP protocol binding 1.0.2, 3.1.3.2)."""
    found: dict[str, str] = {}
    for header, value in headers:
        if not header.startswith(_PREFIX):
            continue
        name = header[len(_PREFIX) :]
        if not _NAME.fullmatch(name):
            raise Problem(400, "not_cloudevents")
        text = name.decode()
        if text in found:
            raise Problem(400, "two_envelopes", _where(text))
        found[text] = _decode(text, value)
    return found


def _decode(name: str, value: bytes) -> str:
    if quoted := _QUOTED.fullmatch(value):
        value = re.sub(rb"\\(.)", rb"\1", quoted[1])
    if not _VISIBLE.fullmatch(value) or _BAD_PERCENT.search(value):
        raise Problem(400, "header_encoding", _where(name))
    try:
        return unquote_to_bytes(value).decode() if b"%" in value else value.decode("ascii")
    except UnicodeDecodeError:
        pass
    raise Problem(400, "header_encoding", _where(name))


def _where(name: str) -> str | None:
    """Name a header of ours; what others invent is not repeated."""
    return f"ce-{name}" if name in ATTRIBUTES or name == "datacontenttype" else None


def _check_is_one_value(body: bytes) -> None:
    """Data that are more than one JSON value would write the envelope on."""
    if not body:
        return
    try:
        body.decode()
        code = ""
    except UnicodeDecodeError:
        code = "not_utf8"
    if not code:
        try:
            from_json(body, allow_inf_nan=False)
        except ValueError as error:
            code = "too_deep" if "recursion limit" in str(error) else "not_json"
    if code:
        raise Problem(400, code)
