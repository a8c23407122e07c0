"""What an organisation's referrals for work, training or a business of one's own come to: pure decisions."""

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final
from uuid import UUID


class Answer(StrEnum):
    """The last that was answered for the recipient."""

    ACCEPTED = "accepted"
    IN_SERVICE = "in_service"
    COMPLETED = "completed"
    STOPPED = "stopped"


UNDER_WAY: Final[Set[Answer]] = frozenset({Answer.ACCEPTED, Answer.IN_SERVICE})


@dataclass(frozen=True, slots=True)
class Lead:
    """What a need leads to, as the table `lead` says: a part in a programme, or a business where that is None."""

    need_code: str
    programme: str | None
    met_by: str


@dataclass(frozen=True, slots=True)
class Referral:
    """A referral that is answered here; somebody takes part in a programme or builds a business because of it."""

    referral_id: UUID
    organisation: str  # the recipient, for whom the answers are
    met_by: str  # what meets the need: `placed`, a step of the route, `formalised`
    participation_id: UUID | None = None
    entrepreneur_id: UUID | None = None
    answer: Answer = Answer.ACCEPTED
    sequence: int = 1  # of the newest that the hub has told of it


def is_for_here(lead: Lead | None, *, person_id: UUID | None, is_known: bool) -> bool:
    """Whether a referral that is offered is taken on here: its need leads here, and it is new and about a person.

    Any other need, and a case that travels without a person, is left to the organisation's staff.
    """
    return lead is not None and person_id is not None and not is_known


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome that a referral is completed with, and why the need was not met where it was not."""

    outcome: str
    not_met_reason: str | None = None


MET: Final = Result("need_met")
PARTLY_MET: Final = Result("partly_met")

# What the reason for leaving says of the need; without a reason, the service has ended and that is all.
BY_LEAVING: Final[Mapping[str | None, Result]] = {
    None: Result("not_met", "service_ended"),
    "moved_away": Result("not_met", "person_moved_away"),
    "returned_home": Result("not_met", "person_moved_away"),
    "resettled": Result("not_met", "person_moved_away"),
    "lost_contact": Result("not_met", "could_not_contact"),
    "no_longer_interested": Result("person_withdrew"),
    "died": Result("not_met", "service_ended"),
}


def result_of_ending(*, completed: bool, met: bool, partly: bool, reason: str | None) -> Result:
    """Tell what came of a need when somebody's way ends: `met` and `partly` are what they had reached by then."""
    if completed and met:
        return MET
    if completed or partly:
        return PARTLY_MET
    return BY_LEAVING[reason]


def progress(referral: Referral, what: str) -> Referral:
    """Something was done: it meets the need, or else the service is under way now at the latest."""
    if referral.answer not in UNDER_WAY:
        return referral
    return replace(referral, answer=Answer.COMPLETED if what == referral.met_by else Answer.IN_SERVICE)


def finish(referral: Referral) -> Referral:
    """Nothing more will be done: whatever came of it is the outcome."""
    return replace(referral, answer=Answer.COMPLETED) if referral.answer in UNDER_WAY else referral


def give_up(referral: Referral) -> Referral:
    """Whom it brought was struck out: the recipient gives it back, unless all had been said."""
    return replace(referral, answer=Answer.STOPPED) if referral.answer in UNDER_WAY else referral


def keep_going(referrals: Iterable[Referral], *, but: Referral) -> bool:
    """Tell whether others of somebody's referrals than this are still under way, so that it does not end for them."""
    return any(one.referral_id != but.referral_id and one.answer in UNDER_WAY for one in referrals)


# ---------------------------------------------------------------------------------------------------------------------
# What the hub tells
# ---------------------------------------------------------------------------------------------------------------------


class Stop(StrEnum):
    """What a state of the referral asks of the recipient."""

    LEAVE = "leave"  # stop, and nothing more
    CANCEL = "cancel"  # stop, and agree to it
    PURGE = "purge"  # stop, delete what is held, and say so
    UNDO = "undo"  # it should never have been


STOPS: Final[Mapping[str, Stop]] = {
    "cancel_requested": Stop.CANCEL,
    "cancelled": Stop.LEAVE,
    "declined": Stop.LEAVE,  # by the organisation's own staff
    "redirected": Stop.LEAVE,
    "expired": Stop.LEAVE,
    "consent_withdrawn": Stop.PURGE,
    "entered_in_error": Stop.UNDO,
}
DONE: Final[Set[str]] = frozenset({"completed", "closed"})


def hear(referral: Referral, state: str, *, reopened: bool, sequence: int) -> Referral:
    """Take in what has become of a referral: by its other party, a coordinator, a deadline or the recipient's staff."""
    answer = referral.answer
    if state in STOPS:
        answer = Answer.STOPPED
    elif state in DONE:
        answer = Answer.COMPLETED
    elif state == "in_service" and (reopened or answer == Answer.ACCEPTED):
        answer = Answer.IN_SERVICE
    return replace(referral, answer=answer, sequence=sequence)
