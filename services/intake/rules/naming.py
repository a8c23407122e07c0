"""Who coordinates is told people's names, as far as they have allowed it: pure decisions; time is an argument."""

from collections.abc import Set
from datetime import datetime
from typing import Final
from uuid import UUID

from messaging.answers import MissingPrerequisite, Refused
from services.intake.rules.consents import Consent, check_relied_on

PURPOSE: Final = "coordinate"  # what a consent has to allow
GROUP: Final = "identity"  # what it has to cover: a name is of it


def check_naming(
    consent: Consent | None,
    consent_id: UUID,
    person_id: UUID,
    *,
    by: str,
    recipient: str,
    coordinators: Set[str],
    at: datetime,
) -> None:
    """Let an organisation tell one that coordinates a person's name, under a consent that was given to it for that."""
    if recipient not in coordinators:
        raise Refused("not_a_coordinator", "data.recipient")
    if consent is None:
        raise MissingPrerequisite("consent", str(consent_id))
    check_relied_on(consent, person_id, by=by, at=at)
    if PURPOSE not in consent.purposes or recipient not in consent.recipients or GROUP not in consent.field_groups:
        raise Refused("consent_not_to_coordinate")


def may_know(consent: Consent, *, taking_part: Set[str]) -> list[str]:
    """Return who may have been told a name under a consent: also who does not coordinate any more."""
    return sorted(consent.recipients & taking_part) if PURPOSE in consent.purposes else []
