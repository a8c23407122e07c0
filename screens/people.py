"""Invented people, sealed to the organisations that use the hub's screens, as the hub brings them."""

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import contracts
from contracts import codes, sealing
from contracts.codes import ContactChannel, ReferralState, Weekday
from deploy.local.state import State
from hub.console.inbox import storing
from messaging import database
from messaging.identity import HUB
from screens import cases
from screens.cases import an_id, hours
from screens.frozen import NOW

MORNING: Final = ({"day": Weekday.TUESDAY, "starts": "08:00", "ends": "10:00"},)
EVENING: Final = ({"day": Weekday.TUESDAY, "starts": "18:00", "ends": "20:00"},)

YULIANA: Final = {
    "given_names": "Yuliana Andreína",
    "family_names": "Marcano Bracho",
    "documents": [{"type": "PT", "number": "5120344"}],
    "birth_date": "1994-03-08",
    "nationality": "VEN",
    "phone": "+573005550117",
    "caregiver": {"name": "Dilia Bracho", "relation": "other_relative", "phone": "+573005550118"},
    "address": "Calle 45 con carrera 3, La Luz",
    "notes": "Tiene turno en la panadería hasta las 7.",
}
MARCANO: Final = {"given_names": "Yusleidy", "family_names": "Marcano", "phone": "+573005550121"}

SENT: Final[Sequence[tuple[str, str, str, Mapping[str, Any], Mapping[str, Any]]]] = (
    (cases.LATE, "redcross", "iom", YULIANA, {"channel": ContactChannel.PHONE, "safe_times": MORNING}),
    (cases.NEW, "fuvadis", "iom", MARCANO, {"channel": ContactChannel.WHATSAPP, "safe_times": EVENING}),
)
"""Of which cases somebody is told who they are: the case, its parties, the person, and how to reach them."""

ASKED: Final[Mapping[str, Mapping[str, Any]]] = {
    cases.NEW: {
        "reason_code": codes.ReferralReason.NO_CAPACITY,
        "services_given": ("food_security.hot_meal", "health.consultation"),
        "accessibility": (codes.Accessibility.STEP_FREE, codes.Accessibility.COMPANION),
        "follow_up": {"channel": ContactChannel.WHATSAPP, "on": hours(-240).date()},
    }
}
"""What is asked besides."""

NAMED: Final = (
    (cases.NAMED, {"given_names": "Wilmary del Valle", "family_names": "Urdaneta Polo"}),
    (cases.NAME_IN_DOUBT, {"given_names": "Keiner José", "family_names": "Palmar Uriana"}),
)
"""Of which cases the centre was told by the Red Cross what the person is called, and nothing more."""


def bring(url: str, state: State, directory: Mapping[str, sealing.Key]) -> None:
    """Let the inbox keep what recipients are sent of people, sealed to them; one question's words; and names."""
    with database.connect(url) as connection:
        for name, sender, recipient, person, contact in SENT:
            message = _offered(name, sender, recipient, person, contact, directory[recipient])
            storing.keep(connection, recipient, [message.to_json()])
        note = _noted(cases.LATE, "redcross", "iom", "Llegó con su hija de dos años.", directory["iom"])
        storing.keep(connection, "iom", [note.to_json()])
        for name, called in NAMED:
            brought = _name_brought(name, called, directory[cases.CENTRE])
            storing.keep(connection, cases.CENTRE, [brought.to_json()])
    # Nobody's key is of use to anybody else: made anew for each console.
    state.directory_file.write_text(
        json.dumps(
            {
                "number": 1,
                "organisations": {
                    id: {"name": id, "public_key": sealing.public_part(key)} for id, key in directory.items()
                },
            }
        )
    )


def _offered(
    name: str, sender: str, recipient: str, person: Mapping[str, Any], contact: Mapping[str, Any], key: sealing.Key
) -> contracts.Message[Any]:
    request = contracts.ReferralRequested(
        referral_id=an_id(name),
        recipient=recipient,
        service_id=an_id(f"service {name}"),
        urgency=codes.Urgency.URGENT if name == cases.LATE else codes.Urgency.NORMAL,
        person_id=an_id(f"person {name}"),
        need_code="health.consultation",
        shares=(codes.FieldGroup.IDENTITY, codes.FieldGroup.CONTACT),
        **ASKED.get(name, {"reason_code": codes.ReferralReason.SPECIALISED_CARE}),
        consent_id=an_id(f"consent {name}"),
        contact=contracts.Contact(language="es", **contact),
        sealed=sealing.seal(dict(person), sealing.public_part(key)),
    )
    offered = contracts.ReferralOffered(
        referral_id=an_id(name),
        sender=sender,
        receive_by=NOW,
        answer_by=NOW + timedelta(days=2),
        request=request,
    )
    return _by_the_hub(offered, 1, recipient)


def _noted(name: str, sender: str, recipient: str, text: str, key: sealing.Key) -> contracts.Message[Any]:
    said = contracts.ReferralStatus(
        referral_id=an_id(name),
        state=ReferralState.RECEIVED,
        changed_at=hours(48),
        changed_by=sender,
        sender=sender,
        recipient=recipient,
        service_id=an_id(f"service {name}"),
        sealed=sealing.seal({"text": text}, sealing.public_part(key)),
    )
    return _by_the_hub(said, 2, recipient)


def _name_brought(name: str, called: Mapping[str, Any], key: sealing.Key) -> contracts.Message[Any]:
    brought = contracts.PersonNameBrought(
        person_id=an_id(f"person {name}"),
        consent_id=cases.naming_id(name),
        named_by="redcross",
        named_at=hours(48),
        sealed=sealing.seal(dict(called), sealing.public_part(key)),
    )
    draft = contracts.Draft(brought, str(brought.person_id), recipient=cases.CENTRE)
    return contracts.stamp(draft, source=HUB, time=hours(48))


def _by_the_hub(data: Any, number: int, recipient: str) -> contracts.Message[Any]:
    draft = contracts.Draft(data, str(data.referral_id), sequence=number, recipient=recipient)
    return contracts.stamp(draft, source=HUB, time=hours(48))
