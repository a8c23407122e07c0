"""The input of every contender: the same requests of about 900 bytes."""

import random
import string
from datetime import UTC, datetime
from uuid import UUID

import contracts
from bench import task
from bench.messages import Sent, say
from contracts.codes import ConsentPurpose, ContactChannel, FieldGroup, NeedCode, ReferralReason, Urgency

TYPE = "referral.requested.v2"
BASE64URL = string.ascii_letters + string.digits + "-_"


def template() -> contracts.Message[contracts.ReferralRequested]:
    """A valid request as the partners send it, without the optional parts; its sealed block is random letters."""
    letters = random.Random(0)  # noqa: S311 - nothing is secret about it

    def part(length: int) -> str:
        return "".join(letters.choices(BASE64URL, k=length))

    referral_id = UUID(int=1)
    request = contracts.ReferralRequested(
        referral_id=referral_id,
        recipient=task.RECIPIENT,
        service_id=UUID(int=2),
        urgency=Urgency.NORMAL,
        person_id=UUID(int=3),
        need_code=NeedCode("health.consultation"),
        reason_code=ReferralReason.NO_CAPACITY,
        shares=(FieldGroup.IDENTITY, FieldGroup.CONTACT),
        consent_id=UUID(int=4),
        contact=contracts.Contact(channel=ContactChannel.PHONE, language="es"),
        sealed=f"eyJ{part(20)}.{part(54)}.{part(16)}.{part(40)}.{part(22)}",
    )
    draft = contracts.Draft(request, subject=str(referral_id))
    return contracts.stamp(draft, source=task.SENDER, time=datetime.now(UTC), id=UUID(int=5))


def make(count: int) -> list[Sent]:
    """Make so many different requests; the same ones on every call."""
    ids = random.Random(1)  # noqa: S311
    pattern = template().to_json().decode()
    for number, name in ((1, "referral"), (3, "person"), (4, "consent"), (5, "message")):
        pattern = pattern.replace(str(UUID(int=number)), f"<{name}>")
    made = []
    for _ in range(count):
        body, message = pattern, ""
        for name in ("referral", "person", "consent", "message"):
            message = str(UUID(int=ids.getrandbits(128), version=4))
            body = body.replace(f"<{name}>", message)
        made.append(Sent(TYPE, message, body.encode()))
    return made


def service_of(request: Sent) -> Sent:
    """What the recipient has to publish before the hub's real service accepts the request."""
    asked = contracts.parse(request.body)
    service = contracts.ServicePublished(
        service_id=asked.data.service_id,
        name="Consulta",
        need_codes=(asked.data.need_code,),
        active=True,
        zones=("08001",),
    )
    return say(contracts.Draft(service, subject=str(service.service_id)), source=asked.data.recipient)


def consent_of(request: Sent) -> Sent:
    """What intake has to record before the hub's real service accepts the request."""
    asked = contracts.parse(request.body)
    consent = contracts.ConsentRecorded(
        consent_id=asked.data.consent_id,
        person_id=asked.data.person_id,
        purposes=(ConsentPurpose.REFER,),
        recipients=(asked.data.recipient,),
        field_groups=tuple(asked.data.shares),
        valid_from=asked.time,
        granted_to=asked.source,
    )
    return say(contracts.Draft(consent, subject=str(consent.consent_id)), source="hub")
