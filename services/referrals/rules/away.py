"""That the hub's console was away: what an organisation could not answer meanwhile, it has longer for."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from contracts.deadlines import Absence as Absence
from contracts.deadlines import counts_from
from contracts.transitions import HUB, RECEIVED, SENT
from messaging.answers import Refused
from services.referrals.rules.coordinating import DEADLINE_EXTENDED
from services.referrals.rules.deadlines import put_off
from services.referrals.rules.referrals import Referral, Step, note

WHY: Final = "system_down"  # an ExtensionReason


def known_of(organisations: Iterable[str], *, known: frozenset[str]) -> Sequence[str]:
    """Leave out organisations of which the hub has never said anything: nothing waits for them. Raises Refused.

    One that is unknown here takes nothing from the others; where all of them are, it is refused.
    """
    left = [one for one in organisations if one in known]
    if not left:
        raise Refused("organisation_unknown", "data.organisations")
    return left


def make_up(referral: Referral, absences: Sequence[Absence], *, at: datetime) -> Referral:
    """Move the deadline of whoever is awaited to where it counts from, and say why; as it was where nothing moves.

    `absences` are all that are known of that organisation. What has ended stays as it is, and so does the time to
    purge. The stages that have come stay behind it, and it is no extension of the coordinators'.
    """
    deadline = referral.deadline
    if deadline is None or referral.unpurged:
        return referral
    ends_at = counts_from(deadline.ends_at, absences, since=deadline.ends_at - deadline.length)
    answer_by = referral.answer_by
    if referral.state in (SENT, RECEIVED):
        answer_by = counts_from(answer_by, absences, since=referral.sent_at)
    if (ends_at, answer_by) == (deadline.ends_at, referral.answer_by):
        return referral
    later = replace(
        referral,
        sequence=referral.sequence + 1,
        answer_by=answer_by,
        deadline=put_off(referral.deadline_stages, deadline, until=ends_at),
    )
    return note(later, Step(DEADLINE_EXTENDED, "hub", HUB, at, later.sequence, WHY, {"due_at": ends_at.isoformat()}))
