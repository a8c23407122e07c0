"""Who may come in: each message that an organisation submits is passed on unchanged, or answered with a refusal.

The sender is the organisation whose broker user published the message, which the broker has checked; what the message
itself says of its sender must agree. Nothing here knows a person: refusals name codes, ids and digests.
"""

import hashlib
import logging
from collections.abc import Mapping
from datetime import datetime
from uuid import NAMESPACE_OID, UUID, uuid5

from pydantic_core import from_json

import contracts
from contracts.media_types import is_media_type
from messaging import tracing
from messaging.bridge import Arrival
from messaging.broker import CONTENT_TYPE, Publication
from messaging.identity import address_to
from messaging.log import fields
from messaging.topology import Organisation

log = logging.getLogger("ruta.gateway")

HUB_EXCHANGE = "hub"
HUB = "hub"
GATEWAY = "gateway"  # what refuses, as its refusals name it


class Refused(Exception):
    """Admission says no, with a code that the sender is notified of and, where it helps, the field to blame."""

    def __init__(self, code: str, where: str | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.where = where


def decide(arrival: Arrival, organisations: Mapping[str, Organisation], now: datetime) -> Publication:
    """Decide on one submitted message: return it, addressed to the hub's services, or the refusal to its sender."""
    organisation = organisations[arrival.queue.removeprefix("submit.")]
    message = None
    try:
        message = _read(arrival)
        with tracing.processing(message, now):
            _check_sender(arrival, message, organisation, organisations)
    except Refused as refusal:
        return _refusal(organisation, arrival.body, message, refusal, now)
    # The bytes as they came: their digest is how a repeat is told from an id used twice.
    return Publication(HUB_EXCHANGE, _address(message, organisation, organisations), arrival.body, str(message.id))


def deliver(arrival: Arrival, organisations: Mapping[str, Organisation]) -> Publication:
    """Address what the hub has for an organisation to the inbox of the system there that reads it."""
    message_id = str((arrival.properties or {}).get("message_id", ""))
    organisation = organisations[arrival.queue.removeprefix("deliver.")]
    address = _address_there(organisation, arrival) if organisation.systems else organisation.id
    return Publication("inbox", address, arrival.body, message_id)


def _address(message: contracts.Message, sender: Organisation, organisations: Mapping[str, Organisation]) -> str:
    """Return where an admitted message goes: by its type to the hub's services, or to an organisation.

    To an organisation goes what one of Ruta's services, run by the sender, addresses to it; and what a service that
    the organisation runs itself handles in place of the hub's.
    """
    contract = contracts.CONTRACTS[message.type]
    if contract.sent_by == "service":
        return address_to(message.recipient, message) if message.recipient else message.type
    handled_by = message.data.organiser if contract.received_by == "organiser" else sender.id
    owner = organisations.get(handled_by)
    return address_to(owner.id, message) if owner and owner.handles_itself(contract.name) else message.type


def _address_there(organisation: Organisation, arrival: Arrival) -> str:
    """Return which of an organisation's inboxes a message goes to, by the types that its routing key names.

    Where these are unknown it is the common inbox, for the organisation's staff to see.
    """
    key, prefix = arrival.routing_key, f"to.{organisation.id}."
    if not key.startswith(prefix):  # written before keys had a type, or put into the queue by hand
        try:
            key = address_to(organisation.id, contracts.parse(arrival.body))
        except contracts.Invalid:
            return organisation.id
    words = key.removeprefix(prefix).split(".")
    contract = contracts.CONTRACTS.get(".".join(words[:3]))
    if contract is None:
        return organisation.id
    notice = contract.sent_by in ("hub", "service")
    return organisation.address(contract.name, notice=notice, refusal_of=".".join(words[3:5]))


def _read(arrival: Arrival) -> contracts.Message:
    if arrival.properties is None:
        raise Refused("properties_unreadable")
    if not is_media_type(arrival.properties.get("content_type"), CONTENT_TYPE):
        raise Refused("content_type")
    try:
        return contracts.parse(arrival.body)
    except contracts.Invalid as invalid:
        raise Refused(invalid.code, invalid.where) from None


def _check_sender(
    arrival: Arrival,
    message: contracts.Message,
    organisation: Organisation,
    organisations: Mapping[str, Organisation],
) -> None:
    user = (arrival.properties or {}).get("user_id")
    if user is None:
        raise Refused("user_id_missing")
    # The broker lets nobody publish under another's name or key; this holds even where it is set up differently.
    if user != organisation.id or message.source != organisation.id:
        raise Refused("forged_sender", "source")
    contract = contracts.CONTRACTS[message.type]
    allowed = {
        "partner": organisation.sends(contract.name),
        "coordinator": organisation.coordinator and organisation.sends(contract.name),
        "service": organisation.says_itself(contract.name),
        "hub": False,
    }
    if not allowed[contract.sent_by]:
        raise Refused("not_allowed", "type")
    if contract.sent_by == "service":
        _check_copy(message, contract, organisation, organisations)


def _check_copy(
    message: contracts.Message,
    contract: contracts.Contract,
    organisation: Organisation,
    organisations: Mapping[str, Organisation],
) -> None:
    """Let an organisation's copy of a service speak of that organisation, and answer what others are brought to it for.

    The hub's instance speaks of everybody's jornadas and participants.
    """
    if message.recipient not in ((None,) if contract.received_by == "hub services" else organisations):
        raise Refused("unknown_recipient", "recipient")
    for whose in ("organiser", "organisation"):
        if getattr(message.data, whose, organisation.id) != organisation.id:
            raise Refused("not_yours", f"data.{whose}")
    if message.recipient in (None, organisation.id):
        return
    # Nothing here remembers what was diverted: whether it was this very message, its sender knows (docs/partners.md).
    copies = [one for one in organisation.systems if one.runs and contract.name in one.publishes]
    diverted = {
        one.type
        for one in contracts.CONTRACTS.values()
        if one.received_by == "organiser" and any(one.name in copy.reads for copy in copies)
    }
    if not diverted:
        raise Refused("not_yours", "recipient")
    if isinstance(message.data, contracts.MessageRefused):
        if message.data.refused_type not in diverted:
            raise Refused("not_yours", "data.refused_type")
        if message.data.refused_id is None:
            raise Refused("not_yours", "data.refused_id")


def _readable_id(body: bytes) -> UUID | None:
    """Find the id of a message that breaks its contract, so that its sender knows which one it was."""
    if len(body) > contracts.MAX_BYTES:
        return None
    try:
        return UUID(from_json(body)["id"])
    except (ValueError, TypeError, KeyError, AttributeError):  # not JSON, not an object, no id, or another kind of id
        return None


def _refusal(
    organisation: Organisation, body: bytes, message: contracts.Message | None, refused: Refused, now: datetime
) -> Publication:
    digest = hashlib.sha256(body).hexdigest()
    refused_id = message.id if message else _readable_id(body)
    refusal = contracts.MessageRefused(
        refused_id=refused_id,
        refused_type=message.type if message else None,
        code=refused.code,
        where=refused.where,
        body_sha256=digest,
        refused_by=GATEWAY,
    )
    said = fields(
        code=refused.code,
        where=refused.where or "-",
        message=refused_id or "unreadable",
        contract=refusal.refused_type or "unreadable",
        source=organisation.id,
        digest=digest,
    )
    log.info("refused", extra=said)
    # One refusal for one message, also when the gateway is killed before it acknowledges and reads it again.
    refusal_id = uuid5(NAMESPACE_OID, f"{organisation.id} {refused.code} {digest}")
    subject = str(refused_id or refusal_id)
    draft = contracts.Draft(refusal, subject=subject, recipient=organisation.id)
    stamped = contracts.stamp(draft, source=HUB, time=now, id=refusal_id, cause=message)
    return Publication(HUB_EXCHANGE, address_to(organisation.id, stamped), stamped.to_json(), str(refusal_id))
