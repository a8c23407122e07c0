"""What is reported of a service under way, and how it ends."""

from collections.abc import Iterable, Set
from dataclasses import replace
from datetime import datetime

from contracts.transitions import (
    CLOSED,
    COMPLETED,
    HUB,
    IN_SERVICE,
    NO_SHOW,
    OPEN,
    RECIPIENT,
    SCHEDULED,
    VISIT_CANCELLED,
    own_reach,
)
from messaging.answers import MissingPrerequisite, Refused
from messaging.plausible import check_not_before, check_planned
from services.referrals.rules.confidential import check_may_have
from services.referrals.rules.referrals import Referral, move


def schedule(referral: Referral, *, by: str, at: datetime, visit_at: datetime, said_at: datetime) -> Referral:
    """The person has an appointment, or another one than before."""
    if by == referral.recipient and referral.state == SCHEDULED:
        if referral.visit_at == visit_at:
            raise Refused("already_scheduled")
        if referral.visit_said_at is not None and said_at < referral.visit_said_at:
            raise Refused("superseded")
    moved = move(referral, SCHEDULED, by=by, at=at)
    check_not_before(visit_at, referral.sent_at, code="before_it_was_sent")
    check_planned(visit_at, now=at)
    return replace(moved, visit_at=visit_at, visit_said_at=said_at)


def report_no_show(referral: Referral, *, by: str, at: datetime) -> Referral:
    """The person did not come."""
    return move(referral, NO_SHOW, by=by, at=at)


def cancel_visit(referral: Referral, *, by: str, at: datetime, whose: str) -> Referral:
    """The person or the provider will not keep the appointment; the referral goes on."""
    return move(referral, VISIT_CANCELLED, by=by, at=at, reason=whose)


def start_service(referral: Referral, *, by: str, at: datetime) -> Referral:
    """The service has begun."""
    if by == referral.recipient and referral.state == IN_SERVICE:
        raise Refused("already_in_service")  # the same move, made once more, is an interim note
    return move(referral, IN_SERVICE, by=by, at=at)


def note_service(referral: Referral, *, by: str, at: datetime) -> Referral:
    """The recipient reports from a service under way."""
    if by == referral.recipient and referral.state != IN_SERVICE:
        if IN_SERVICE in own_reach(referral.state, RECIPIENT):
            raise MissingPrerequisite("referral", str(referral.referral_id), code=f"not_while_{referral.state}")
        raise Refused(f"not_while_{referral.state}")
    return move(referral, IN_SERVICE, by=by, at=at)


def complete(referral: Referral, *, by: str, at: datetime, outcome: str, not_met_reason: str | None = None) -> Referral:
    """The service is over, with a coded outcome that the sender is to confirm."""
    completed = move(referral, COMPLETED, by=by, at=at, reason=outcome)
    return replace(completed, outcome=outcome, not_met_reason=not_met_reason)


def close(referral: Referral, *, by: str, at: datetime, outcome: str, not_met_reason: str | None = None) -> Referral:
    """The sender confirms or corrects the outcome."""
    closed = move(referral, CLOSED, by=by, at=at, reason=outcome)
    return replace(closed, outcome=outcome, not_met_reason=not_met_reason)


def check_none_open_beside(referral: Referral, others: Iterable[Referral]) -> None:
    """Refuse to open a referral again while the same sender has another open one for the same person and service.

    What others have open for the person is nobody's business but their recipient's.
    """
    for other in others:
        if other.referral_id != referral.referral_id and other.state in OPEN and _asks_the_same(other, referral):
            raise Refused("open_referral_exists")


def _asks_the_same(one: Referral, other: Referral) -> bool:
    """Whether the same organisation asks the same service, as the indexes one_open_referral_of_… have it."""
    return (one.sent_by, one.sender, one.recipient, one.service_id) == (
        other.sent_by,
        other.sender,
        other.recipient,
        other.service_id,
    )


def reopen(
    referral: Referral, *, by: str, at: datetime, reason: str, coordinators: Set[str], use_screens: Set[str]
) -> Referral:
    """A coordinator sends a closed referral back into service, where its recipient could still be sent it."""
    referral = move(referral, IN_SERVICE, by=by, at=at, reason=reason, coordinators=coordinators, only=HUB)
    check_may_have(referral, use_screens=use_screens)
    return referral
