"""Reading what arrives: bytes in, a valid message or one coded refusal out."""

import re
from typing import Annotated, Any, Union

from pydantic import Field, TypeAdapter, ValidationError
from pydantic_core import from_json

from . import (  # noqa: F401 - they fill the register
    attendance,
    consent,
    deliveries,
    directory,
    employers,
    entrepreneurs,
    etpv,
    households,
    jornadas,
    matching,
    missed,
    naming,
    organisations,
    people,
    presence,
    processed,
    referral,
    referral_notices,
    refusal,
    rights,
    route,
    said_again,
)
from .envelope import MAX_BYTES, Message
from .registry import CONTRACTS, contract_of
from .upcasts import UPCASTS

MAX_DEPTH = 32
"""How many objects and lists may lie within each other."""
MAX_NESTED, MAX_LISTED = 2_000, 10_000
"""How many objects and lists a message may have in all, and how many commas: far more than any contract has.

What breaks a contract is copied into each of the errors that say so: a large one would cost its reader half a second.
"""
_BRACE, _BRACKET, _COMMA = b"{[,"
_LEVELS = b"[" * (MAX_DEPTH + 1)
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")  # an escape, and not the second half of an escaped backslash
_STRAY = re.compile(rb"NaN|Infinity")
_ALL_BUT_BRACKETS = bytes(set(range(256)) - set(b"{}[]"))


def _is_event_id(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _is_event_source(value: object) -> bool:
    return isinstance(value, str) and _URI_REFERENCE.fullmatch(value) is not None


_URI_REFERENCE = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+")
OF_THE_NETWORK = {
    "id": (_is_event_id, "id_not_uuid"),
    "source": (_is_event_source, "source_not_organisation"),
}
"""What CloudEvents takes more for than the network does, and the code for what is only CloudEvents'."""

_NAMES = {contract.name for contract in CONTRACTS.values()}
_MESSAGES: Any = Union[tuple(contract.message for contract in CONTRACTS.values())]  # noqa: UP007 - made, not written
_ANY_MESSAGE: TypeAdapter[Message[Any]] = TypeAdapter(Annotated[_MESSAGES, Field(discriminator="type")])


class Invalid(Exception):
    """A message that cannot be read; says which rule it breaks and where, and never what it contains.

    Codes: `too_large`, `too_many_values`, `too_deep`, `not_utf8`, `not_json`, `not_cloudevents`, `unknown_contract`,
    `unknown_version`, `id_not_uuid`, `source_not_organisation`, `invalid_field`, `nul_character`, `time_without_zone`.
    """

    def __init__(self, code: str, where: str | None = None) -> None:
        super().__init__(code if where is None else f"{code} at {where}")
        self.code = code
        self.where = where
        """The dotted path of the field to blame, such as `data.reason`; None when it is the whole message."""


def parse(raw: bytes) -> Message[Any]:
    """Read a message; raise Invalid when it is not one."""
    if len(raw) > MAX_BYTES:
        raise Invalid("too_large")
    nested = raw.count(_BRACE) + raw.count(_BRACKET)
    if nested > MAX_NESTED or raw.count(_COMMA) > MAX_LISTED:
        # Not by counting levels, which would take as long as what is kept off here.
        raise Invalid("too_deep" if _LEVELS in raw else "too_many_values")
    try:
        message = _ANY_MESSAGE.validate_json(raw)
    except ValidationError as error:
        why = error
    else:
        # A field that nobody reads may hold what pydantic allows; most messages are cleared in two microseconds.
        if b"\\u0000" in raw or ((b"NaN" in raw or b"Infinity" in raw) and _STRAY.search(_STRING.sub(b"", raw))):
            _read_strictly(raw)
        elif nested > MAX_DEPTH and _is_too_deep(raw):
            raise Invalid("too_deep")
        return message
    # Outside the except block, so that no traceback carries the error that has seen the values.
    raise _explain(raw, why)


def _read_strictly(raw: bytes) -> Any:
    """Decode JSON by the letter of RFC 8259, without NUL in any string and no deeper than MAX_DEPTH."""
    try:
        raw.decode()
    except UnicodeDecodeError:
        code = "not_utf8"
    else:
        code = ""
    if code:
        raise Invalid(code)
    try:
        document = from_json(raw, allow_inf_nan=False)
    except ValueError as error:
        code = "too_deep" if "recursion limit" in str(error) else "not_json"
    if code:
        raise Invalid(code)
    if _NUL.search(raw):
        raise Invalid("nul_character")
    if _is_too_deep(raw):
        raise Invalid("too_deep")
    return document


def _is_too_deep(raw: bytes) -> bool:
    """Tell whether more than MAX_DEPTH objects and lists lie within each other, in what is JSON otherwise.

    Without a look at each of them: a message may have a hundred thousand, and its neighbours wait.
    """
    left = _STRING.sub(b"", raw).translate(None, _ALL_BUT_BRACKETS)
    for _ in range(MAX_DEPTH):
        if not left:
            return False
        # the innermost go, of either kind; those around them wait for the next round
        left = left.replace(b"[]", b"\0").replace(b"{}", b"\0").translate(None, b"\0")
    return bool(left)


def _explain(raw: bytes, error: ValidationError) -> Invalid:
    try:
        document = _read_strictly(raw)
    except Invalid as found:
        return found
    if not isinstance(document, dict) or document.get("specversion") != "1.0":
        return Invalid("not_cloudevents", "specversion" if isinstance(document, dict) else None)
    named = document.get("type")
    if not isinstance(named, str):
        return Invalid("not_cloudevents", "type")
    if named not in CONTRACTS:
        known = named.rpartition(".v")[0] in _NAMES
        return Invalid("unknown_version" if known else "unknown_contract", "type")
    if document.get("data_base64") is not None:
        return Invalid("not_cloudevents", "data_base64")
    first = error.errors(include_input=False, include_url=False)[0]
    path = [str(part) for part in first["loc"][1:]]
    if first["type"] == "rule_between_fields":
        path.append(first["ctx"]["where"])
    where = ".".join(path) or None
    if first["type"] == "timezone_aware":
        return Invalid("time_without_zone", where)
    if where in OF_THE_NETWORK:
        an_event_has, code = OF_THE_NETWORK[where]
        return Invalid(code if an_event_has(document.get(where)) else "not_cloudevents", where)
    return Invalid("invalid_field", where)


def upcast(message: Message[Any]) -> Message[Any]:
    """Return the message as the newest version of its contract says it; the same message when it is that already."""
    data = message.data
    while type(data) in UPCASTS:
        data = UPCASTS[type(data)](data)
    if data is message.data:
        return message
    newest = contract_of(data)
    return newest.message(**{**dict(message), "type": newest.type, "data": data})
