"""Partners: how many referrals each organisation was sent, how it answered, and how long that took."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Final

from contracts.deadlines import Absence, counts_from, time_away
from hub.reports.rules import small_counts
from hub.reports.rules.asked import Asked
from hub.reports.rules.sheets import Cell, Column, Sheet

UNANSWERED: Final = frozenset({"sent", "received", "info_requested"})
OWED_BY_RECIPIENT: Final = frozenset({"sent", "received", "waitlisted", "cancel_requested"})

COLUMNS: Final = (
    Column("organisation", "Organisation"),
    Column("sent", "Sent to it"),
    Column("answered", "Answered"),
    Column("accepted", "Accepted"),
    Column("acceptance_rate", "Accepted, % of answered"),
    Column("unanswered", "Unanswered"),
    Column("overdue", "Overdue"),
    Column("expired", "Expired"),
    Column("escalated", "Escalated"),
    Column("receipt_p50", "Hours to receipt, median"),
    Column("receipt_p90", "90th percentile"),
    Column("answer_p50", "Hours to decision, median"),
    Column("answer_p90", "90th percentile"),
    Column("service_p50", "Hours to service, median"),
    Column("service_p90", "90th percentile"),
    Column("withheld", "Withheld"),
)
NOTES: Final = (
    "Counted by the month in which a referral was sent. Answered: accepted, declined, on a waiting list or redirected.",
    "Not counted as overdue, expired or escalated: what fell due while the hub's console was away from an organisation "
    "that answers by nothing else, and for as long again. Hours are counted without that absence.",
    f"Withheld {small_counts.WITHHELD}: referrals of the protection sectors are left out of the row where, in a month "
    "and municipality, any of their counts was of one to four; and all of the running month.",
)


@dataclass(frozen=True)
class Sent:
    """A referral that an organisation was sent, and when it first came how far."""

    recipient: str
    need_code: str
    zone: str | None
    month: str
    state: str
    sent_at: datetime
    answer_by: datetime | None = None
    """When it has to have been decided, as referrals says; None where that was never said."""
    received_at: datetime | None = None
    answered_at: datetime | None = None
    served_at: datetime | None = None
    accepted: bool = False
    expired_at: datetime | None = None
    escalated_at: Sequence[datetime] = ()
    """When coordinators had to be told that the recipient did not answer."""
    absences: Sequence[Absence] = ()
    """When the hub's console was away from the recipient."""


@dataclass(frozen=True)
class Counts:
    """How many referrals there were, and what became of them."""

    sent: int
    answered: int
    accepted: int
    unanswered: int
    overdue: int
    expired: int
    escalated: int


def count(referrals: Sequence[Sent], *, now: datetime) -> Counts:
    """Count what became of referrals."""
    unanswered = [one for one in referrals if one.answered_at is None and one.state in UNANSWERED]
    return Counts(
        sent=len(referrals),
        answered=sum(one.answered_at is not None for one in referrals),
        accepted=sum(one.accepted for one in referrals),
        unanswered=len(unanswered),
        overdue=sum(is_overdue(one, now=now) for one in unanswered),
        expired=sum(is_expired(one) for one in referrals),
        escalated=sum(is_escalated(one) for one in referrals),
    )


def is_overdue(referral: Sent, *, now: datetime) -> bool:
    """Whether a decision on an unanswered referral is late; the deadline rests while the sender owes an answer."""
    if referral.state == "info_requested" or referral.answer_by is None:
        return False
    return now > counts_from(referral.answer_by, referral.absences, since=referral.sent_at)


def is_expired(referral: Sent) -> bool:
    """Whether nobody answered in time; where that time ended for want of the console, it is not the recipient's."""
    return referral.state == "expired" and not (referral.expired_at and _is_excused(referral, referral.expired_at))


def is_escalated(referral: Sent) -> bool:
    """Whether coordinators were told that the recipient did not answer when it could have."""
    return any(not _is_excused(referral, at) for at in referral.escalated_at)


def _is_excused(referral: Sent, at: datetime) -> bool:
    return counts_from(at, referral.absences, since=referral.sent_at) > at


def escalates_recipient(what: str, state: str) -> bool:
    """Whether what was noted of a referral is that coordinators were told that its recipient does not answer."""
    return what == "escalated" and state in OWED_BY_RECIPIENT


def may_count(cell: Counts) -> bool:
    """Whether a month's referrals of the protection sectors in a municipality may be counted with the others."""
    return not small_counts.is_small(
        cell.sent,
        cell.answered,
        cell.accepted,
        cell.unanswered,
        cell.overdue,
        cell.expired,
        cell.escalated,
        cell.sent - cell.escalated,
        cell.sent - cell.answered,
        cell.answered - cell.accepted,
        cell.unanswered - cell.overdue,
        cell.sent - cell.answered - cell.unanswered,
        cell.sent - cell.answered - cell.unanswered - cell.expired,
    )


def sheet(referrals: Iterable[Sent], asked: Asked, *, now: datetime, running_month: str) -> Sheet:
    """Make the sheet: a row for each organisation."""
    counted: dict[str, list[Sent]] = defaultdict(list)
    protected: dict[tuple[str, str, str | None], list[Sent]] = defaultdict(list)
    for one in referrals:
        if not asked.covers(one.month, one.zone):
            continue
        if small_counts.is_protected(one.need_code):
            protected[one.recipient, one.month, one.zone].append(one)
        else:
            counted[one.recipient].append(one)
    withheld = set()
    for (recipient, month, _), cell in protected.items():
        if month < running_month and may_count(count(cell, now=now)):
            counted[recipient] += cell
        else:
            withheld.add(recipient)
    rows = [
        _row(organisation, counted.get(organisation, []), organisation in withheld, now=now)
        for organisation in sorted({*counted, *withheld})
    ]
    return Sheet("partners", COLUMNS, tuple(rows), NOTES)


def _row(organisation: str, referrals: Sequence[Sent], withheld: bool, *, now: datetime) -> tuple[Cell, ...]:
    counts = count(referrals, now=now)
    receipt = [_hours(one, one.received_at) for one in referrals if one.received_at]
    answer = [_hours(one, one.answered_at) for one in referrals if one.answered_at]
    service = [_hours(one, one.served_at) for one in referrals if one.served_at]
    return (
        organisation,
        counts.sent,
        counts.answered,
        counts.accepted,
        round(100 * counts.accepted / counts.answered, 1) if counts.answered else None,
        counts.unanswered,
        counts.overdue,
        counts.expired,
        counts.escalated,
        *(percentile(hours, share) for hours in (receipt, answer, service) for share in (50, 90)),
        small_counts.WITHHELD if withheld else None,
    )


def _hours(referral: Sent, until: datetime) -> float:
    since = referral.sent_at
    return (until - since - time_away(since, until, referral.absences)) / timedelta(hours=1)


def percentile(values: Sequence[float], share: int) -> float | None:
    """Return the smallest value that `share` % of all values do not exceed, to a tenth; None of none."""
    if not values:
        return None
    return round(sorted(values)[ceil(len(values) * share / 100) - 1], 1)
