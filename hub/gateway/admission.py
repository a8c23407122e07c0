"""Who may come in: one decision for every entrance, on the bytes of a message and on whom the transport vouches for.

Pure: it reads no clock, no database and no broker; what it knows of the network it is given as `Members`. The entrances
(amqp.py; http/) are thin ends of it, held to one table of cases (tests/hub/admission_table.py). Nothing here knows a
person: refusals name codes and fields.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import contracts
from contracts.codes import OrganisationStatus, Power
from contracts.fields import Model
from contracts.media_types import is_media_type
from hub.console.hosting import uses_screens
from messaging.broker import CONTENT_TYPE
from messaging.identity import HUB, address_to
from messaging.public_keys import KeyIds, in_force
from messaging.topology import ANYBODY, Organisation

_BEGINS = re.compile(rb'[ \t\r\n]*\{(?=[ \t\r\n]*")')


@dataclass(frozen=True, slots=True)
class Admitted:
    """A message that may come in."""

    message: contracts.Message
    body: bytes
    """What is passed on: the bytes as they came, by which a repeat is known, or these and which system says them."""
    address: str
    """The routing key in the exchange `hub`."""


class Refused(Exception):
    """Admission says no, with a code that the sender is notified of and, where it helps, the field to blame."""

    def __init__(self, code: str, where: str | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.where = where
        self.message: contracts.Message | None = None
        """What is refused, where it could be read."""


@dataclass(frozen=True)
class Members:
    """Who takes part in the network, and by which keys something can be sealed to whom."""

    organisations: Mapping[str, Organisation]
    keys: KeyIds
    """Empty: nobody's is known, and whom a block is sealed to is not looked at."""


def admit(body: bytes, media_type: object, sender: str | None, members: Members, system: str | None = None) -> Admitted:
    """Decide on one message; raise Refused where it may not come in.

    `media_type` is what the transport says the body is, and `sender` the organisation that it vouches for; None where
    it vouches for nobody, and then no message is that organisation's. `system` is the one of the sender's that it
    vouches for: a message that does not name its system is that one's.
    """
    message, body = _read(body, media_type, system)
    try:
        organisation = _check_sender(message, sender, members)
        _check_system(message, organisation, system)
        _check_confidential(message, members.organisations)
        _check_sealed(message, members.keys)
        return Admitted(message, body, _address(message, organisation, members.organisations))
    except Refused as refused:
        refused.message = message
        raise


def _read(body: bytes, media_type: object, system: str | None) -> tuple[contracts.Message, bytes]:
    """Read a message, and have it name the system that says it, where that is known and it does not."""
    if not is_media_type(media_type, CONTENT_TYPE):
        raise Refused("content_type")
    try:
        # In most nothing is called so, and they are read once, with what is added.
        if system is not None and b'"system"' not in body:
            body = _naming(system, body)
        message = contracts.parse(body)
        if system is not None and message.system is None:
            body = _naming(system, body)
            message = contracts.parse(body)
    except contracts.Invalid as invalid:
        raise Refused(invalid.code, invalid.where) from None
    return message, body


def _naming(system: str, body: bytes) -> bytes:
    """Put a system's name before the first field of an object; what is none stays as it is."""
    begins = _BEGINS.match(body)
    return body if begins is None else b'%b"system":"%b",%b' % (begins[0], system.encode(), body[begins.end() :])


def _check_system(message: contracts.Message, organisation: Organisation, system: str | None) -> None:
    """Let a message name one of its organisation's systems, and where the transport vouches for one only that."""
    if message.system != (system or message.system):
        raise Refused("another_system", "system")
    if message.system is not None and all(one.name != message.system for one in organisation.systems):
        raise Refused("unknown_system", "system")


def _check_sender(message: contracts.Message, sender: str | None, members: Members) -> Organisation:
    if message.source != sender:
        raise Refused("forged_sender", "source")
    organisation, contract = members.organisations.get(sender), contracts.CONTRACTS[message.type]
    if organisation is not None and organisation.status is OrganisationStatus.SUSPENDED:
        raise Refused("suspended")
    if organisation is None or not _may_say(organisation, contract):
        raise Refused("not_allowed", "type")
    if contract.sent_by == "service":
        _check_copy(message, contract, organisation, members.organisations)
    _check_recipients(message, organisation)
    return organisation


def _may_say(organisation: Organisation, contract: contracts.Contract) -> bool:
    match contract.sent_by:
        case "partner":
            return organisation.sends(contract.name)
        case "coordinator":
            return Power.COORDINATE in organisation.powers and organisation.sends(contract.name)
        case "service":
            return organisation.says_itself(contract.name)
        case "hub":
            return False


def _check_recipients(message: contracts.Message, organisation: Organisation) -> None:
    """Let an organisation refer people only to whom it may, wherever in its message it says so."""
    if organisation.refers_to == ANYBODY:
        return
    for where, recipient in _recipients("data", message.data):
        if not organisation.may_refer_to(recipient):
            raise Refused("recipient_not_allowed", where)


def _recipients(where: str, said: object) -> Iterator[tuple[str, str]]:
    """Every field of a message's data that names to whom somebody is referred, and whom it names."""
    match said:
        case Model():
            for name, value in said:
                if name == "recipient" and value is not None:
                    yield f"{where}.recipient", value
                else:
                    yield from _recipients(f"{where}.{name}", value)
        case tuple():
            for place, value in enumerate(said):
                yield from _recipients(f"{where}.{place}", value)


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


def _check_confidential(message: contracts.Message, organisations: Mapping[str, Organisation]) -> None:
    """Let no confidential case go to who reads with the hub's screens: it takes a key of its own, which those lack.

    Here it is refused before anything sealed is kept. Of what does not say whether it is of such a case, as a referral
    that is redirected, referrals refuses it (services/referrals/rules/confidential.py).
    """
    said = message.data
    if not isinstance(said, contracts.ReferralRequested | contracts.ReferralRequestedV1):
        return
    recipient = organisations.get(said.recipient)
    if said.case_code is not None and recipient is not None and uses_screens(recipient):
        raise Refused("confidential_needs_own_key", "data.recipient")


def _check_sealed(message: contracts.Message, keys: KeyIds) -> None:
    """Let a block be sealed only to a key in force of whom it is for: another could not read it, or should not.

    Of a referral only the service knows the parties (services/referrals/rules/notes.py). Here it is known to be neither
    for the hub nor for who says it; and by nobody's key nobody reads it.
    """
    if not keys:
        return
    for block in contracts.sealed_blocks(message):
        readers = [block.reader] if block.reader else keys.keys() - {HUB, message.source}
        known = in_force(keys, readers, block.key_id)
        if known is None:
            raise Refused("sealed_to_another", block.where)
        if not known:
            raise Refused("sealed_to_retired_key", block.where)


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
