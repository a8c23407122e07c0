"""Referrals, as they are offered and as they are answered for their recipient."""

from __future__ import annotations  # Message[…] is only for the reader: pydantic would build a model of each

from datetime import datetime
from typing import Any
from uuid import UUID

import contracts
from contracts import Draft, codes
from services.employment.rules import entrepreneurs, participations
from services.employment.rules.entrepreneurs import Entrepreneur
from services.employment.rules.participations import Participation
from services.employment.rules.referrals import Answer, Lead, Referral, Result, Stop


def participation(offered: contracts.ReferralOffered, lead: Lead, *, at: datetime) -> Participation:
    """Make of a referral the participation that it leads to."""
    assert offered.request.person_id is not None
    assert lead.programme is not None
    return Participation(
        participation_id=participations.id_from_referral(offered.referral_id),
        organisation=offered.request.recipient,
        person_id=offered.request.person_id,
        programme=lead.programme,
        started_at=at,
        referral_id=offered.referral_id,
        referred=True,
    )


def entrepreneur(offered: contracts.ReferralOffered, *, at: datetime) -> Entrepreneur:
    """Make of a referral the entrepreneur that it leads to; it says nothing of the business."""
    assert offered.request.person_id is not None
    return Entrepreneur(
        entrepreneur_id=entrepreneurs.id_from_referral(offered.referral_id),
        organisation=offered.request.recipient,
        person_id=offered.request.person_id,
        enrolled_at=at,
        referral_id=offered.referral_id,
        referred=True,
    )


def referral(
    offered: contracts.ReferralOffered,
    lead: Lead,
    *,
    participation_id: UUID | None = None,
    entrepreneur_id: UUID | None = None,
) -> Referral:
    """Make of an offer the referral that is answered here from now on."""
    return Referral(
        referral_id=offered.referral_id,
        organisation=offered.request.recipient,
        met_by=lead.met_by,
        participation_id=participation_id,
        entrepreneur_id=entrepreneur_id,
    )


def taken_on(referral: Referral) -> list[Draft]:
    """Answer an offer: it has arrived, and the person is taken on."""
    return [
        _answer(referral, contracts.ReferralReceived(referral_id=referral.referral_id)),
        _answer(referral, contracts.ReferralAccepted(referral_id=referral.referral_id)),
    ]


def progress(before: Referral, after: Referral, result: Result) -> list[Draft]:
    """Say how a referral goes, where that has changed; `result` is what came of it if it is completed now."""
    if after.answer == before.answer:
        return []
    if after.answer == Answer.IN_SERVICE:
        return [_answer(after, contracts.ReferralServiceStarted(referral_id=after.referral_id))]
    reason = result.not_met_reason
    completed = contracts.ReferralCompleted(
        referral_id=after.referral_id,
        outcome=codes.Outcome(result.outcome),
        not_met_reason=None if reason is None else codes.NotMetReason(reason),
    )
    return [_answer(after, completed)]


def given_up(before: Referral, after: Referral, struck_out_for: codes.StrikeReason) -> list[Draft]:
    """Give a referral back whose person was struck out, where it was still open."""
    if after.answer == before.answer:
        return []
    is_duplicate = struck_out_for == codes.StrikeReason.DUPLICATE
    reason = codes.DeclineReason.DUPLICATE if is_duplicate else codes.DeclineReason.NOT_APPLICABLE
    return [_answer(after, contracts.ReferralDeclined(referral_id=after.referral_id, reason=reason))]


def stopped(referral: Referral, stop: Stop, *, at: datetime) -> list[Draft]:
    """Say what a stop asks to be said: that it is agreed to, or that nothing is held any more."""
    match stop:
        case Stop.CANCEL:
            return [_answer(referral, contracts.ReferralCancelled(referral_id=referral.referral_id))]
        case Stop.PURGE:
            return [_answer(referral, contracts.ReferralPurged(referral_id=referral.referral_id, purged_at=at))]
        case _:
            return []


def _answer(referral: Referral, data: Any) -> Draft:
    return Draft(data, subject=str(referral.referral_id), source=referral.organisation)
