"""Between referrals' own records and the contracts: what arrives becomes records, what has happened becomes drafts."""

from services.referrals.messages.directory import service
from services.referrals.messages.reading import consent, draft_referral, estimate, onward_request, override, request
from services.referrals.messages.telling import by_the_clock, offer, statuses, withdrawal

__all__ = [
    "by_the_clock",
    "consent",
    "draft_referral",
    "estimate",
    "offer",
    "onward_request",
    "override",
    "request",
    "service",
    "statuses",
    "withdrawal",
]
