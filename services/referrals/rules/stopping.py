"""How a referral is taken back, stopped or struck out."""

from collections.abc import Set
from dataclasses import replace
from datetime import datetime

from contracts.deadlines import PURGE_WITHIN
from contracts.transitions import (
    CANCEL_REQUESTED,
    CANCELLED,
    CONSENT_WITHDRAWN,
    ENDED,
    ENTERED_IN_ERROR,
    HUB,
    OPEN,
    PERSON,
    UNDECIDED,
)
from messaging.answers import Refused
from services.referrals.rules.deadlines import PURGE_STAGES, Deadline, start_deadline
from services.referrals.rules.referrals import Referral, Step, actor_of, enter, move, note
from services.referrals.rules.states import check_move


def request_cancel(referral: Referral, *, by: str, at: datetime, reason: str) -> Referral:
    """The sender takes it back: at once where nobody had accepted, otherwise the recipient is asked to confirm."""
    undecided = referral.state in UNDECIDED
    if by == referral.sender and referral.state == CANCELLED:
        raise Refused("already_cancelled")
    referral = move(referral, CANCEL_REQUESTED, by=by, at=at, reason=reason)
    return enter(referral, CANCELLED, actor=HUB, by="hub", at=at, reason=reason) if undecided else referral


def confirm_cancel(referral: Referral, *, by: str, at: datetime) -> Referral:
    """The recipient has stopped."""
    return move(referral, CANCELLED, by=by, at=at)


def withdraw_consent(referral: Referral, *, by: str, at: datetime) -> Referral:
    """The person no longer allows it: what is open stops, and every holder owes a purge receipt.

    What had ended before is held as well. It stays as it was, without a new number, and its holders owe the same.
    """
    if referral.state in ENDED - {CONSENT_WITHDRAWN}:
        referral = note(referral, Step("purge_asked", by, PERSON, at))
    else:
        check_move(referral.state, CONSENT_WITHDRAWN, PERSON)
        referral = enter(referral, CONSENT_WITHDRAWN, actor=PERSON, by=by, at=at)
    return replace(referral, unpurged=(*referral.parties, *referral.noted_to), deadline=_purge_deadline(at))


def erase(referral: Referral, *, at: datetime) -> Referral:
    """The person is erased: what is open stops as if its consent had ended, and the visit and the need are forgotten.

    What has ended stays as it was: intake asks its parties to erase what they hold. It does not know the coordinators
    that notes were written to: they owe a receipt here, unless one was asked for already.
    """
    forgotten = replace(
        referral, visit_at=None, visit_said_at=None, need_id=None, erased=True, language=None, asked=None
    )
    if referral.state in OPEN:
        return withdraw_consent(forgotten, by="hub", at=at)
    if referral.erased or not referral.noted_to or referral.unpurged or referral.state == CONSENT_WITHDRAWN:
        return forgotten
    asked = note(forgotten, Step("purge_asked", "hub", PERSON, at))
    return replace(asked, unpurged=referral.noted_to, deadline=_purge_deadline(at))


def record_purge(referral: Referral, *, by: str, at: datetime) -> Referral:
    """A holder reports that it no longer holds what it had been sent about the person."""
    actor = actor_of(referral, by, frozenset(referral.noted_to))
    if by not in referral.unpurged:
        asked = referral.unpurged or referral.state == CONSENT_WITHDRAWN
        raise Refused("already_purged" if asked else f"not_while_{referral.state}")
    left = tuple(holder for holder in referral.unpurged if holder != by)
    if not left:
        referral = replace(referral, deadline=None, taken_on_by=None)
    referral = replace(referral, unpurged=left)
    return note(referral, Step("purged", by, actor, at))


def enter_in_error(referral: Referral, *, by: str, at: datetime, reason: str, coordinators: Set[str]) -> Referral:
    """It should never have been: nothing in it counts, and history says who said so."""
    return move(referral, ENTERED_IN_ERROR, by=by, at=at, reason=reason, coordinators=coordinators)


def _purge_deadline(at: datetime) -> Deadline | None:
    return start_deadline(PURGE_STAGES, PURGE_WITHIN, ends_at=at + PURGE_WITHIN, at=at)
