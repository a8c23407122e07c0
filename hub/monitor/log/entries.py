"""What the queue `log` brings, read as far as the log keeps it: envelope, digest, size, and whom it speaks of. Pure.

A message is not held against its contract here: admission and the runtime have done that, and a log that could not
read a contract's newer version would lose it. So every value is looked at for what it may be, and kept only where it is
an id, a time, or a word of the network's own: nothing that somebody has written by hand gets into the log.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final
from uuid import NAMESPACE_OID, UUID, uuid5

from pydantic_core import from_json

from contracts import refusals
from contracts.codes import is_confidential
from contracts.registry import CONTRACTS
from messaging.confidential import REFUSED_AS
from messaging.topology import NAME

HUB: Final = "hub"
PROCESSED: Final = "messages.processed.v1"
REFUSED: Final = "message.refused.v1"
ERASED: Final = "person.erased.v1"
GATEWAY: Final = "gateway"
BY_HTTP: Final = "http"
PASSED, BY_ADMISSION = "passed", "refused"
REPEATED: Final = "repeated"  # changes nothing
STATES: Final = frozenset({"applied", "waits", "refused", "quarantined", "handed_to"})
SHORT: Final = (1 << 35) - 1  # the bits of a referral's id that its short code is made of
LONGEST_KEY: Final = 255  # bytes of a routing key, in the broker

_SERVICE: Final = re.compile(r"[a-z][a-z0-9_.-]{1,99}")
_CODE: Final = re.compile(r"[a-z][a-z0-9_]{0,99}")
_TRACE: Final = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
_KEY: Final = re.compile(r"[a-z0-9_.-]+")


@dataclass(slots=True)
class Outcome:
    """What a service, or admission, has said of one message."""

    message_id: UUID
    organisation: str | None
    type: str | None
    service: str
    state: str
    code: str | None
    waiting_for: UUID | None
    until: datetime | None
    said_at: datetime
    confidential: bool = False


@dataclass(frozen=True, slots=True)
class Beyond:
    """What admission refused and nobody logs one by one."""

    minute: datetime
    entrance: str
    organisation: str
    """`-` of what says that its case is confidential."""
    code: str
    count: int


@dataclass(slots=True)
class Logged:
    """One message as the log has it; the fields are those of the table `message`."""

    id: UUID
    kind: str
    source: str
    organisation: str
    recipient: str | None
    type: str | None
    subject: UUID | None
    short: int | None
    correlation: UUID
    causation: UUID | None
    system: str | None
    recipientsystem: str | None
    trace: UUID | None
    sent_at: datetime | None
    digest: bytes
    size: int | None
    routing_key: str | None
    confidential: bool = False
    erased: bool = False
    people: frozenset[UUID] = frozenset()
    """Whom it speaks of, by their ids."""
    erases: UUID | None = None
    """Who is erased by it."""
    outcomes: list[Outcome] = field(default_factory=list)
    otherwise: Beyond | None = None
    """What is counted where the log has it already: it is another, under the same id."""

    @property
    def name(self) -> tuple[UUID, str, str]:
        """By which it is known when it comes again."""
        return self.id, self.source, self.kind


def read(routing_key: str, body: bytes) -> list[Logged]:
    """Read one message of the queue: itself, and what it says that admission has refused."""
    digest = hashlib.sha256(body).digest()
    message = _read(body)
    said = _message(routing_key, message, digest, len(body))
    data = message.get("data")
    found = [said]
    if not isinstance(data, dict):
        return found
    if said.type == PROCESSED and said.source == HUB:
        said.outcomes += _reported(data, said.sent_at)
    elif said.type == REFUSED:
        said.confidential = data.get("code") == REFUSED_AS
        found += _refused(said, data)
    elif said.type == ERASED and said.source == HUB:
        said.erases = as_id(data.get("person_id"))
    contract = CONTRACTS.get(said.type or "")
    if contract is None or contract.personal_data:
        said.people = frozenset(_people(data))
        said.confidential = _is_confidential(data)
    return found


def refused_by_http(row: Mapping[str, Any]) -> Logged | Beyond:
    """Read a row of the gateway's view `operators.refused`: a message that was refused, or how many besides."""
    at, code = row["at"], _code(row["code"])
    organisation = _name(row["organisation"]) or "-"
    shown = "-" if code == REFUSED_AS else organisation
    minute = at.astimezone(UTC).replace(second=0, microsecond=0)
    if row["beyond"] is not None:
        return Beyond(minute, BY_HTTP, shown, code or "-", row["beyond"])
    id = row["message_id"] or uuid5(NAMESPACE_OID, f"refused by http {row['number']} {at.isoformat()}")
    refused = _not_let_in(
        id=id,
        organisation=organisation,
        system=_name(row["system"]),
        type=_type(row["type"]),
        code=code,
        digest=row["digest"],
        size=row["size"],
        correlation=None,
        trace=None,
        at=at,
    )
    refused.otherwise = Beyond(minute, BY_HTTP, shown, code or "-", 1)
    return refused


def says_confidential(body: bytes) -> bool:
    """Tell of the bytes of a message whether they say that its case is confidential."""
    message = _read(body)
    data, contract = message.get("data"), CONTRACTS.get(_type(message.get("type")) or "")
    return isinstance(data, dict) and (contract is None or contract.personal_data) and _is_confidential(data)


def id_of(body: bytes) -> UUID | None:
    """Find the id that the bytes of a message say they have; None where they are none, or have none."""
    return as_id(_read(body).get("id"))


def family(type: str | None) -> str | None:
    """The first word of a contract: `referral` of `referral.accepted.v1`."""
    return None if type is None else type.partition(".")[0]


def _read(body: bytes) -> dict[str, Any]:
    try:
        read = from_json(body)
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}


def _message(routing_key: str, message: Mapping[str, Any], digest: bytes, size: int) -> Logged:
    id = as_id(message.get("id")) or uuid5(NAMESPACE_OID, digest.hex())
    source = _name(message.get("source")) or "-"
    words = routing_key.split(".")
    recipient = _name(words[1]) if words[0] == "to" and len(words) > 1 else None
    type = _type(message.get("type"))
    if type == PROCESSED and source == HUB:
        recipient = _name(message.get("recipient"))
    subject = as_id(message.get("subject"))
    contract = CONTRACTS.get(type or "")
    of_referral = contract is not None and contract.about == "referral_id" and subject is not None
    causation = as_id(message.get("causationid"))
    trace = _TRACE.fullmatch(message["traceparent"]) if isinstance(message.get("traceparent"), str) else None
    return Logged(
        id=id,
        kind=PASSED,
        source=source,
        organisation=recipient or HUB if source == HUB else source,
        recipient=recipient,
        type=type,
        subject=subject,
        short=subject.int & SHORT if of_referral and subject is not None else None,
        correlation=as_id(message.get("correlationid")) or causation or id,
        causation=causation,
        system=_name(message.get("system")),
        # Nobody has looked at what others than the hub say here.
        recipientsystem=_name(message.get("recipientsystem")) if source == HUB else None,
        trace=UUID(trace[1]) if trace else None,
        sent_at=_time(message.get("time")),
        digest=digest,
        size=size,
        routing_key=routing_key[:LONGEST_KEY] if _KEY.fullmatch(routing_key) else None,
    )


def _reported(data: Mapping[str, Any], at: datetime | None) -> Iterator[Outcome]:
    """What a report of a service says, message by message."""
    service, organisation = _word(data.get("service"), _SERVICE), _name(data.get("organisation"))
    if service is None:
        return
    for group in _dicts(data.get("groups")):
        state = group.get("state")
        if state not in STATES:
            continue
        for id in _ids(group.get("ids")):
            yield Outcome(
                message_id=id,
                organisation=organisation,
                type=_type(group.get("type")),
                service=service,
                state=str(state),
                code=_code(group.get("code")),
                waiting_for=as_id(group.get("waiting_for")),
                until=_time(group.get("until")),
                said_at=at or datetime.now(UTC),
            )


def _refused(said: Logged, data: Mapping[str, Any]) -> Iterator[Logged]:
    """The outcome that a refusal says; of the gateway's own also the message refused, which has never passed."""
    by, id = _word(data.get("refused_by"), _SERVICE) or "-", as_id(data.get("refused_id"))
    code = _code(data.get("code"))
    if said.source != HUB:  # a service that the organisation runs itself, whose code may be anything
        by, code = said.source, code if code in _known_codes() else None
    outside = by == GATEWAY
    if id is None and not outside:
        return
    digest, size = data.get("body_sha256"), data.get("body_bytes")
    refused = _not_let_in(
        id=id or said.id,
        organisation=said.recipient or said.organisation,
        system=None,
        type=_type(data.get("refused_type")),
        code=code,
        digest=bytes.fromhex(digest) if isinstance(digest, str) and re.fullmatch("[0-9a-f]{64}", digest) else None,
        size=size if type(size) is int and 0 <= size < 2**31 else None,
        correlation=said.correlation,
        trace=said.trace,
        at=said.sent_at,
    )
    if outside:
        yield refused
    else:
        said.outcomes += refused.outcomes
        for one in said.outcomes:
            one.service = by


def _not_let_in(
    *,
    id: UUID,
    organisation: str,
    system: str | None,
    type: str | None,
    code: str | None,
    digest: bytes | None,
    size: int | None,
    correlation: UUID | None,
    trace: UUID | None,
    at: datetime | None,
) -> Logged:
    outcome = Outcome(
        message_id=id,
        organisation=organisation,
        type=type,
        service=GATEWAY,
        state="refused",
        code=code,
        waiting_for=None,
        until=None,
        said_at=at or datetime.now(UTC),
    )
    return Logged(
        id=id,
        kind=BY_ADMISSION,
        source=organisation,
        organisation=organisation,
        recipient=None,
        type=type,
        subject=None,
        short=None,
        correlation=correlation or id,
        causation=None,
        system=system,
        recipientsystem=None,
        trace=trace,
        sent_at=None,
        digest=digest or b"",
        size=size,
        routing_key=None,
        confidential=code == REFUSED_AS,
        outcomes=[outcome],
    )


def _is_confidential(data: Mapping[str, Any]) -> bool:
    """Tell whether a message says that its case is confidential."""
    if data.get("case_code") is not None or data.get("confidential") is True:
        return True
    need = data.get("need_code")
    return isinstance(need, str) and is_confidential(need)


def _people(value: Any) -> Iterator[UUID]:
    """The ids of people, wherever they stand in a message's data (as hub/gateway/erasing.py has it)."""
    if isinstance(value, dict):
        for name, part in value.items():
            if name.endswith(("person_id", "person_ids")):
                yield from _ids(part if isinstance(part, list) else [part])
            elif isinstance(part, dict | list):
                yield from _people(part)
    elif isinstance(value, list):
        for part in value:
            if isinstance(part, dict | list):
                yield from _people(part)


def as_id(value: object) -> UUID | None:
    """Read an id; None of what is none."""
    if not isinstance(value, str) or not 32 <= len(value) <= 45:
        return None
    try:
        return UUID(value)
    except ValueError:
        return None


def _ids(value: object) -> Iterator[UUID]:
    for one in value if isinstance(value, list) else ():
        if (id := as_id(one)) is not None:
            yield id


def _dicts(value: object) -> Iterable[dict[str, Any]]:
    return (one for one in value if isinstance(one, dict)) if isinstance(value, list) else ()


def _word(value: object, pattern: re.Pattern[str]) -> str | None:
    return value if isinstance(value, str) and pattern.fullmatch(value) else None


def _name(value: object) -> str | None:
    return _word(value, NAME)


def _code(value: object) -> str | None:
    return _word(value, _CODE)


@cache
def _known_codes() -> frozenset[str]:
    """The codes that have words."""
    return refusals.spoken().union(*(refusals.spoken(one) for one in refusals.SPEAKERS))


def _type(value: object) -> str | None:
    """A contract's type, where there is such a contract: any other word is the sender's own."""
    return value if isinstance(value, str) and value in CONTRACTS else None


def _time(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        read = datetime.fromisoformat(value)
    except ValueError:
        return None
    return read.astimezone(UTC) if read.tzinfo is not None and 1970 <= read.year < 9999 else None
