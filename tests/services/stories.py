"""How a referral gets to each of its states: what is said, and by whom."""

from datetime import timedelta
from typing import Any

import contracts
from contracts import codes, uuid7
from tests.examples import (
    ANOTHER,
    COORDINATOR,
    NOW,
    RECIPIENT,
    REFERRAL_ID,
    SEALED,
    SENDER,
    consent_ended,
    consent_recorded,
    referral_requested,
    sealed_to,
    service_published,
)
from tests.services.conftest import ServiceUnderTest

Said = tuple[Any, str]

R: dict[str, Any] = {"referral_id": REFERRAL_ID}
VISIT = NOW + timedelta(days=3)
ONWARD_ID, OTHER_SERVICE_ID, FRESH_CONSENT_ID = uuid7(), uuid7(), uuid7()
RESEALED = SEALED.replace("QUJD", "WFla")

received: Said = (contracts.ReferralReceived(**R), RECIPIENT)
accepted: Said = (contracts.ReferralAccepted(**R), RECIPIENT)
declined: Said = (contracts.ReferralDeclined(**R, reason=codes.DeclineReason.NO_CAPACITY), RECIPIENT)
waitlisted: Said = (contracts.ReferralWaitlisted(**R, place_in_line=4, estimate_days=20), RECIPIENT)
info_requested: Said = (
    contracts.ReferralInfoRequested(**R, topic=codes.InfoTopic.DOCUMENTS, sealed=sealed_to(SENDER)),
    RECIPIENT,
)
info_provided: Said = (contracts.ReferralInfoProvided(**R, sealed=sealed_to(RECIPIENT)), SENDER)
redirected: Said = (
    contracts.ReferralRedirected(
        **R,
        new_referral_id=ONWARD_ID,
        recipient=ANOTHER,
        service_id=OTHER_SERVICE_ID,
        consent_id=FRESH_CONSENT_ID,
        sealed=RESEALED,
    ),
    RECIPIENT,
)
scheduled: Said = (contracts.ReferralScheduled(**R, visit_at=VISIT, mode=codes.VisitMode.AT_PROVIDER), RECIPIENT)
no_show: Said = (contracts.ReferralNoShow(**R), RECIPIENT)
visit_cancelled: Said = (contracts.ReferralVisitCancelled(**R, cancelled_by=codes.VisitCancelledBy.PERSON), RECIPIENT)
service_started: Said = (contracts.ReferralServiceStarted(**R), RECIPIENT)
service_noted: Said = (contracts.ReferralServiceNoted(**R, sealed=sealed_to(SENDER)), RECIPIENT)
completed: Said = (contracts.ReferralCompleted(**R, outcome=codes.Outcome.NEED_MET), RECIPIENT)
closed: Said = (contracts.ReferralClosed(**R, outcome=codes.Outcome.PARTLY_MET), SENDER)
cancel_requested: Said = (contracts.ReferralCancelRequested(**R, reason=codes.CancelReason.SAFETY), SENDER)
cancelled: Said = (contracts.ReferralCancelled(**R), RECIPIENT)
reopened: Said = (contracts.ReferralReopened(**R, reason=codes.ReopenReason.NEED_RETURNED), "barranquilla")
chased: Said = (
    contracts.ReferralChased(
        **R,
        organisation=RECIPIENT,
        means=codes.ChaseMeans.TELEPHONE,
        result=codes.ChaseResult.WILL_ANSWER,
        chased_at=NOW,
    ),
    COORDINATOR,
)
extended: Said = (
    contracts.ReferralDeadlineExtended(**R, due_at=NOW + timedelta(days=4), reason=codes.ExtensionReason.CLOSED_DAYS),
    COORDINATOR,
)
taken_on: Said = (contracts.ReferralTakenOn(**R), COORDINATOR)
note_added: Said = (
    contracts.ReferralNoteAdded(
        **R, notes=(contracts.AddressedNote(addressee=RECIPIENT, sealed=sealed_to(RECIPIENT)),)
    ),
    SENDER,
)
entered_in_error: Said = (contracts.ReferralEnteredInError(**R, reason=codes.ErrorReason.DUPLICATE), SENDER)
purged: Said = (contracts.ReferralPurged(**R, purged_at=NOW), RECIPIENT)
withdrawn: Said = (consent_ended(), "hub")

# The moves that bring a referral, once sent, into each state.
TO: dict[str, tuple[Said, ...]] = {
    "sent": (),
    "received": (received,),
    "info_requested": (received, info_requested),
    "waitlisted": (received, waitlisted),
    "declined": (received, declined),
    "accepted": (received, accepted),
    "scheduled": (received, accepted, scheduled),
    "no_show": (received, accepted, scheduled, no_show),
    "visit_cancelled": (received, accepted, scheduled, visit_cancelled),
    "in_service": (received, accepted, service_started),
    "completed": (received, accepted, completed),
    "closed": (received, accepted, completed, closed),
    "cancel_requested": (received, accepted, cancel_requested),
    "cancelled": (received, cancel_requested),
    "consent_withdrawn": (received, withdrawn),
    "entered_in_error": (received, entered_in_error),
}


def prepare(referrals: ServiceUnderTest) -> None:
    """Let the service know the recipient's service and the person's consent."""
    referrals.hear(service_published(), source=RECIPIENT)
    referrals.hear(consent_recorded(), source="hub")


def bring_to(referrals: ServiceUnderTest, state: str, **asked: Any) -> None:
    """Send a referral and move it into a state."""
    prepare(referrals)
    referrals.hear(referral_requested(**asked), source=SENDER)
    for data, source in TO[state]:
        referrals.hear(data, source=source)


def know_the_other(referrals: ServiceUnderTest, **consent: Any) -> None:
    """The other organisation's service, and the consent that the recipient has asked for anew."""
    fresh = {"consent_id": FRESH_CONSENT_ID, "recipients": (ANOTHER,), "granted_to": RECIPIENT, **consent}
    referrals.hear(service_published(service_id=OTHER_SERVICE_ID), source=ANOTHER)
    referrals.hear(consent_recorded(**fresh), source="hub")


def state_of(referrals: ServiceUnderTest) -> str:
    (row,) = referrals.rows("select state from referral where referral_id = %s", REFERRAL_ID)
    return str(row["state"])
