"""Confidential cases, which go under a code: who may be sent one.

Who reads with the hub's screens may not: no page has a key of its own for such cases, so nobody would see it. What the
gateway can tell of a message, it refuses before (hub/gateway/admission.py); here it holds for whatever makes a referral
or opens it again.
"""

from collections.abc import Iterable, Set

from messaging.answers import Refused
from services.referrals.rules.ranking import Candidate
from services.referrals.rules.referrals import Referral


def check_may_have(referral: Referral, *, use_screens: Set[str], where: str | None = None) -> None:
    """Let a confidential referral go only to who reads it with a key of its own; `where` names the field."""
    if referral.is_confidential and referral.recipient in use_screens:
        raise Refused("confidential_needs_own_key", where)


def who_may_have(candidates: Iterable[Candidate], *, confidential: bool, use_screens: Set[str]) -> list[Candidate]:
    """Leave out who could not be sent a confidential case: nobody is to be suggested in vain."""
    return [one for one in candidates if not (confidential and one.service.organisation in use_screens)]
