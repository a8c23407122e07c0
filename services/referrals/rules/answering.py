"""What the recipient may answer, and the sender to its questions."""

from datetime import datetime, timedelta
from uuid import UUID

from contracts.deadlines import DAYS, PLACE_WITHIN
from contracts.transitions import ACCEPTED, DECLINED, INFO_REQUESTED, RECEIVED, REDIRECTED, WAITLISTED
from messaging.answers import Refused
from services.referrals.rules.referrals import Referral, move


def receive(referral: Referral, *, by: str, at: datetime) -> Referral:
    """The recipient's system has it. Until the hub says `expired`, an answer counts, however late."""
    if by == referral.sender:
        raise Refused("not_yours")  # the same move by the sender is the answer to a question
    return move(referral, RECEIVED, by=by, at=at)


def accept(referral: Referral, *, by: str, at: datetime) -> Referral:
    """The recipient will meet the need."""
    return move(referral, ACCEPTED, by=by, at=at)


def decline(referral: Referral, *, by: str, at: datetime, reason: str) -> Referral:
    """The recipient will not, for a coded reason."""
    return move(referral, DECLINED, by=by, at=at, reason=reason)


def waitlist(referral: Referral, *, by: str, at: datetime, estimate: timedelta | None) -> Referral:
    """The recipient gives it a place in line, which lasts as long as it thinks it will take, and a day at least."""
    lasts = PLACE_WITHIN if estimate is None else max(estimate, DAYS)
    return move(referral, WAITLISTED, by=by, at=at, lasts=lasts)


def redirect(referral: Referral, *, by: str, at: datetime, to: str, consent_id: UUID) -> Referral:
    """The recipient passes it on to somebody new, on a consent asked for anew; the new referral is then sent."""
    referral = move(referral, REDIRECTED, by=by, at=at)
    if to in referral.parties:
        raise Refused("recipient_is_party")
    if consent_id == referral.consent_id:
        raise Refused("consent_not_fresh")
    return referral


def request_info(referral: Referral, *, by: str, at: datetime, topic: str) -> Referral:
    """The recipient asks the sender something: the deadline of the decision stops, one of the answer starts."""
    return move(referral, INFO_REQUESTED, by=by, at=at, reason=topic)


def provide_info(referral: Referral, *, by: str, at: datetime) -> Referral:
    """The sender answers: the deadline of the decision goes on with what was left of it."""
    if by == referral.recipient:
        raise Refused("not_yours")  # the same move by the recipient is the receipt
    if by == referral.sender and referral.state == RECEIVED:
        raise Refused("nothing_asked")
    return move(referral, RECEIVED, by=by, at=at)
