"""What may happen to a referral, who may make it happen, and by when: pure decisions; time is an argument."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Final
from uuid import UUID


class Refused(Exception):
    """A rule says no. `code` is what the sender is told; nothing of the message is applied."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class TooEarly(Exception):
    """Not possible yet: `what`, under the subject `key`, may be on its way. `code` refuses it if that never comes."""

    def __init__(self, what: str, key: str, code: str | None = None) -> None:
        self.what = what
        self.key = key
        self.code = code or f"{what}_unknown"
        super().__init__(self.code)


# ---------------------------------------------------------------------------------------------------------------------
# The state machine
# ---------------------------------------------------------------------------------------------------------------------


class State(StrEnum):
    """Where a referral stands. A draft is its sender's own affair: it is here so that the table can begin with it."""

    DRAFT = "draft"
    SENT = "sent"
    RECEIVED = "received"
    INFO_REQUESTED = "info_requested"
    WAITLISTED = "waitlisted"
    ACCEPTED = "accepted"
    SCHEDULED = "scheduled"
    NO_SHOW = "no_show"
    VISIT_CANCELLED = "visit_cancelled"
    IN_SERVICE = "in_service"
    CANCEL_REQUESTED = "cancel_requested"
    COMPLETED = "completed"
    DECLINED = "declined"
    REDIRECTED = "redirected"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    CLOSED = "closed"
    CONSENT_WITHDRAWN = "consent_withdrawn"
    ENTERED_IN_ERROR = "entered_in_error"


class Actor(StrEnum):
    """In which part somebody acts on a referral. A coordinator acts for the hub; a person through any organisation."""

    SENDER = "sender"
    RECIPIENT = "recipient"
    HUB = "hub"
    PERSON = "person"


# Without their class, so that the table below reads like the one the organisations agreed on. In the order of above.
(
    DRAFT, SENT, RECEIVED, INFO_REQUESTED, WAITLISTED, ACCEPTED, SCHEDULED, NO_SHOW, VISIT_CANCELLED, IN_SERVICE,
    CANCEL_REQUESTED, COMPLETED, DECLINED, REDIRECTED, EXPIRED, CANCELLED, CLOSED, CONSENT_WITHDRAWN, ENTERED_IN_ERROR,
) = State  # fmt: skip
SENDER, RECIPIENT, HUB, PERSON = Actor

ENDED: Final[Set[State]] = frozenset(
    {DECLINED, REDIRECTED, EXPIRED, CANCELLED, CLOSED, CONSENT_WITHDRAWN, ENTERED_IN_ERROR}
)
OPEN: Final[Set[State]] = frozenset(State) - ENDED - {DRAFT}  # the index one_open_referral says the same in SQL
UNDECIDED: Final[Set[State]] = frozenset({SENT, RECEIVED, INFO_REQUESTED, WAITLISTED})

# The table of the domain, row by row: from, to, who.
TABLE: Final[tuple[tuple[Set[State], Set[State], Set[Actor]], ...]] = (
    ({DRAFT}, {SENT}, {SENDER}),
    ({SENT}, {RECEIVED}, {RECIPIENT}),
    ({RECEIVED}, {ACCEPTED, DECLINED, WAITLISTED, REDIRECTED}, {RECIPIENT}),
    ({RECEIVED}, {INFO_REQUESTED}, {RECIPIENT}),
    ({INFO_REQUESTED}, {RECEIVED}, {SENDER}),
    ({WAITLISTED}, {ACCEPTED, DECLINED}, {RECIPIENT}),
    ({SENT, RECEIVED, INFO_REQUESTED, WAITLISTED}, {EXPIRED}, {HUB}),
    ({ACCEPTED}, {SCHEDULED, IN_SERVICE, COMPLETED}, {RECIPIENT}),
    ({SCHEDULED}, {SCHEDULED, NO_SHOW, VISIT_CANCELLED, IN_SERVICE, COMPLETED}, {RECIPIENT}),
    ({NO_SHOW}, {SCHEDULED, VISIT_CANCELLED}, {RECIPIENT}),
    ({VISIT_CANCELLED}, {SCHEDULED}, {RECIPIENT}),
    ({IN_SERVICE}, {IN_SERVICE, SCHEDULED, VISIT_CANCELLED, COMPLETED}, {RECIPIENT}),
    ({ACCEPTED, SCHEDULED, NO_SHOW, VISIT_CANCELLED, IN_SERVICE}, {DECLINED}, {RECIPIENT}),
    (OPEN - {CANCEL_REQUESTED, COMPLETED}, {CANCEL_REQUESTED}, {SENDER}),  # "sent … in_service, visit_cancelled"
    ({CANCEL_REQUESTED}, {CANCELLED, COMPLETED}, {RECIPIENT}),
    ({CANCEL_REQUESTED}, {CANCELLED}, {HUB}),  # at once, where the recipient had not accepted
    ({COMPLETED}, {CLOSED}, {SENDER, HUB}),
    ({CLOSED}, {IN_SERVICE}, {HUB}),
    (OPEN, {CONSENT_WITHDRAWN}, {PERSON}),
    (frozenset(State) - {DRAFT, ENTERED_IN_ERROR}, {ENTERED_IN_ERROR}, {SENDER, HUB}),
)

MOVES: Final[Set[tuple[State, State, Actor]]] = frozenset(
    (state, target, actor)
    for states, targets, actors in TABLE
    for state in states
    for target in targets
    for actor in actors
)


def check_move(state: State, target: State, actor: Actor, *, key: str = "") -> None:
    """Let a transition pass that the table allows.

    Raises `TooEarly` (waiting on `key`) where the actor's own messages may have overtaken one another: from `state` it
    could, by moves of its own, still come to where this one is allowed. Raises `Refused` otherwise:
    `not_yours` (never this actor's to say), `already_<target>` (a repeat), `not_while_<state>`.
    """
    if (state, target, actor) in MOVES:
        return
    if not any(move[1:] == (target, actor) for move in MOVES):
        raise Refused("not_yours")
    if state == target:
        raise Refused(f"already_{target}")
    if any((later, target, actor) in MOVES for later in _own_reach(state, actor)):
        raise TooEarly("referral", key, code=f"not_while_{state}")
    raise Refused(f"not_while_{state}")


@cache
def _own_reach(state: State, actor: Actor) -> frozenset[State]:
    """The states that an organisation can bring about from here with nobody else moving."""
    if actor not in (SENDER, RECIPIENT):  # the hub and a consent do not send one message after another
        return frozenset()
    reached: set[State] = set()
    ahead = [state]
    while ahead:
        here = ahead.pop()
        nexts = {target for (source, target, mover) in MOVES if source == here and mover == actor} - reached
        reached |= nexts
        ahead.extend(nexts)
    return frozenset(reached)


# ---------------------------------------------------------------------------------------------------------------------
# Clocks: no referral stays unanswered
# ---------------------------------------------------------------------------------------------------------------------


class Urgency(StrEnum):
    """How soon a referral must be decided."""

    EMERGENCY = "emergency"
    URGENT = "urgent"
    NORMAL = "normal"


class Action(StrEnum):
    """What the hub does when a clock comes to one of its steps."""

    REMIND = "remind"
    ESCALATE = "escalate"
    SUGGEST = "suggest"
    EXPIRE = "expire"
    CLOSE = "close"


_HOURS = timedelta(hours=1)
_DAYS = timedelta(days=1)

RECEIVE_WITHIN = {Urgency.EMERGENCY: 2 * _HOURS, Urgency.URGENT: 12 * _HOURS, Urgency.NORMAL: 3 * _DAYS}
DECIDE_WITHIN = {Urgency.EMERGENCY: 24 * _HOURS, Urgency.URGENT: 72 * _HOURS, Urgency.NORMAL: 14 * _DAYS}
ANSWER_WITHIN = {Urgency.EMERGENCY: 12 * _HOURS, Urgency.URGENT: 36 * _HOURS, Urgency.NORMAL: 7 * _DAYS}
CONFIRM_CANCEL_WITHIN = DECIDE_WITHIN
PLACE_WITHIN = 30 * _DAYS  # on a waiting list without an estimate
CLOSE_AFTER = 14 * _DAYS  # completed, and the sender says nothing
PURGE_WITHIN = 15 * _DAYS
CLOCKS_DIFFER = _HOURS  # a partner's clock may be that far ahead of the hub's

PURPOSE = "refer"  # what a consent has to allow for a referral
CONFIDENTIAL_MAY_SHARE = frozenset({"contact", "needs", "health", "protection"})  # the least that a safe answer takes

# What happens at which part of a clock's length.
_TO_EXPIRY = ((0.5, Action.REMIND), (0.75, Action.ESCALATE), (0.9, Action.SUGGEST), (1.0, Action.EXPIRE))
_TO_CLOSING = ((0.5, Action.REMIND), (1.0, Action.CLOSE))
_TO_ESCALATION = ((0.5, Action.REMIND), (1.0, Action.ESCALATE))
Steps = tuple[tuple[float, Action], ...]
STEPS: Final[Mapping[State, Steps]] = {
    SENT: _TO_EXPIRY,
    RECEIVED: _TO_EXPIRY,
    INFO_REQUESTED: _TO_EXPIRY,
    WAITLISTED: _TO_EXPIRY,
    COMPLETED: _TO_CLOSING,
    CANCEL_REQUESTED: _TO_ESCALATION,  # the table lets nobody but the recipient end it
}
PURGE_STEPS: Final[Steps] = _TO_ESCALATION  # whatever the state, until every holder has sent a purge receipt

# After an outage of the hub the steps still come one by one, never closer together than this part of the clock: a
# reminder that arrives together with the expiry it warns of is none.
_APART = 0.05


@dataclass(frozen=True, slots=True)
class Clock:
    """A deadline under way: the steps of the referral's state or of a purge, the next of them due at `due_at`."""

    length: timedelta
    ends_at: datetime
    due_at: datetime
    step: int = 0


@dataclass(frozen=True, slots=True)
class StoppedClock:
    """The clock to a decision while the sender is asked a question: how much of it was left, and its next step."""

    length: timedelta
    left: timedelta
    step: int


def start_clock(steps: Steps, length: timedelta, *, ends_at: datetime, at: datetime, step: int = 0) -> Clock | None:
    """Start a clock, or go on with one at a later step; nothing where all its steps are behind it."""
    if step >= len(steps):
        return None
    planned = ends_at - length * (1 - steps[step][0])
    return Clock(length=length, ends_at=ends_at, due_at=max(planned, at + length * _APART), step=step)


def stop_clock(clock: Clock | None, *, at: datetime) -> StoppedClock | None:
    """Keep what is left of a clock (never less than nothing)."""
    if clock is None:
        return None
    return StoppedClock(length=clock.length, left=max(clock.ends_at - at, timedelta()), step=clock.step)


# ---------------------------------------------------------------------------------------------------------------------
# Records
# ---------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Consent:
    """A person's word on who may know what about them, as intake recorded it."""

    consent_id: UUID
    person_id: UUID | None
    case_code: str | None
    granted_to: str
    purposes: Set[str]
    recipients: Set[str]
    field_groups: Set[str]
    valid_from: datetime
    valid_until: datetime | None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Service:
    """What an organisation offers, as it last published it."""

    service_id: UUID
    organisation: str
    need_codes: Set[str]
    active: bool
    published_at: datetime


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened to a referral. Transitions are numbered; what the hub does by the clock is not."""

    what: str
    by: str
    actor: Actor
    at: datetime
    sequence: int | None = None
    reason: str | None = None
    details: Mapping[str, str] | None = None


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
    state: State = DRAFT
    sequence: int = 0
    clock: Clock | None = None
    stopped_clock: StoppedClock | None = None
    visit_at: datetime | None = None
    visit_said_at: datetime | None = None  # by the recipient's clock: an older word does not replace a newer one
    outcome: str | None = None
    redirected_from: UUID | None = None
    unpurged: tuple[str, ...] = ()  # the holders that owe a purge receipt, whatever the state
    steps: tuple[Step, ...] = field(default=(), compare=False)

    @property
    def parties(self) -> tuple[str, str]:
        """The sender and the recipient organisation."""
        return (self.sender, self.recipient)

    @property
    def clock_steps(self) -> Steps:
        """What its clock comes to: a purge that is owed goes before whatever the state waits for."""
        return PURGE_STEPS if self.unpurged else STEPS[self.state]


# ---------------------------------------------------------------------------------------------------------------------
# Sending
# ---------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Override:
    """Somebody answerable says that a life is at risk, and lets data go without consent for some hours."""

    authorised_by: str
    reason: str
    given_at: datetime
    lasts: timedelta


def latest_answer(urgency: Urgency, *, at: datetime) -> datetime:
    """When a referral sent at `at` has to be decided at the latest."""
    return at + DECIDE_WITHIN[urgency]


def send(
    draft: Referral,
    *,
    service: Service,
    consent: Consent | None,
    override: Override | None,
    shares: Set[str],
    by: str,
    at: datetime,
) -> Referral:
    """Send a draft: from here on its recipient is waited for, no longer than the urgency allows.

    `by` is who passes the data on: the sender, or the recipient that redirects. `shares` are the groups of fields that
    go sealed. There has to be a consent or an override.
    """
    if draft.sender == draft.recipient:
        raise Refused("recipient_is_sender")
    check_service(service, recipient=draft.recipient)
    if draft.case_code is not None and not shares <= CONFIDENTIAL_MAY_SHARE:
        raise Refused("confidential_shares_too_much")
    if draft.answer_by <= at:
        raise Refused("answer_by_passed")
    if consent is not None:
        check_consent(consent, draft, by=by, shares=shares, at=at)
    elif override is not None:
        draft = use_override(override, draft, by=by, at=at)
    else:
        raise Refused("consent_missing")
    answer_by = min(draft.answer_by, latest_answer(draft.urgency, at=at))
    draft = replace(draft, sent_at=at, answer_by=answer_by)
    return _enter(draft, SENT, actor=SENDER, by=by, at=at)


def check_service(service: Service, *, recipient: str) -> None:
    """Let a referral go only to the organisation that offers the service, and only while it offers it."""
    if service.organisation != recipient:
        raise Refused("service_not_of_recipient")
    if not service.active:
        raise Refused("service_inactive")


def check_consent(consent: Consent, draft: Referral, *, by: str, shares: Set[str], at: datetime) -> None:
    """Let `by` pass data about a person on only as that person has said: to whom, for what, what, and how long."""
    if (consent.person_id, consent.case_code) != (draft.person_id, draft.case_code):
        raise Refused("consent_of_another_person")
    if consent.granted_to != by:
        raise Refused("consent_not_granted_to_you")
    if consent.ended_at is not None:
        raise Refused("consent_withdrawn")
    if consent.valid_until is not None and consent.valid_until <= at:
        raise Refused("consent_expired")
    if consent.valid_from > at + CLOCKS_DIFFER:
        raise Refused("consent_not_valid_yet")
    if PURPOSE not in consent.purposes:
        raise Refused("consent_not_for_purpose")
    if draft.recipient not in consent.recipients:
        raise Refused("consent_not_for_recipient")
    if not shares <= consent.field_groups:
        raise Refused("consent_not_for_fields")


def use_override(override: Override, draft: Referral, *, by: str, at: datetime) -> Referral:
    """Note, for the audit, who let this go without consent, why, and until when that could be used.

    The hours count from when the sender says that it wrote the message, and never from later than now.
    """
    expires_at = min(override.given_at, at) + override.lasts
    if expires_at <= at:
        raise Refused("override_expired")
    details = {"authorised_by": override.authorised_by, "expires_at": expires_at.isoformat()}
    return _record(draft, Step("consent_overridden", by, SENDER, at, reason=override.reason, details=details))


# ---------------------------------------------------------------------------------------------------------------------
# Answering
# ---------------------------------------------------------------------------------------------------------------------


def receive(referral: Referral, *, by: str, at: datetime) -> Referral:
    """The recipient's system has it. Until the hub says `expired`, an answer counts, however late the clock is."""
    if by == referral.sender:
        raise Refused("not_yours")  # the same move by the sender is the answer to a question
    return _move(referral, RECEIVED, by=by, at=at)


def accept(referral: Referral, *, by: str, at: datetime) -> Referral:
    """The recipient will meet the need."""
    return _move(referral, ACCEPTED, by=by, at=at)


def decline(referral: Referral, *, by: str, at: datetime, reason: str) -> Referral:
    """The recipient will not, for a coded reason."""
    return _move(referral, DECLINED, by=by, at=at, reason=reason)


def waitlist(referral: Referral, *, by: str, at: datetime, estimate: timedelta | None) -> Referral:
    """The recipient gives it a place in line, which lasts as long as it thinks it will take, and a day at least."""
    lasts = PLACE_WITHIN if estimate is None else max(estimate, _DAYS)
    return _move(referral, WAITLISTED, by=by, at=at, lasts=lasts)


def redirect(referral: Referral, *, by: str, at: datetime, to: str, consent_id: UUID) -> Referral:
    """The recipient passes it on to somebody new, on a consent asked for anew; the new referral is then sent."""
    referral = _move(referral, REDIRECTED, by=by, at=at)
    if to in referral.parties:
        raise Refused("recipient_is_party")
    if consent_id == referral.consent_id:
        raise Refused("consent_not_fresh")
    return referral


def request_info(referral: Referral, *, by: str, at: datetime, topic: str) -> Referral:
    """The recipient asks the sender something: the clock to the decision stops, one to the answer starts."""
    return _move(referral, INFO_REQUESTED, by=by, at=at, reason=topic)


def provide_info(referral: Referral, *, by: str, at: datetime) -> Referral:
    """The sender answers: the clock to the decision goes on with what was left of it."""
    if by == referral.recipient:
        raise Refused("not_yours")  # the same move by the recipient is the receipt
    if by == referral.sender and referral.state == RECEIVED:
        raise Refused("nothing_asked")
    return _move(referral, RECEIVED, by=by, at=at)


# ---------------------------------------------------------------------------------------------------------------------
# Serving
# ---------------------------------------------------------------------------------------------------------------------


def schedule(referral: Referral, *, by: str, at: datetime, visit_at: datetime, said_at: datetime) -> Referral:
    """The person has an appointment, or another one than before."""
    if by == referral.recipient and referral.state == SCHEDULED:
        if referral.visit_at == visit_at:
            raise Refused("already_scheduled")
        if referral.visit_said_at is not None and said_at < referral.visit_said_at:
            raise Refused("superseded")
    return replace(_move(referral, SCHEDULED, by=by, at=at), visit_at=visit_at, visit_said_at=said_at)


def report_no_show(referral: Referral, *, by: str, at: datetime) -> Referral:
    """The person did not come."""
    return _move(referral, NO_SHOW, by=by, at=at)


def cancel_visit(referral: Referral, *, by: str, at: datetime, whose: str) -> Referral:
    """The person or the provider will not keep the appointment; the referral goes on."""
    return _move(referral, VISIT_CANCELLED, by=by, at=at, reason=whose)


def start_service(referral: Referral, *, by: str, at: datetime) -> Referral:
    """The service has begun."""
    if by == referral.recipient and referral.state == IN_SERVICE:
        raise Refused("already_in_service")  # the same move, made once more, is an interim note
    return _move(referral, IN_SERVICE, by=by, at=at)


def note_service(referral: Referral, *, by: str, at: datetime) -> Referral:
    """The recipient reports from a service under way."""
    if by == referral.recipient and referral.state != IN_SERVICE:
        if IN_SERVICE in _own_reach(referral.state, RECIPIENT):
            raise TooEarly("referral", str(referral.referral_id), code=f"not_while_{referral.state}")
        raise Refused(f"not_while_{referral.state}")
    return _move(referral, IN_SERVICE, by=by, at=at)


def complete(referral: Referral, *, by: str, at: datetime, outcome: str) -> Referral:
    """The service is over, with a coded outcome that the sender is to confirm."""
    return replace(_move(referral, COMPLETED, by=by, at=at, reason=outcome), outcome=outcome)


def close(referral: Referral, *, by: str, at: datetime, outcome: str) -> Referral:
    """The sender confirms or corrects the outcome."""
    return replace(_move(referral, CLOSED, by=by, at=at, reason=outcome), outcome=outcome)


def reopen(referral: Referral, *, by: str, at: datetime, reason: str, coordinators: Set[str]) -> Referral:
    """A coordinator sends a closed referral back into service."""
    return _move(referral, IN_SERVICE, by=by, at=at, reason=reason, coordinators=coordinators, only=HUB)


# ---------------------------------------------------------------------------------------------------------------------
# Stopping
# ---------------------------------------------------------------------------------------------------------------------


def request_cancel(referral: Referral, *, by: str, at: datetime, reason: str) -> Referral:
    """The sender takes it back: at once where nobody had accepted, otherwise the recipient is asked to confirm."""
    undecided = referral.state in UNDECIDED
    if by == referral.sender and referral.state == CANCELLED:
        raise Refused("already_cancelled")
    referral = _move(referral, CANCEL_REQUESTED, by=by, at=at, reason=reason)
    return _enter(referral, CANCELLED, actor=HUB, by="hub", at=at, reason=reason) if undecided else referral


def confirm_cancel(referral: Referral, *, by: str, at: datetime) -> Referral:
    """The recipient has stopped."""
    return _move(referral, CANCELLED, by=by, at=at)


def withdraw_consent(referral: Referral, *, by: str, at: datetime) -> Referral:
    """The person no longer allows it: what is open stops, and every holder owes a purge receipt.

    What had ended before is held as well. It stays as it was, without a new number, and its holders owe the same.
    """
    if referral.state in ENDED - {CONSENT_WITHDRAWN}:
        referral = _record(referral, Step("purge_asked", by, PERSON, at))
    else:
        check_move(referral.state, CONSENT_WITHDRAWN, PERSON)
        referral = _enter(referral, CONSENT_WITHDRAWN, actor=PERSON, by=by, at=at)
    clock = start_clock(PURGE_STEPS, PURGE_WITHIN, ends_at=at + PURGE_WITHIN, at=at)
    return replace(referral, unpurged=referral.parties, clock=clock)


def record_purge(referral: Referral, *, by: str, at: datetime) -> Referral:
    """A holder reports that it no longer holds what it had been sent about the person."""
    actor = _actor(referral, by)
    if by not in referral.unpurged:
        asked = referral.unpurged or referral.state == CONSENT_WITHDRAWN
        raise Refused("already_purged" if asked else f"not_while_{referral.state}")
    left = tuple(holder for holder in referral.unpurged if holder != by)
    referral = replace(referral, unpurged=left, clock=referral.clock if left else None)
    return _record(referral, Step("purged", by, actor, at))


def enter_in_error(referral: Referral, *, by: str, at: datetime, reason: str, coordinators: Set[str]) -> Referral:
    """It should never have been: nothing in it counts, and history says who said so."""
    return _move(referral, ENTERED_IN_ERROR, by=by, at=at, reason=reason, coordinators=coordinators)


def run_clock(referral: Referral, *, now: datetime) -> Referral:
    """Do the step of the clock that is due; the referral as it was where none is."""
    clock = referral.clock
    if clock is None or clock.due_at > now:
        return referral
    match referral.clock_steps[clock.step][1]:
        case Action.EXPIRE:
            return _enter(referral, EXPIRED, actor=HUB, by="hub", at=now)
        case Action.CLOSE:
            return _enter(referral, CLOSED, actor=HUB, by="hub", at=now, reason=referral.outcome)
        case action:
            following = start_clock(
                referral.clock_steps, clock.length, ends_at=clock.ends_at, at=now, step=clock.step + 1
            )
            return _record(replace(referral, clock=following), Step(action, "hub", HUB, now))


def seeks_alternatives(referral: Referral) -> bool:
    """Whether its clock has just come to where other providers are suggested."""
    return any(step.what == Action.SUGGEST for step in referral.steps)


def awaited(referral: Referral) -> tuple[str, ...]:
    """The organisations whose move the clock is waiting for."""
    if referral.unpurged:
        return referral.unpurged
    if referral.state in (INFO_REQUESTED, COMPLETED):
        return (referral.sender,)
    return (referral.recipient,)


# ---------------------------------------------------------------------------------------------------------------------
# Moving
# ---------------------------------------------------------------------------------------------------------------------


def not_a_party(referral_id: UUID) -> TooEarly:
    """What an organisation hears about a referral that is not there, and about one that is not its own: the same.

    Both wait, because a message may overtake the one that makes its sender a party; both are refused alike afterwards.
    A refusal at once in only one of the two cases would tell a stranger which referrals exist.
    """
    return TooEarly("referral", str(referral_id), code="not_a_party")


def _actor(referral: Referral, by: str, coordinators: Set[str] = frozenset()) -> Actor:
    if by in coordinators:
        return HUB
    if by == referral.sender:
        return SENDER
    if by == referral.recipient:
        return RECIPIENT
    raise not_a_party(referral.referral_id)


def _move(
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
    actor = _actor(referral, by, coordinators)
    if only is not None and actor != only:
        raise Refused("not_yours")
    check_move(referral.state, target, actor, key=str(referral.referral_id))
    return _enter(referral, target, actor=actor, by=by, at=at, reason=reason, lasts=lasts)


def _enter(
    referral: Referral,
    target: State,
    *,
    actor: Actor,
    by: str,
    at: datetime,
    reason: str | None = None,
    lasts: timedelta | None = None,
) -> Referral:
    """Put a referral into a state: its clock, the next number, and the step that history keeps."""
    entered = replace(
        referral,
        state=target,
        sequence=referral.sequence + 1,
        clock=_clock_of(referral, target, at=at, lasts=lasts),
        stopped_clock=stop_clock(referral.clock, at=at) if target == INFO_REQUESTED else None,
    )
    return _record(entered, Step(target, by, actor, at, entered.sequence, reason))


def _record(referral: Referral, step: Step) -> Referral:
    return replace(referral, steps=(*referral.steps, step))


def _clock_of(referral: Referral, target: State, *, at: datetime, lasts: timedelta | None) -> Clock | None:
    """The clock that a state starts with: as long as `lasts`, or as the urgency or the state says.

    Where a purge is owed its clock goes on: nobody gets out of it by striking the referral out.
    """
    if referral.unpurged:
        return referral.clock
    if target not in STEPS:
        return None
    steps, stopped = STEPS[target], referral.stopped_clock
    if target == RECEIVED and stopped is not None:
        return start_clock(steps, stopped.length, ends_at=at + stopped.left, at=at, step=stopped.step)
    if target == RECEIVED:  # the time to a decision runs from the sending
        return start_clock(steps, referral.answer_by - referral.sent_at, ends_at=referral.answer_by, at=at)
    length = lasts or _length_of(referral, target)
    return start_clock(steps, length, ends_at=at + length, at=at)


def _length_of(referral: Referral, target: State) -> timedelta:
    match target:
        case State.SENT:
            return min(RECEIVE_WITHIN[referral.urgency], referral.answer_by - referral.sent_at)
        case State.INFO_REQUESTED:
            return ANSWER_WITHIN[referral.urgency]
        case State.CANCEL_REQUESTED:
            return CONFIRM_CANCEL_WITHIN[referral.urgency]
        case State.COMPLETED:
            return CLOSE_AFTER
        case _:
            raise AssertionError(f"{target} has no length of its own")
