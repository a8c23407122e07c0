"""What people may ask of those who hold their data, and by when they have to be answered: pure decisions.

Ley 1581 of 2012: an enquiry is answered within ten working days of when it was received, and where that cannot be,
within five more (article 14); a correction or an erasure, which the law calls a claim, within fifteen, and eight more
(article 15). The person is told why before the first term ends. The day on which it was received does not count.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Final, NamedTuple
from uuid import UUID

import holidays

from messaging.answers import MissingPrerequisite, Refused
from services.intake.rules.days import day_of

SATURDAY: Final = 5


ENDED_REFERRALS: Final = frozenset(
    {"declined", "redirected", "expired", "cancelled", "closed", "consent_withdrawn", "entered_in_error"}
)


class Term(NamedTuple):
    """How long an answer may take, and how much longer when the person is told why; in working days."""

    first: int
    extension: int


TERMS: Final = {"enquiry": Term(10, 5), "correction": Term(15, 8), "erasure": Term(15, 8)}
REMINDED_BEFORE: Final = 2  # working days before the last one
ASSENT_WITHIN: Final = 10  # working days for others who registered the person; then silence grants an erasure

ERASURE, GRANTED, PARTLY_GRANTED = "erasure", "granted", "partly_granted"


class Stage(StrEnum):
    """What the deadline of a request does next."""

    REMIND = "remind"
    OVERDUE = "overdue"
    GRANT = "grant"  # an erasure that others have not answered, for them


@dataclass(frozen=True, slots=True)
class Request:
    """What a person has asked an organisation for, whoever had registered them."""

    request_id: UUID
    person_id: UUID
    kind: str
    organisation: str
    received_at: datetime
    answer_by: date  # the last working day on which it may be answered
    extended_at: datetime | None = None
    answer: str | None = None
    answered_at: datetime | None = None
    stage: Stage | None = None  # the next of its deadline, and the day on which it is due
    due_on: date | None = None
    granted_by: Set[str] = frozenset()  # of an erasure that waits for others: who has granted what it registered itself
    kept_by: Set[str] = frozenset()  # who has said since that what it registered itself stays

    def is_overdue(self, today: date) -> bool:
        """Whether the last day for the answer has passed without one."""
        return self.answer is None and today > self.answer_by


# -- working days -----------------------------------------------------------------------------------------------------


def is_working_day(day: date) -> bool:
    """Tell whether a day is one of Monday to Friday and no holiday of Colombia."""
    return day.weekday() < SATURDAY and day not in _holidays()


def working_days_after(day: date, count: int) -> date:
    """Return the last of so many working days after a day, which is not counted itself."""
    return _walk(day, count, timedelta(days=1))


def working_days_before(day: date, count: int) -> date:
    """Return the first of so many working days before a day."""
    return _walk(day, count, timedelta(days=-1))


def _walk(day: date, count: int, step: timedelta) -> date:
    while count:
        day += step
        count -= is_working_day(day)
    return day


@cache
def _holidays() -> holidays.HolidayBase:
    return holidays.country_holidays("CO")  # works out each year when it is first asked for


# -- requests ---------------------------------------------------------------------------------------------------------


def receive(
    *, request_id: UUID, person_id: UUID, kind: str, organisation: str, received_at: datetime, at: datetime
) -> Request:
    """Keep what a person asks for, and set its deadline."""
    answer_by = working_days_after(day_of(received_at), TERMS[kind].first)
    return run_deadline(Request(request_id, person_id, kind, organisation, received_at, answer_by), today=day_of(at))


def check_new(known: Request | None) -> None:
    """Let a request be said once."""
    if known is not None:
        raise Refused("already_requested")


def check_known(request: Request | None, request_id: UUID) -> Request:
    """Let a request be seen to that has been received."""
    if request is None:
        raise MissingPrerequisite("request", str(request_id))
    return request


def answerers(request: Request, *, registrars: Set[str], coordinators: Set[str]) -> Set[str]:
    """Return who may answer a request: whom the person went to, unless they ask to be erased.

    No organisation has people erased whom it does not know: that is for who registered them, or for a coordinator.
    """
    return registrars | coordinators if request.kind == ERASURE else {request.organisation}


def check_answer(request: Request, *, by: str, answerers: Set[str]) -> None:
    """Let a request be answered once, by who may."""
    if by not in answerers:
        raise Refused("not_yours_to_answer")
    _check_open(request)
    if by in request.granted_by | request.kept_by:
        raise Refused("already_answered")


def check_extension(request: Request, *, by: str, answerers: Set[str]) -> None:
    """Let whom the person went to say that the answer takes longer, or who is to give it, until it is given."""
    if by not in {request.organisation, *answerers}:
        raise Refused("received_by_another")
    _check_open(request)
    if request.granted_by:  # what others answer has a term of its own, which nobody makes longer
        raise Refused("already_answered")


def _check_open(request: Request) -> None:
    if request.answer is not None:
        raise Refused("already_answered")


def extend(request: Request, *, told_at: datetime, at: datetime) -> Request:
    """Take longer to answer, once, if the person has been told before the first term ended."""
    if request.extended_at is not None:
        raise Refused("already_extended")
    if day_of(told_at) > request.answer_by:
        raise Refused("extended_too_late")
    answer_by = working_days_after(request.answer_by, TERMS[request.kind].extension)
    return run_deadline(replace(request, answer_by=answer_by, extended_at=told_at), today=day_of(at))


def answer(request: Request, answer: str, *, answered_at: datetime) -> Request:
    """End a request and its deadline; an answer counts however late it is."""
    return _end(request, answer, answered_at=answered_at)


def of_others(open_referrals: Mapping[UUID, Set[str]], *, organisation: str) -> Sequence[UUID]:
    """Return which of a person's open referrals an organisation is no party of: erasing the person ends these, too."""
    return sorted(one for one, parties in open_referrals.items() if organisation not in parties)


def answer_erasure(
    request: Request,
    answer: str,
    *,
    by: str,
    left: Mapping[UUID, str],
    coordinators: Set[str],
    answered_at: datetime,
    today: date,
) -> tuple[Request, Set[UUID]]:
    """Return what becomes of a request for erasure, and which registrations are erased; `left` says whose they are.

    A coordinator answers for all. Of those who registered the person each answers for what it registered itself: one
    that has registered a copy of another's person shall neither have the other's erased nor keep it from being erased.
    Once somebody has granted it, the others have a term to answer in their turn; where they say nothing it is granted
    for them. What nobody grants ends when all have answered, and until then its deadline goes on.
    """
    granted = answer == GRANTED
    if by in coordinators:
        return _end(request, answer, answered_at=answered_at), frozenset(left) if granted else frozenset()
    granted_by = request.granted_by | {by} if granted else request.granted_by
    kept_by = request.kept_by if granted else request.kept_by | {by}
    erased = frozenset(one for one, whose in left.items() if whose in granted_by)
    if not set(left.values()) - granted_by - kept_by:
        if granted_by:
            answer = PARTLY_GRANTED if kept_by else GRANTED
        ended = replace(request, granted_by=granted_by, kept_by=kept_by)
        return _end(ended, answer, answered_at=answered_at), erased
    if not granted_by:
        return replace(request, kept_by=kept_by), erased
    answer_by = request.answer_by if request.granted_by else working_days_after(today, ASSENT_WITHIN)
    return replace(
        request,
        answer_by=answer_by,
        stage=Stage.GRANT,
        due_on=answer_by + timedelta(days=1),
        granted_by=granted_by,
        kept_by=kept_by,
    ), erased


def grant_in_silence(request: Request, *, left: Mapping[UUID, str], at: datetime) -> tuple[Request, Set[UUID]]:
    """Grant an erasure for all who have not answered within their term; what others said that they keep stays."""
    erased = frozenset(one for one, whose in left.items() if whose not in request.kept_by)
    return _end(request, PARTLY_GRANTED if request.kept_by else GRANTED, answered_at=at), erased


def _end(request: Request, answer: str, *, answered_at: datetime) -> Request:
    return replace(request, answer=answer, answered_at=answered_at, stage=None, due_on=None)


def run_deadline(request: Request, *, today: date) -> Request:
    """Return a request with the stage of its deadline that comes after all that are due today."""
    remind_on = working_days_before(request.answer_by, REMINDED_BEFORE)
    if today < remind_on:
        return replace(request, stage=Stage.REMIND, due_on=remind_on)
    if today <= request.answer_by:
        return replace(request, stage=Stage.OVERDUE, due_on=request.answer_by + timedelta(days=1))
    return replace(request, stage=None, due_on=None)


def to_notify(
    request: Request, *, registered: Mapping[str, UUID], coordinators: Set[str], today: date
) -> Mapping[str, UUID]:
    """Return who is notified of a request now, each with the id under which it knows the person.

    Whom the person went to, who may answer, and the coordinators when the day has passed. `registered` has the
    organisations that registered the person, and under which id.
    """
    may_answer = answerers(request, registrars=registered.keys(), coordinators=coordinators)
    concerned = {request.organisation, *may_answer, *(coordinators if request.is_overdue(today) else ())}
    return {one: registered.get(one, request.person_id) for one in sorted(concerned)}
