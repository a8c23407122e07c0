"""What has happened to a referral becomes drafts of messages."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import contracts
from contracts import Draft, codes
from services.referrals import rules
from services.referrals.rules import Actor, Referral, Service, State, Step

ALSO_OPEN_AT_MOST: Final = 20  # as many as `referral.offered` can name


def offer(referral: Referral, asked: contracts.ReferralRequested, *, beside: Sequence[UUID]) -> list[Draft]:
    """Bring a referral that has just been sent to its recipient, its number 1 to both parties and to the hub.

    `beside` are other open ones that the recipient holds for the same person and service; nobody else hears of them.
    """
    assert referral.deadline is not None
    offered = contracts.ReferralOffered(
        referral_id=referral.referral_id,
        sender=referral.sender,
        receive_by=referral.deadline.ends_at,
        answer_by=referral.answer_by,
        redirected_from=referral.redirected_from,
        also_open=tuple(beside[:ALSO_OPEN_AT_MOST]),
        request=asked,
    )
    step = referral.steps[-1]
    copies = [_draft(referral, offered, to=None, sequence=step.sequence)] if referral.answered_by_hub else []
    return [
        _draft(referral, offered, to=referral.recipient, sequence=step.sequence),
        _draft(referral, _status(referral, step), to=referral.sender, sequence=step.sequence),
        *copies,
        _recorded(referral, step, {}),
    ]


def overridden(referral: Referral, *, coordinators: Iterable[str]) -> list[Draft]:
    """Tell the coordinators that a referral has just gone out without consent; nothing where it had one."""
    return [
        _draft(referral, notice, to=coordinator)
        for step in referral.steps
        if step.what == rules.CONSENT_OVERRIDDEN
        for notice in (_overridden(referral, step),)
        for coordinator in sorted(coordinators)
    ]


def _overridden(referral: Referral, step: Step) -> contracts.ReferralConsentOverridden:
    assert step.details is not None
    assert step.reason is not None
    return contracts.ReferralConsentOverridden(
        referral_id=referral.referral_id,
        sender=referral.sender,
        recipient=referral.recipient,
        service_id=referral.service_id,
        urgency=codes.Urgency(referral.urgency),
        reason=codes.OverrideReason(step.reason),
        expires_at=datetime.fromisoformat(step.details["expires_at"]),
    )


def statuses(referral: Referral, said: Any = None) -> list[Draft]:
    """Tell both parties, and the hub's services, every transition that a referral has just made.

    `said` is the data of the message that brought it about: its codes go to both, its sealed note to the party that did
    not write it, for it is sealed to that one.
    """
    note = None if isinstance(said, contracts.ReferralRedirected) else getattr(said, "sealed", None)
    details = _details(said)
    return [draft for step in referral.steps for draft in _transition(referral, step, details, note)]


def withdrawal(referral: Referral) -> list[Draft]:
    """Tell every holder that the consent has ended: what had ended before makes no transition, so it is a reminder."""
    (step,) = referral.steps
    if step.what == State.CONSENT_WITHDRAWN:
        told = [*statuses(referral), *_reminders(referral, step, to=referral.noted_to)]
    else:
        told = _reminders(referral, step)
    return [*told, _noted(referral, step, codes.ReferralEvent.PURGE_OWED)]


def purged(referral: Referral) -> list[Draft]:
    """Tell the hub's services that a holder has deleted what it held, and who still owes that."""
    (step,) = referral.steps
    return [_noted(referral, step, codes.ReferralEvent.PURGED)]


def moved_up(referral: Referral, *, place: int) -> list[Draft]:
    """Tell that a referral has a new place on the waiting list."""
    (step,) = referral.steps
    return _transition(referral, step, {"place_in_line": place})


def chain_ended(referral: Referral, last: Referral) -> list[Draft]:
    """Tell both parties of a referral that was referred onward how the last of its chain has ended."""
    onward = {
        "onward_referral_id": referral.goes_on_as,
        "onward_state": last.state,
        "onward_outcome": None if last.outcome is None else codes.Outcome(last.outcome),
    }
    return [draft for step in referral.steps for draft in _transition(referral, step, {**_result(referral), **onward})]


def by_the_clock(
    referral: Referral, *, alternatives: Mapping[UUID, Sequence[Service]], coordinators: Collection[str]
) -> list[Draft]:
    """Say what a deadline has just made the hub do: remind, escalate, suggest, or end it."""
    (step,) = referral.steps
    match step.what:
        case rules.Action.REMIND:
            return [*_reminders(referral, step), _noted(referral, step, codes.ReferralEvent.REMINDED)]
        case rules.Action.ESCALATE:
            escalated = contracts.ReferralEscalated(
                referral_id=referral.referral_id,
                state=referral.state,
                urgency=codes.Urgency(referral.urgency),
                sender=referral.sender,
                recipient=referral.recipient,
                service_id=referral.service_id,
                waits_for=_waits_for(referral),
                due_at=_due_at(referral, step),
                taken_on_by=referral.taken_on_by if referral.taken_on_by in coordinators else None,
            )
            return [
                *(_draft(referral, escalated, to=coordinator) for coordinator in sorted(coordinators)),
                _noted(referral, step, codes.ReferralEvent.ESCALATED),
            ]
        case rules.Action.SUGGEST:
            return suggestion(referral, alternatives[referral.referral_id])
        case rules.State.CLOSED:
            return _transition(referral, step, _result(referral))
        case _:
            return _transition(referral, step, {})


def chased(referral: Referral, said: contracts.ReferralChased, *, coordinators: Iterable[str]) -> list[Draft]:
    """Tell the other coordinators, and the hub's services, that a party was asked for its answer, and what it said."""
    step = referral.steps[-1]
    told = {
        "organisation": said.organisation,
        "means": said.means,
        "result": said.result,
        "chased_at": said.chased_at,
    }
    return [
        *_to_others(referral, step, codes.CoordinatorAct.CHASED, coordinators, **told),
        _noted(referral, step, codes.ReferralEvent.CHASED, **told),
    ]


def extended(
    referral: Referral, said: contracts.ReferralDeadlineExtended, *, coordinators: Iterable[str]
) -> list[Draft]:
    """Tell the parties until when they have, under the next number, and the other coordinators who gave it and why."""
    step = referral.steps[-1]
    why = {"extension_reason": said.reason}
    return [
        *_ends_later(referral, said.reason),
        *_to_others(referral, step, codes.CoordinatorAct.DEADLINE_EXTENDED, coordinators, due_at=said.due_at, **why),
    ]


def made_up(referral: Referral) -> list[Draft]:
    """Tell the parties until when they have, under the next number: the hub's console was away meanwhile."""
    return _ends_later(referral, codes.ExtensionReason.SYSTEM_DOWN)


def _ends_later(referral: Referral, why: codes.ExtensionReason) -> list[Draft]:
    result = _result(referral) if referral.state == State.COMPLETED else {}  # or it would be taken to be unknown now
    return _transition(referral, referral.steps[-1], {**result, "extension_reason": why})


def taken_on(referral: Referral, *, coordinators: Iterable[str]) -> list[Draft]:
    """Tell the other coordinators, and the hub's services, who sees to it that a referral goes on."""
    step = referral.steps[-1]
    told = dict(step.details or {})
    return [
        *_to_others(referral, step, codes.CoordinatorAct.TAKEN_ON, coordinators, **told),
        _noted(referral, step, codes.ReferralEvent.TAKEN_ON, **told),
    ]


def note_added(referral: Referral, said: contracts.ReferralNoteAdded) -> list[Draft]:
    """Bring each addressee its note, and tell the hub's services that there is one, for whom."""
    step = referral.steps[-1]
    brought = [
        (
            one.addressee,
            contracts.ReferralNoteBrought(
                referral_id=referral.referral_id,
                noted_by=step.by,
                noted_at=step.at,
                kind=said.kind,
                call_back_at=said.call_back_at,
                sealed=one.sealed,
            ),
        )
        for one in said.notes
    ]
    told = {
        "note_kind": said.kind,
        "call_back_at": said.call_back_at,
        "addressees": tuple(one.addressee for one in said.notes),
    }
    return [
        *(_draft(referral, notice, to=addressee) for addressee, notice in brought),
        _noted(referral, step, codes.ReferralEvent.NOTE_ADDED, **told),
    ]


def _to_others(
    referral: Referral, step: Step, what: codes.CoordinatorAct, coordinators: Iterable[str], **told: Any
) -> list[Draft]:
    coordinated = contracts.ReferralCoordinated(
        referral_id=referral.referral_id, what=what, done_by=step.by, done_at=step.at, **told
    )
    return [_draft(referral, coordinated, to=other) for other in sorted({*coordinators} - {step.by})]


def suggestion(referral: Referral, alternatives: Sequence[Service]) -> list[Draft]:
    """Tell the sender who else offers what the person needs."""
    others = tuple(
        contracts.Alternative(organisation=service.organisation, service_id=service.service_id)
        for service in alternatives
    )
    suggested = contracts.ReferralAlternativesSuggested(referral_id=referral.referral_id, alternatives=others)
    step = replace(referral.steps[-1], by="hub", actor=Actor.HUB)  # where the recipient declined, it is the hub's too
    return [
        _draft(referral, suggested, to=referral.sender),
        _noted(referral, step, codes.ReferralEvent.ALTERNATIVES_SUGGESTED, alternatives=others),
    ]


WAITS_FOR: Final = {
    State.SENT: codes.ReminderAbout.RECEIPT,
    State.RECEIVED: codes.ReminderAbout.DECISION,
    State.WAITLISTED: codes.ReminderAbout.DECISION,
    State.INFO_REQUESTED: codes.ReminderAbout.ANSWER,
    State.CANCEL_REQUESTED: codes.ReminderAbout.CANCELLATION,
    State.COMPLETED: codes.ReminderAbout.OUTCOME,
}


def _reminders(referral: Referral, step: Step, to: Iterable[str] | None = None) -> list[Draft]:
    """Ask everybody whose move the referral waits for, or only some; and the hub where it answers for one of them."""
    reminder = contracts.ReferralReminder(
        referral_id=referral.referral_id,
        state=referral.state,
        waits_for=_waits_for(referral),
        due_at=_due_at(referral, step),
    )
    awaited: list[str | None] = [*(rules.awaited(referral) if to is None else to)]
    if referral.answered_by_hub and referral.recipient in awaited:
        awaited.append(None)
    return [_draft(referral, reminder, to=organisation) for organisation in awaited]


def _waits_for(referral: Referral) -> codes.ReminderAbout:
    return codes.ReminderAbout.PURGE if referral.unpurged else WAITS_FOR[referral.state]


def _due_at(referral: Referral, step: Step) -> datetime:
    return referral.deadline.ends_at if referral.deadline else step.at  # the last stage of a deadline is its end


def _transition(referral: Referral, step: Step, details: Mapping[str, Any], note: str | None = None) -> list[Draft]:
    """Tell a transition to both parties and to the hub's services, and a note to the party that did not write it.

    Where the hub answers on the recipient's behalf, the recipient's notices go to the hub's services as well.
    """
    copies = []
    if referral.answered_by_hub:
        copies = [_draft(referral, _status(referral, step, **details), to=None, sequence=step.sequence)]
    return [
        *_to_parties(referral, step, details, note),
        *copies,
        _recorded(referral, step, details),
    ]


def _to_parties(referral: Referral, step: Step, details: Mapping[str, Any], note: str | None) -> list[Draft]:
    return [
        _draft(
            referral,
            _status(referral, step, **details, sealed=None if party == step.by else note),
            to=party,
            sequence=step.sequence,
        )
        for party in referral.parties
    ]


RECORDED: Final = frozenset(contracts.ReferralRecorded.model_fields)
COUNTED: Final = RECORDED & {
    *("new_referral_id", "onward_referral_id", "onward_state", "onward_outcome"),
    *("decline_reason", "outcome", "not_met_reason"),
}


def _recorded(referral: Referral, step: Step, details: Mapping[str, Any]) -> Draft:
    """What the hub's other services learn of a transition: of a confidential case what is counted, and no more."""
    known = COUNTED if referral.is_confidential else RECORDED
    recorded = contracts.ReferralRecorded(
        state=_state_after(referral, step),
        changed_at=step.at,
        changed_by=_changed_by(step),
        answer_by=rules.decided_by(referral),
        **unchanging(referral),
        **({} if referral.is_confidential else _followed(referral, step)),
        **{name: value for name, value in details.items() if name in known},
    )
    return _draft(referral, recorded, to=None, sequence=step.sequence)


def unchanging(referral: Referral) -> dict[str, Any]:
    """What is the same in all that the hub's services are told of a referral: whom it is for, and what was asked.

    Once its person is erased, without what was asked; of a confidential case no more than what is counted.
    """
    told = {
        "referral_id": referral.referral_id,
        "sender": referral.sender,
        "recipient": referral.recipient,
        "service_id": referral.service_id,
        "confidential": referral.is_confidential,
        "need_code": referral.need_code,
        "urgency": codes.Urgency(referral.urgency),
        "sent_at": referral.sent_at,
        "zone": referral.zone,
        "redirected_from": referral.redirected_from,
    }
    return told if referral.is_confidential else told | _of_the_person(referral)


def _of_the_person(referral: Referral) -> dict[str, Any]:
    asked = referral.asked
    return {
        "person_id": referral.person_id,
        "need_id": referral.need_id,
        "consent_id": referral.consent_id,
        "override": None if asked is None or asked.override is None else codes.OverrideReason(asked.override),
        "reason_code": None if asked is None else codes.ReferralReason(asked.reason_code),
        "shares": () if asked is None else tuple(codes.FieldGroup(group) for group in asked.shares),
        "minor": None if asked is None or asked.minor is None else contracts.Minor(**asked.minor),
    }


def standing(referral: Referral) -> dict[str, Any]:
    """Where a referral stands now, of which nothing was kept when it came there."""
    result = {} if referral.outcome is None else _result(referral)
    if referral.is_confidential:
        return result
    due = {"purge_by" if referral.unpurged else "due_at": referral.deadline and referral.deadline.ends_at}
    visit = {"visit_at": referral.visit_at} if referral.state == State.SCHEDULED else {}
    onward = {"onward_referral_id": referral.goes_on_as} if referral.state != State.REDIRECTED else {
        "new_referral_id": referral.goes_on_as
    }  # fmt: skip
    return {"taken_on_by": referral.taken_on_by, **due, **_waiting(referral), **visit, **onward, **result}


def _followed(referral: Referral, step: Step) -> dict[str, Any]:
    """What a referral waits for once a step is made, and who sees to it that it goes on."""
    return {
        "taken_on_by": referral.taken_on_by,
        **_due(referral, step),
        **(_waiting(referral) if _state_after(referral, step) == referral.state else {}),
    }


def _due(referral: Referral, step: Step) -> dict[str, Any]:
    """By when an answer is due once a step is made, or a purge receipt."""
    stands = _state_after(referral, step) == referral.state
    ends_at = referral.deadline.ends_at if referral.deadline and stands else None
    return {"purge_by": ends_at} if referral.unpurged else {"due_at": ends_at}


def _waiting(referral: Referral) -> dict[str, Any]:
    """What a referral waits for, and what the hub does next if nobody answers; nothing where no deadline runs."""
    action = rules.next_step(referral)
    if action is None or referral.deadline is None:
        return {}
    return {
        "waits_for": _waits_for(referral),
        "next_step": codes.DeadlineStep(action),
        "next_step_at": referral.deadline.due_at,
    }


def _noted(referral: Referral, step: Step, what: codes.ReferralEvent, **more: Any) -> Draft:
    """What the hub's other services learn of what is no transition: of a confidential case that it happened."""
    awaited = rules.awaited(referral)
    due: dict[str, Any] = {"waits_for": _waits_for(referral)} if awaited else {}
    # Behind its last stage a deadline is over: what is said then, a coordinator's act, say, is no end of it.
    if awaited and (referral.deadline is not None or what is codes.ReferralEvent.ESCALATED):
        due["purge_by" if referral.unpurged else "due_at"] = _due_at(referral, step)
    noted = contracts.ReferralNoted(
        referral_id=referral.referral_id,
        what=what,
        noted_at=step.at,
        noted_by=_changed_by(step),
        state=referral.state,
        confidential=referral.is_confidential,
        **({} if referral.is_confidential else {"awaited": awaited, **due, **_waiting(referral), **more}),
    )
    return _draft(referral, noted, to=None)


def _state_after(referral: Referral, step: Step) -> State:
    """The state that a numbered step leaves a referral in: an extension moves it nowhere."""
    return referral.state if step.what == rules.DEADLINE_EXTENDED else State(step.what)


def _changed_by(step: Step) -> str:
    return "hub" if step.actor == Actor.PERSON else step.by


def _result(referral: Referral) -> dict[str, Any]:
    """What came of the need, as the recipient said when it completed the referral."""
    assert referral.outcome is not None
    reason = referral.not_met_reason
    return {
        "outcome": codes.Outcome(referral.outcome),
        "not_met_reason": None if reason is None else codes.NotMetReason(reason),
    }


def _draft(referral: Referral, data: Any, *, to: str | None, sequence: int | None = None) -> Draft:
    return Draft(data, subject=str(referral.referral_id), recipient=to, sequence=sequence)


def _status(referral: Referral, step: Step, **details: Any) -> contracts.ReferralStatus:
    return contracts.ReferralStatus(
        referral_id=referral.referral_id,
        state=_state_after(referral, step),
        changed_at=step.at,
        changed_by=_changed_by(step),
        sender=referral.sender,
        recipient=referral.recipient,
        service_id=referral.service_id,
        **_due(referral, step),
        **details,
    )


def _details(said: Any) -> dict[str, Any]:
    """What a message says beyond the bare transition, in the words of `referral.status`."""
    match said:
        case contracts.ReferralDeclined():
            return {
                "decline_reason": said.reason,
                "criterion": said.criterion,
                "missing_documents": said.missing_documents,
            }
        case contracts.ReferralWaitlisted():
            return {"place_in_line": said.place_in_line, "estimate_days": said.estimate_days}
        case contracts.ReferralRedirected():
            return {"new_referral_id": said.new_referral_id, "decline_reason": said.reason}
        case contracts.ReferralInfoRequested():
            return {"topic": said.topic}
        case contracts.ReferralScheduled():
            return {"visit_at": said.visit_at, "mode": said.mode}
        case contracts.ReferralVisitCancelled():
            return {"visit_cancelled_by": said.cancelled_by}
        case contracts.ReferralCompleted():
            return {
                "outcome": said.outcome,
                "not_met_reason": said.not_met_reason,
                "onward_referral_id": said.onward_referral_id,
            }
        case contracts.ReferralClosed():
            return {"outcome": said.outcome, "not_met_reason": said.not_met_reason}
        case contracts.ReferralCancelRequested():
            return {"cancel_reason": said.reason}
        case contracts.ReferralReopened():
            return {"reopen_reason": said.reason}
        case contracts.ReferralEnteredInError():
            return {"error_reason": said.reason}
        case _:
            return {}
