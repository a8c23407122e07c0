"""What people allow, and take back: pure decisions; time is an argument."""

import hmac
from collections.abc import Set
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final
from uuid import UUID

from messaging.answers import MissingPrerequisite, Refused
from messaging.plausible import CLOCKS_DIFFER, check_planned
from services.intake.rules.people import Registration, is_minor
from services.intake.rules.rights import working_days_after

WITHDRAWN: Final = "withdrawn"
LAPSED: Final = "lapsed"

ANSWER_WITHIN: Final = 2  # working days in which a claimed withdrawal is confirmed or contested; then the consent ends

CODE_LETTERS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: none is mistaken for another
CODE_LENGTH: Final = 12  # sixty bits


@dataclass(frozen=True, slots=True)
class Consent:
    """What a person, or a child's caregiver, allows the organisation that asked: for what, to whom, which fields."""

    consent_id: UUID
    person_id: UUID | None
    case_code: str | None
    granted_to: str
    purposes: Set[str]
    recipients: Set[str]
    field_groups: Set[str]
    valid_from: datetime
    valid_until: datetime | None
    given_by: str
    manner: str
    language: str
    evidence_sha256: str | None
    end_reason: str | None = None  # None while it holds
    claimed_through: str | None = None  # who says that the person has taken it back, while that is not settled
    contested: Set[str] = frozenset()  # whose claims the organisation that it was granted to has contested


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A person, or the caregiver, takes a consent back."""

    consent_id: UUID
    withdrawn_by: str
    withdrawn_manner: str
    withdrawn_at: datetime


def holds(consent: Consent, *, at: datetime) -> bool:
    """Tell whether a consent has begun, and neither is taken back, as far as anybody says, nor has come to its end."""
    begun = consent.valid_from <= at + CLOCKS_DIFFER and consent.claimed_through is None
    return begun and consent.end_reason is None and (consent.valid_until is None or consent.valid_until > at)


def check_relied_on(consent: Consent, person_id: UUID | None, *, by: str, at: datetime) -> None:
    """Let `by` rely on a consent of that person's, given to it, that holds; what it allows is another question."""
    if consent.person_id != person_id:
        raise Refused("consent_of_another_person")
    if consent.granted_to != by:
        raise Refused("consent_not_granted_to_you")
    if consent.end_reason == LAPSED or (consent.valid_until is not None and consent.valid_until <= at):
        raise Refused("consent_expired")
    if consent.end_reason is not None:
        raise Refused("consent_withdrawn")
    if consent.claimed_through is not None:
        raise Refused("consent_suspended")
    if consent.valid_from > at + CLOCKS_DIFFER:
        raise Refused("consent_not_valid_yet")


def check_new(consent: Consent, known: Consent | None, *, at: datetime) -> None:
    """Let a consent be granted once, and begin at a time that somebody may have meant."""
    if known is not None:
        raise Refused("already_granted")
    check_planned(consent.valid_from, now=at)


def check_giver(registration: Registration | None, *, given_by: str, on: date) -> None:
    """Let a child's consent come from a caregiver only; where the age is not known, take the organisation's word."""
    if registration is not None and given_by == "person" and is_minor(registration, on=on):
        raise Refused("caregiver_needed")


def check_withdrawal(consent: Consent | None, consent_id: UUID) -> Consent:
    """Let a consent be withdrawn once, while it holds, through whichever organisation the person went to."""
    if consent is None:
        raise MissingPrerequisite("consent", str(consent_id))
    return _check_holds(consent)


def is_claim(consent: Consent, *, by: str) -> bool:
    """Tell whether a withdrawal that an organisation tells of is only claimed: the consent was granted to another.

    Whoever has an offer knows the consent's id; the person's word is what the code of the receipt brings. A claim is
    made once at a time, and not again by whom it was contested.
    """
    if by == consent.granted_to:
        return False
    if consent.claimed_through is not None:
        raise Refused("already_claimed")
    if by in consent.contested:
        raise Refused("withdrawal_contested")
    return True


def claim(consent: Consent, *, by: str, today: date) -> tuple[Consent, date]:
    """Share nothing more under a consent; return it, and the last day for the answer of whom it was granted to."""
    return replace(consent, claimed_through=by), working_days_after(today, ANSWER_WITHIN)


def contest(consent: Consent | None, consent_id: UUID, *, by: str) -> Consent:
    """Let the organisation that a consent was granted to say once that the person has not taken it back.

    Only once: the person shall not depend on its word. What another organisation claims later comes about.
    """
    if consent is None:
        raise MissingPrerequisite("consent", str(consent_id))
    if by != consent.granted_to:
        raise Refused("consent_not_granted_to_you")
    _check_holds(consent)
    if consent.claimed_through is None:
        raise Refused("already_contested" if consent.contested else "not_claimed")
    if consent.contested:
        raise Refused("already_contested")
    return replace(consent, claimed_through=None, contested=consent.contested | {consent.claimed_through})


def check_receipt(consent: Consent | None) -> Consent:
    """Let a consent be withdrawn by its receipt, once, while it holds; whoever has a receipt, its consent is kept."""
    if consent is None:
        raise Refused("receipt_unknown")
    return _check_holds(consent)


def check_asks(consent: Consent | None, consent_id: UUID, *, by: str) -> Consent:
    """Let the organisation that a consent was granted to have its receipt once more, while it holds."""
    if consent is None:
        raise MissingPrerequisite("consent", str(consent_id))
    if by != consent.granted_to:
        raise Refused("consent_not_granted_to_you")
    return _check_holds(consent)


def _check_holds(consent: Consent) -> Consent:
    if consent.end_reason == LAPSED:
        raise Refused("already_lapsed")
    if consent.end_reason is not None:
        raise Refused("already_withdrawn")
    return consent


def receipt_code(consent_id: UUID, *, secret: bytes) -> str:
    """Derive the code of a consent's receipt: always the same one, and nobody guesses it without the secret."""
    digest = int.from_bytes(hmac.digest(secret, b"receipt of consent " + consent_id.bytes, "sha256"))
    letters = "".join(CODE_LETTERS[(digest >> 5 * place) % 32] for place in range(CODE_LENGTH))
    return "-".join(letters[start : start + 4] for start in range(0, CODE_LENGTH, 4))
