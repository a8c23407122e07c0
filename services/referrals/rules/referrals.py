"""A referral, and how it gets from one state to the next."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from contracts.deadlines import LENGTHS, Urgency
from contracts.transitions import (
    DECISIONS,
    ENDED,
    HUB,
    INFO_REQUESTED,
    RECEIVED,
    RECIPIENT,
    SENDER,
    SENT,
    Actor,
    State,
)
from messaging.answers import MissingPrerequisite, Refused
from services.referrals.rules.deadlines import (
    PURGE_STAGES,
    STAGES,
    Deadline,
    Stages,
    StoppedDeadline,
    start_deadline,
    stop_deadline,
)
from services.referrals.rules.states import check_move


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened to a referral. Transitions are numbered; what the hub does by a deadline is not."""

    what: str
    by: str
    actor: Actor
    at: datetime
    sequence: int | None = None
    reason: str | None = None
    details: Mapping[str, str] | None = None
    came_from: State | None = None  # of a transition: the state before it; the first has none


@dataclass(frozen=True, slots=True)
class Asked:
    """What the sender asked that is of use to who follows the referral; all of it codes."""

    reason_code: str
    shares: tuple[str, ...]
    minor: Mapping[str, bool] | None = None  # present when the person is under age
    override: str | None = None  # why it went out without consent


@dataclass(frozen=True, slots=True)
class Referral:
    """One organisation asking another to meet a person's need; `steps` is what happened to it since it was loaded."""

    referral_id: UUID
    sender: str
    recipient: str
    service_id: UUID
    person_id: UUID | None
    case_code: str | None
    need_code: str
    urgency: Urgency
    consent_id: UUID | None
    sent_at: datetime
    answer_by: datetime
    state: State = SENT  # a draft's as well: it is sent with number 1
    sequence: int = 0
    deadline: Deadline | None = None
    stopped_deadline: StoppedDeadline | None = None
    visit_at: datetime | None = None
    visit_said_at: datetime | None = None  # by the recipient's clock: an older word does not replace a newer one
    outcome: str | None = None
    not_met_reason: str | None = None
    need_id: UUID | None = None
    zone: str | None = None  # the municipality that its service serves, where it serves one
    answered_by_hub: bool = False  # as the service said when it was sent
    sent_by: str = ""  # who passed the data on: the sender, or the recipient that redirected it
    redirected_from: UUID | None = None
    onward_from: UUID | None = None  # the referral whose recipient has sent this one in its place
    goes_on_as: UUID | None = None  # the referral that goes on from this one, redirected or referred onward
    unpurged: tuple[str, ...] = ()  # the holders that owe a purge receipt, whatever the state
    erased: bool = False  # its person is erased, and what was asked forgotten
    language: str | None = None  # in which its person is to be spoken to
    asked: Asked | None = None  # None once its person is erased
    taken_on_by: str | None = None  # the coordinator that sees to it that it goes on, until it ends
    noted_to: tuple[str, ...] = ()  # the coordinators that notes on it were written to
    extended: int = 0  # how often coordinators have given more time, until it ends
    steps: tuple[Step, ...] = field(default=(), compare=False)

    @property
    def parties(self) -> tuple[str, str]:
        """The sender and the recipient organisation."""
        return (self.sender, self.recipient)

    @property
    def is_confidential(self) -> bool:
        """Whether it is a case that goes under a code, which nobody but its parties may tell from another."""
        return self.case_code is not None

    @property
    def deadline_stages(self) -> Stages:
        """The stages of its deadline: a purge that is owed goes before whatever the state waits for."""
        return PURGE_STAGES if self.unpurged else STAGES[self.state]


def decided_by(referral: Referral) -> datetime:
    """When it has to be decided: as its deadline has it, which a question to the sender puts off."""
    decides = referral.state == RECEIVED and referral.deadline is not None and not referral.unpurged
    return referral.deadline.ends_at if decides and referral.deadline else referral.answer_by


def decision_in(referral: Referral) -> Step | None:
    """The recipient's first decision on it, where that is among its steps."""
    for step in referral.steps:
        if step.came_from is RECEIVED and step.actor is RECIPIENT and step.what in DECISIONS:
            return step
    return None


# -- moving -----------------------------------------------------------------------------------------------------------


def not_a_party(referral_id: UUID) -> MissingPrerequisite:
    """What an organisation hears about a referral that is not there, and about one that is not its own: the same.

    Both wait, because a message may overtake the one that makes its sender a party; both are refused alike afterwards.
    A refusal at once in only one of the two cases would tell a stranger which referrals exist.
    """
    return MissingPrerequisite("referral", str(referral_id), code="not_a_party")


def actor_of(referral: Referral, by: str, coordinators: Set[str] = frozenset()) -> Actor:
    if by in coordinators:
        return HUB
    if by == referral.sender:
        return SENDER
    if by == referral.recipient:
        return RECIPIENT
    raise not_a_party(referral.referral_id)


def move(
    referral: Referral,
    target: State,
    *,
    by: str,
    at: datetime,
    reason: str | None = None,
    lasts: timedelta | None = None,
    coordinators: Set[str] = frozenset(),
    only: Actor | None = None,
) -> Referral:
    """Make a transition that an organisation asked for, if the table lets it."""
    actor = actor_of(referral, by, coordinators)
    if only is not None and actor != only:
        raise Refused("not_yours")
    check_move(referral.state, target, actor, key=str(referral.referral_id))
    return enter(referral, target, actor=actor, by=by, at=at, reason=reason, lasts=lasts)


def enter(
    referral: Referral,
    target: State,
    *,
    actor: Actor,
    by: str,
    at: datetime,
    reason: str | None = None,
    lasts: timedelta | None = None,
) -> Referral:
    """Put a referral into a state: its deadline, the next number, and the step that history keeps."""
    sequence = referral.sequence + 1
    came_from = referral.state if referral.sequence else None
    step = Step(target, by, actor, at, sequence, reason, came_from=came_from)
    return replace(
        referral,
        state=target,
        sequence=sequence,
        deadline=_deadline_of(referral, target, at=at, lasts=lasts),
        stopped_deadline=stop_deadline(referral.deadline, at=at) if target == INFO_REQUESTED else None,
        taken_on_by=None if target in ENDED else referral.taken_on_by,
        extended=0 if target in ENDED else referral.extended,
        steps=(*referral.steps, step),
    )


def note(referral: Referral, step: Step) -> Referral:
    return replace(referral, steps=(*referral.steps, step))


def _deadline_of(referral: Referral, target: State, *, at: datetime, lasts: timedelta | None) -> Deadline | None:
    """The deadline that a state starts with: as long as `lasts`, or as the urgency or the state says.

    Where a purge is owed its deadline goes on: nobody gets out of it by striking the referral out.
    """
    if referral.unpurged:
        return referral.deadline
    if target not in STAGES:
        return None
    stages, stopped = STAGES[target], referral.stopped_deadline
    if target == RECEIVED and stopped is not None:
        return start_deadline(stages, stopped.length, ends_at=at + stopped.left, at=at, stage=stopped.stage)
    if target == RECEIVED:  # the time to a decision runs from the sending
        return start_deadline(stages, referral.answer_by - referral.sent_at, ends_at=referral.answer_by, at=at)
    length = lasts or LENGTHS[target][referral.urgency]
    if target == SENT:
        length = min(length, referral.answer_by - referral.sent_at)
    return start_deadline(stages, length, ends_at=at + length, at=at)
