"""The entrance by AMQP: each message submitted is passed on unchanged, or answered with a refusal; and the way out.

The sender is the organisation whose broker user published the message, which the broker has checked (`user_id`), and
whose queue it lies in. Whether it may come in, admission.py decides; a refusal is a message to the sender.
"""

import hashlib
import logging
from collections.abc import Mapping
from datetime import datetime
from uuid import NAMESPACE_OID, UUID, uuid5

from pydantic_core import from_json

import contracts
from hub.gateway.admission import Admitted, Members, Refused, admit
from messaging import confidential, tracing
from messaging.bridge import Arrival
from messaging.broker import Publication
from messaging.health import health
from messaging.identity import HUB, Addressed, address_to, read_address
from messaging.log import fields
from messaging.topology import Organisation, copies_for, owner_of

log = logging.getLogger("ruta.gateway")

GATEWAY = "gateway"  # what refuses, as its refusals name it


def decide(arrival: Arrival, members: Members, now: datetime) -> Publication:
    """Decide on one submitted message: return it, addressed to the hub's services, or the refusal to its sender."""
    organisation = owner_of(arrival.queue)
    decided: Admitted | Refused
    try:
        decided = _admit(arrival, organisation, members)
    except Refused as refused:
        decided = refused
    if decided.message is not None:
        tracing.taken_up(decided.message, now, decided if isinstance(decided, Refused) else None)
    health.count("submissions refused" if isinstance(decided, Refused) else "submissions admitted")
    if isinstance(decided, Refused):
        return _refusal(organisation, arrival.body, decided, now)
    # The bytes as they came: their digest is how a repeat is told from an id used twice.
    return Publication(HUB, decided.address, decided.body, str(decided.message.id))


def pass_on(arrival: Arrival) -> Publication:
    """Let go on what was admitted by HTTP; the routing key of its queue says where to (topology.submitted_key)."""
    message_id = str((arrival.properties or {}).get("message_id", ""))
    health.count("submissions passed_on")
    return Publication(HUB, arrival.routing_key.split(".", 3)[-1], arrival.body, message_id)


def deliver(arrival: Arrival, organisations: Mapping[str, Organisation]) -> Publication | None:
    """Address what the hub has for an organisation to the inbox of the system there that reads it, or copies it.

    None: what comes by this queue is not for the system that has its copies of it, or that system reads by HTTP alone
    and has it of the courier.
    """
    message_id = str((arrival.properties or {}).get("message_id", ""))
    id = owner_of(arrival.queue)
    organisation = organisations.get(id)  # none of who has just been removed: its inbox is about to go, too
    copies = copies_for(arrival.queue)
    address: str | None = id
    if organisation and organisation.systems:
        address = _address_there(organisation, arrival, copies)
    elif copies is not None:
        address = None
    health.count("deliveries left_to_courier" if address is None else "deliveries put_into_inbox")
    return None if address is None else Publication("inbox", address, arrival.body, message_id)


def _admit(arrival: Arrival, organisation: str, members: Members) -> Admitted:
    if arrival.properties is None:
        raise Refused("properties_unreadable")
    # The broker lets nobody publish under another's name or key; this holds even where it is set up differently.
    user = arrival.properties.get("user_id")
    sender = organisation if user == organisation else None
    try:
        return admit(arrival.body, arrival.properties.get("content_type"), sender, members)
    except Refused as refused:
        if user is None and refused.code == "forged_sender":
            missing = Refused("user_id_missing")
            missing.message = refused.message
            raise missing from None
        raise


def _address_there(organisation: Organisation, arrival: Arrival, copies: str | None) -> str | None:
    """Return which of an organisation's inboxes a message goes to, by the types that its routing key names.

    Where these are unknown it is the common inbox, for the organisation's staff to see. Of a system's copies it is that
    system's, or None: not one that it has, or the message itself goes there.
    """
    addressed, contract = _addressed(organisation, arrival)
    address = organisation.id
    if contract is not None:
        notice = contract.sent_by in ("hub", "service")
        asked_by = addressed.asked_by if contract.answers_whoever_asked else None
        address = organisation.address(contract.name, notice=notice, refusal_of=addressed.refusal_of, asked_by=asked_by)
    if copies is None:
        return address if address == organisation.id or address not in organisation.by_http_alone else None
    copied_to = organisation.copied_to(contract.name, asked_by=addressed.asked_by) if contract else []
    return next((one.address for one in copied_to if one.name == copies and one.address != address), None)


def _addressed(organisation: Organisation, arrival: Arrival) -> tuple[Addressed, contracts.Contract | None]:
    """Read what a message is that the hub has for an organisation, by its routing key; None where that is unknown."""
    key, prefix = arrival.routing_key, f"to.{organisation.id}."
    if not key.startswith(prefix):  # written before keys had a type, or put into the queue by hand
        try:
            key = address_to(organisation.id, contracts.parse(arrival.body))
        except contracts.Invalid:
            key = ""
    addressed = read_address(key)
    return addressed, contracts.CONTRACTS.get(addressed.type)


def _readable_id(body: bytes) -> UUID | None:
    """Find the id of a message that breaks its contract, so that its sender knows which one it was."""
    if len(body) > contracts.MAX_BYTES:
        return None
    try:
        return UUID(from_json(body)["id"])
    except (ValueError, TypeError, KeyError, AttributeError):  # not JSON, not an object, no id, or another kind of id
        return None


def _refusal(organisation: str, body: bytes, refused: Refused, now: datetime) -> Publication:
    digest = hashlib.sha256(body).hexdigest()
    message = refused.message
    refused_id = message.id if message else _readable_id(body)
    refusal = contracts.MessageRefused(
        refused_id=refused_id,
        refused_type=message.type if message else None,
        code=refused.code,
        where=refused.where,
        body_sha256=digest,
        body_bytes=len(body),
        refused_by=GATEWAY,
    )
    said: dict[str, object] = {
        "code": refused.code,
        "where": refused.where or "-",
        "message": refused_id or "unreadable",
        "contract": refusal.refused_type or "unreadable",
        "source": organisation,
        "digest": digest,
    }
    shown = confidential.in_a_log(said) if refused.code == confidential.REFUSED_AS else said
    log.info("refused", extra=fields(**shown))
    # One refusal for one message, also when the gateway is killed before it acknowledges and reads it again.
    refusal_id = uuid5(NAMESPACE_OID, f"{organisation} {refused.code} {digest}")
    subject = str(refused_id or refusal_id)
    draft = contracts.Draft(refusal, subject=subject, recipient=organisation)
    stamped = contracts.stamp(draft, source=HUB, time=now, id=refusal_id, cause=message)
    return Publication(HUB, address_to(organisation, stamped), stamped.to_json(), str(refusal_id))
