"""What the messages of the demo say: the data of each kind of move, in codes, and the words that travel sealed."""

import random
from datetime import datetime, timedelta
from typing import Any

from demo.people import Person

SHARED = ("identity", "documents", "contact", "place", "profile")
SHARED_CONFIDENTIALLY = ("contact",)
DECLINE_REASONS = ("no_capacity", "outside_area", "could_not_contact", "no_longer_interested", "documents_missing")

Data = dict[str, Any]


def person_block(person: Person) -> Data:
    """A registration, whole."""
    return {
        "given_names": person.given_names,
        "family_names": person.family_names,
        "documents": [{"type": person.document_type, "number": person.document_number}],
        "birth_date": person.birth_date.isoformat(),
        "sex": person.sex,
        "nationality": person.nationality,
        "profile": person.profile,
        "phone": person.phone,
        "place": person.place,
    }


def least_block(person: Person) -> Data:
    """What a confidential case shares: how to reach the person, and no name."""
    return {"phone": person.phone}


def note_block(person: Person, subject: str) -> Data:
    """Words from one organisation to another."""
    return {"text": f"{person.name}, {person.phone}: {subject}"}


def consent(consent_id: str, whose: Data, recipient: str, groups: tuple[str, ...], given_at: datetime) -> Data:
    """Consent to refer to one recipient."""
    return {
        "consent_id": consent_id,
        **whose,
        "purposes": ["refer", "serve", "follow_up"],
        "recipients": [recipient],
        "field_groups": list(groups),
        "valid_from": given_at.isoformat(),
        "given_by": "person",
        "manner": "signed",
        "language": "es",
    }


# Moves that carry a note: whether to the recipient or to the sender, and about what.
NOTES = {
    "info_requested": ("sender", "¿tiene los documentos de toda la familia?"),
    "info_provided": ("recipient", "sí, y vive con su hermana"),
    "scheduled": ("sender", "traer documento y llegar quince minutos antes"),
    "service_noted": ("sender", "avanza bien; falta una visita"),
}


def move_data(verb: str, referral_id: str, number: int, rng: random.Random, starts_at: datetime) -> Data:
    """The data of the move that becomes message `number` of its referral, all but what is sealed."""
    return {"referral_id": referral_id, **_particulars(verb, number, rng, starts_at)}


def _particulars(verb: str, number: int, rng: random.Random, starts_at: datetime) -> Data:
    match verb:
        case "declined" if rng.random() < 0.2:
            return {"reason": "not_eligible", "criterion": rng.choice(("age", "residence", "already_served"))}
        case "declined":
            return {"reason": rng.choice(DECLINE_REASONS)}
        case "waitlisted":
            return {"place_in_line": rng.randint(1, 30), "estimate_days": 10}
        case "info_requested":
            return {"topic": rng.choice(("documents", "household", "contact"))}
        case "scheduled":
            visit_at = starts_at + timedelta(days=number, hours=rng.randint(0, 8))
            return {"visit_at": visit_at.isoformat(), "mode": rng.choice(("at_provider", "at_home", "by_phone"))}
        case "visit_cancelled":
            return {"cancelled_by": rng.choice(("person", "provider"))}
        case "completed" | "closed" if rng.random() < 0.1:
            return {"outcome": "not_met", "not_met_reason": "service_not_suitable"}
        case "completed" | "closed":
            return {"outcome": rng.choices(("need_met", "partly_met"), (4, 1))[0]}
        case "cancel_requested":
            return {"reason": rng.choice(("need_met_elsewhere", "person_moved_away"))}
        case "reopened":
            return {"reason": "need_returned"}
        case "entered_in_error":
            return {"reason": rng.choice(("wrong_person", "training_or_test"))}
        case "purged":
            return {"purged_at": (starts_at + timedelta(minutes=5)).isoformat()}
        case _:
            return {}
