"""Between referrals' own records and the contracts: what arrives becomes records, what has happened becomes drafts."""

from services.referrals.messages.directory import capacity, listing, seeker, service, suggestions, zones
from services.referrals.messages.notices import (
    by_the_clock,
    chain_ended,
    moved_up,
    offer,
    overridden,
    purged,
    statuses,
    suggestion,
    withdrawal,
)
from services.referrals.messages.reading import (
    consent,
    draft_referral,
    estimate,
    follow_up_on,
    notes,
    onward_request,
    override,
    request,
)

__all__ = [
    "by_the_clock",
    "capacity",
    "chain_ended",
    "consent",
    "draft_referral",
    "estimate",
    "follow_up_on",
    "listing",
    "moved_up",
    "notes",
    "offer",
    "onward_request",
    "overridden",
    "override",
    "purged",
    "request",
    "seeker",
    "service",
    "statuses",
    "suggestion",
    "suggestions",
    "withdrawal",
    "zones",
]
