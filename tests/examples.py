"""One canonical person, consent, service and referral, as messages and as records, with keyword overrides."""

import base64
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import contracts
from contracts import Message, codes, sealing
from services.referrals import rules

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)  # a Monday at the centre
DAY = timedelta(days=1)

PERSON_ID = UUID("01950000-0000-7000-8000-000000000001")
CONSENT_ID = UUID("01950000-0000-7000-8000-000000000002")
SERVICE_ID = UUID("01950000-0000-7000-8000-000000000003")
REFERRAL_ID = UUID("01950000-0000-7000-8000-000000000004")
NEED_ID = UUID("01950000-0000-7000-8000-000000000005")
REBUILD_ID = UUID("01950000-0000-7000-8000-000000000009")

SENDER, RECIPIENT, ANOTHER, COORDINATOR = "redcross", "iom", "fuvadis", "barranquilla"

# What a block looks like that nobody here opens: the parts of a JWE in their right lengths.
SEALED = ".".join(("eyJhbGciOiJFQ0RILUVTK0EyNTZLVyJ9", "A" * 54, "A" * 16, "QUJD", "A" * 22))

KEYS = {name: sealing.new_key() for name in ("hub", SENDER, RECIPIENT, ANOTHER)}
"""The private keys of the hub and of organisations that something may be sealed to."""


def sealed_with_header(header: str) -> str:
    """A block with this header that nobody opens."""
    encoded = base64.urlsafe_b64encode(header.encode()).decode().rstrip("=")
    return SEALED.replace(SEALED.partition(".")[0], encoded)


def sealed_to(organisation: str) -> str:
    """A block that says that it is sealed to an organisation's key; nobody opens it."""
    return sealed_with_header(json.dumps({"alg": "ECDH-ES+A256KW", "enc": "A256GCM", "kid": KEYS[organisation]["kid"]}))


def write_directory(file: Path, keys: Mapping[str, sealing.Key] = KEYS) -> Path:
    """Write the file of public keys that organisations are handed, with these."""
    said = {name: {"name": name, "public_key": sealing.public_part(key)} for name, key in keys.items()}
    file.write_text(json.dumps({"organisations": said}))
    return file


def organisation_recorded(
    id: str, *, number: int = 2, powers: tuple[codes.Power, ...] = (), **more: Any
) -> contracts.OrganisationRecorded:
    """What the hub says of an organisation that it has told of before."""
    status = more.pop("status", codes.OrganisationStatus.ACTIVE)
    return contracts.OrganisationRecorded(organisation=id, number=number, status=status, powers=powers, **more)


def was_away(**overrides: Any) -> contracts.ConsoleWasAway:
    """The console was away from the recipient for four days, and what was to be received meanwhile waited."""
    return contracts.ConsoleWasAway(
        **{
            "absence_id": UUID("00000000-0000-7000-8000-00000000a3a7"),
            "organisations": (RECIPIENT,),
            "began_at": NOW - 4 * DAY,
            "ended_at": NOW + timedelta(minutes=30),
            **overrides,
        }
    )


def facts_asked(service: str, **more: Any) -> contracts.FactsAsked:
    """What the console asks a service in order to fill its tables anew."""
    said: dict[str, Any] = {
        "rebuild_id": REBUILD_ID, "reader": "console", "service": service, "page": 1, "begun_at": NOW,
    }  # fmt: skip
    return contracts.FactsAsked(**said | more)


PERSON = {
    "given_names": "Yuleisy Andreína",
    "family_names": "Guerrero Urdaneta",
    "documents": [{"type": "PT", "number": "4815162"}],
    "birth_date": "1991-07-24",
    "sex": "female",
    "nationality": "VEN",
    "profile": "migrant",
    "phone": "+573004815162",
    "place": "08001",
}
"""What a sealed person block holds when it is opened."""


def say(data: Any, *, source: str = SENDER, time: datetime = NOW) -> Message[Any]:
    """Make the message in which an organisation says `data`, as it reaches a handler: in the newest version."""
    contract = contracts.contract_of(data)
    subject = str(getattr(data, contract.about)) if contract.about else str(contracts.uuid7())
    draft = contracts.Draft(data, subject, sequence=1 if contract.numbered else None)
    message = contracts.stamp(draft, source=source, time=time)
    return contracts.upcast(contracts.parse(message.to_json()))


# ---------------------------------------------------------------------------------------------------------------------
# As organisations say it
# ---------------------------------------------------------------------------------------------------------------------


def service_published(**overrides: Any) -> contracts.ServicePublished:
    return contracts.ServicePublished(
        **{
            "service_id": SERVICE_ID,
            "name": "Consulta médica general",
            "need_codes": ("health.consultation", "health.medicines"),
            "active": True,
            "zones": ("08001",),
            **overrides,
        }
    )


def person_registered(public_key: dict[str, Any], *, person: Any = PERSON, **overrides: Any) -> Any:
    return contracts.PersonRegistered(
        **{
            "person_id": PERSON_ID,
            "registered_at": NOW,
            "sealed": sealing.seal(person, public_key),
            **overrides,
        }
    )


def consent_granted(**overrides: Any) -> contracts.ConsentGranted:
    return contracts.ConsentGranted(
        **{
            "consent_id": CONSENT_ID,
            "person_id": PERSON_ID,
            "purposes": (codes.ConsentPurpose.REFER,),
            "recipients": (RECIPIENT,),
            "field_groups": (codes.FieldGroup.IDENTITY, codes.FieldGroup.CONTACT, codes.FieldGroup.NEEDS),
            "valid_from": NOW - DAY,
            "valid_until": NOW + 365 * DAY,
            "given_by": codes.ConsentGivenBy.PERSON,
            "manner": codes.ConsentManner.SIGNED,
            "language": "es",
            **overrides,
        }
    )


def consent_recorded(**overrides: Any) -> contracts.ConsentRecorded:
    granted = dict(consent_granted())
    terms = {name: granted[name] for name in contracts.ConsentRecorded.model_fields if name in granted}
    return contracts.ConsentRecorded(**{**terms, "granted_to": SENDER, **overrides})


def consent_withdrawn(**overrides: Any) -> contracts.ConsentWithdrawn:
    return contracts.ConsentWithdrawn(
        **{
            "consent_id": CONSENT_ID,
            "withdrawn_by": codes.ConsentGivenBy.PERSON,
            "manner": codes.ConsentManner.SIGNED,
            "withdrawn_at": NOW,
            **overrides,
        }
    )


def receipt_asked(**overrides: Any) -> contracts.ConsentReceiptAsked:
    return contracts.ConsentReceiptAsked(**{"consent_id": CONSENT_ID, **overrides})


def withdrawal_contested(**overrides: Any) -> contracts.ConsentWithdrawalContested:
    return contracts.ConsentWithdrawalContested(
        **{
            "consent_id": CONSENT_ID,
            "affirmed_by": codes.ConsentGivenBy.PERSON,
            "manner": codes.ConsentManner.SIGNED,
            "affirmed_at": NOW,
            **overrides,
        }
    )


def consent_ended(**overrides: Any) -> contracts.ConsentEnded:
    return contracts.ConsentEnded(
        **{"consent_id": CONSENT_ID, "reason": codes.ConsentEnd.WITHDRAWN, "ended_at": NOW, **overrides}
    )


def need_identified(**overrides: Any) -> contracts.NeedIdentified:
    return contracts.NeedIdentified(
        **{
            "need_id": NEED_ID,
            "person_id": PERSON_ID,
            "need_code": "health.consultation",
            "urgency": codes.Urgency.NORMAL,
            "identified_at": NOW,
            "zone": "08001",
            **overrides,
        }
    )


def referral_requested(**overrides: Any) -> contracts.ReferralRequested:
    return contracts.ReferralRequested(
        **{
            "referral_id": REFERRAL_ID,
            "recipient": RECIPIENT,
            "service_id": SERVICE_ID,
            "urgency": codes.Urgency.NORMAL,
            "person_id": PERSON_ID,
            "need_code": "health.consultation",
            "reason_code": codes.ReferralReason.SERVICE_NOT_OFFERED,
            "shares": (codes.FieldGroup.IDENTITY, codes.FieldGroup.CONTACT),
            "consent_id": CONSENT_ID,
            "contact": contracts.Contact(channel=codes.ContactChannel.WHATSAPP, language="es"),
            "sealed": SEALED,
            **overrides,
        }
    )


def confidential_request(**overrides: Any) -> contracts.ReferralRequested:
    """The same for a survivor of violence: a case code, and the least that a safe answer takes."""
    return referral_requested(
        **{
            "person_id": None,
            "case_code": "GBV-0001",
            "need_code": "gbv.case_management",
            "shares": (codes.FieldGroup.CONTACT, codes.FieldGroup.PROTECTION),
            **overrides,
        }
    )


# ---------------------------------------------------------------------------------------------------------------------
# As referrals keeps it
# ---------------------------------------------------------------------------------------------------------------------


def a_service(**overrides: Any) -> rules.Service:
    return replace(
        rules.Service(SERVICE_ID, RECIPIENT, frozenset({"health.consultation"}), active=True, published_at=NOW),
        **overrides,
    )


def a_consent(**overrides: Any) -> rules.Consent:
    return replace(
        rules.Consent(
            consent_id=CONSENT_ID,
            person_id=PERSON_ID,
            case_code=None,
            granted_to=SENDER,
            purposes=frozenset({"refer"}),
            recipients=frozenset({RECIPIENT}),
            field_groups=frozenset({"identity", "contact", "needs"}),
            valid_from=NOW - DAY,
            valid_until=NOW + 365 * DAY,
        ),
        **overrides,
    )


def a_draft(**overrides: Any) -> rules.Referral:
    return replace(
        rules.Referral(
            referral_id=REFERRAL_ID,
            sender=SENDER,
            recipient=RECIPIENT,
            service_id=SERVICE_ID,
            person_id=PERSON_ID,
            case_code=None,
            need_code="health.consultation",
            urgency=rules.Urgency.NORMAL,
            consent_id=CONSENT_ID,
            sent_at=NOW,
            answer_by=NOW + 14 * DAY,
        ),
        **overrides,
    )


def send(draft: rules.Referral, **overrides: Any) -> rules.Referral:
    """Send a draft at NOW with all that sending takes."""
    taken: dict[str, Any] = {
        "service": a_service(),
        "consent": a_consent(),
        "override": None,
        "shares": frozenset({"identity", "contact"}),
        "use_screens": frozenset(),
        "by": draft.sender,
        "at": NOW,
    }
    return rules.send(draft, **(taken | overrides))


def a_sent_referral(**overrides: Any) -> rules.Referral:
    """A referral sent at NOW; overrides of what sending decides (`state`, `steps`) come after it."""
    decided = {name: overrides.pop(name) for name in ("state", "steps", "visit_at") if name in overrides}
    return replace(send(a_draft(**overrides)), **decided)
