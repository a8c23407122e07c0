"""Between referrals' own records and the contracts: what arrives becomes records, what has happened becomes drafts."""

from __future__ import annotations  # Message[…] is only for the reader: pydantic would build a model of each

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import contracts
from contracts import Draft, Message, codes
from services.referrals import rules
from services.referrals.rules import Actor, Consent, Override, Referral, Service, State, Step, Urgency

Request = dict[str, Any]  # `referral.requested` as JSON has it, without its sealed block

# ---------------------------------------------------------------------------------------------------------------------
# From contracts
# ---------------------------------------------------------------------------------------------------------------------


def service(message: Message[contracts.ServicePublished]) -> Service:
    """Read what an organisation says of a service of its own."""
    said = message.data
    return Service(said.service_id, message.source, frozenset(said.need_codes), said.active, message.time)


def consent(said: contracts.ConsentRecorded) -> Consent:
    """Read a consent as intake recorded it."""
    return Consent(
        consent_id=said.consent_id,
        person_id=said.person_id,
        case_code=said.case_code,
        granted_to=said.granted_to,
        purposes=frozenset(said.purposes),
        recipients=frozenset(said.recipients),
        field_groups=frozenset(said.field_groups),
        valid_from=said.valid_from,
        valid_until=said.valid_until,
    )


def draft_referral(
    asked: contracts.ReferralRequested, *, sender: str, at: datetime, redirected_from: UUID | None = None
) -> Referral:
    """Read a request as a referral that is about to be sent."""
    urgency = Urgency(asked.urgency)
    return Referral(
        referral_id=asked.referral_id,
        sender=sender,
        recipient=asked.recipient,
        service_id=asked.service_id,
        person_id=asked.person_id,
        case_code=asked.case_code,
        need_code=asked.need_code,
        urgency=urgency,
        consent_id=asked.consent_id,
        sent_at=at,
        answer_by=asked.answer_by or rules.latest_answer(urgency, at=at),
        redirected_from=redirected_from,
    )


def override(message: Message[contracts.ReferralRequested]) -> Override | None:
    """Read the leave to send without consent, where a request has one."""
    said = message.data.override
    if said is None:
        return None
    return Override(said.authorised_by, said.reason, message.time, timedelta(hours=said.expires_after_hours))


def request(asked: contracts.ReferralRequested) -> Request:
    """Write a request down without its sealed block, which the hub passes on and does not keep."""
    return asked.model_dump(mode="json", exclude_none=True, exclude={"sealed"})


def onward_request(first: Request, said: contracts.ReferralRedirected, *, at: datetime) -> contracts.ReferralRequested:
    """Make of the first request the one that goes to the organisation it is passed on to, under the fresh consent.

    An answer-by time that has passed meanwhile is left out: the urgency decides then.
    """
    onward = {name: value for name, value in first.items() if name not in ("override", "answer_by")}
    onward |= {
        "referral_id": str(said.new_referral_id),
        "recipient": said.recipient,
        "service_id": str(said.service_id),
        "consent_id": str(said.consent_id),
        "sealed": said.sealed,
    }
    if "answer_by" in first and datetime.fromisoformat(first["answer_by"]) > at:
        onward["answer_by"] = first["answer_by"]
    return contracts.ReferralRequested.model_validate_json(json.dumps(onward))


def estimate(said: contracts.ReferralWaitlisted) -> timedelta | None:
    """Read how long the recipient thinks that the person will wait."""
    return None if said.estimate_days is None else timedelta(days=said.estimate_days)


# ---------------------------------------------------------------------------------------------------------------------
# To contracts
# ---------------------------------------------------------------------------------------------------------------------


def offer(referral: Referral, asked: contracts.ReferralRequested) -> list[Draft]:
    """Bring a referral that has just been sent to its recipient, and its number 1 to both parties."""
    assert referral.clock is not None
    offered = contracts.ReferralOffered(
        referral_id=referral.referral_id,
        sender=referral.sender,
        receive_by=referral.clock.ends_at,
        answer_by=referral.answer_by,
        redirected_from=referral.redirected_from,
        request=asked,
    )
    step = referral.steps[-1]
    return [
        _draft(referral, offered, to=referral.recipient, sequence=step.sequence),
        _draft(referral, _status(referral, step), to=referral.sender, sequence=step.sequence),
    ]


def statuses(referral: Referral, said: Any = None) -> list[Draft]:
    """Tell both parties every transition that a referral has just made.

    `said` is the data of the message that brought it about: its codes go to both, its sealed note to the party that did
    not write it, for it is sealed to that one.
    """
    note = None if isinstance(said, contracts.ReferralRedirected) else getattr(said, "sealed", None)
    told = _details(said)
    return [draft for step in referral.steps for draft in _to_both(referral, step, told, note)]


def withdrawal(referral: Referral) -> list[Draft]:
    """Tell every holder that the consent has ended: what had ended before makes no transition, so it is a reminder."""
    (step,) = referral.steps
    return statuses(referral) if step.what == State.CONSENT_WITHDRAWN else _reminders(referral, step)


def by_the_clock(
    referral: Referral, *, alternatives: Mapping[UUID, Sequence[tuple[str, UUID]]], coordinators: Iterable[str]
) -> list[Draft]:
    """Say what the clock has just made the hub do: remind, escalate, suggest, or end it."""
    (step,) = referral.steps
    match step.what:
        case rules.Action.REMIND:
            return _reminders(referral, step)
        case rules.Action.ESCALATE:
            escalated = contracts.ReferralEscalated(
                referral_id=referral.referral_id,
                state=codes.ReferralState(referral.state),
                urgency=codes.Urgency(referral.urgency),
                sender=referral.sender,
                recipient=referral.recipient,
                service_id=referral.service_id,
                waits_for=_waits_for(referral),
                due_at=_due_at(referral, step),
            )
            return [_draft(referral, escalated, to=coordinator) for coordinator in sorted(coordinators)]
        case rules.Action.SUGGEST:
            suggested = contracts.ReferralAlternativesSuggested(
                referral_id=referral.referral_id,
                alternatives=tuple(
                    contracts.Alternative(organisation=organisation, service_id=service_id)
                    for organisation, service_id in alternatives[referral.referral_id]
                ),
            )
            return [_draft(referral, suggested, to=referral.sender)]
        case rules.State.CLOSED:
            assert referral.outcome is not None  # it was completed with one
            return _to_both(referral, step, {"outcome": codes.Outcome(referral.outcome)})
        case _:
            return _to_both(referral, step, {})


WAITS_FOR: Final = {
    State.SENT: codes.ReminderAbout.RECEIPT,
    State.RECEIVED: codes.ReminderAbout.DECISION,
    State.WAITLISTED: codes.ReminderAbout.DECISION,
    State.INFO_REQUESTED: codes.ReminderAbout.ANSWER,
    State.CANCEL_REQUESTED: codes.ReminderAbout.CANCELLATION,
    State.COMPLETED: codes.ReminderAbout.OUTCOME,
}


def _reminders(referral: Referral, step: Step) -> list[Draft]:
    """Ask everybody whose move the referral waits for."""
    reminder = contracts.ReferralReminder(
        referral_id=referral.referral_id,
        state=codes.ReferralState(referral.state),
        waits_for=_waits_for(referral),
        due_at=_due_at(referral, step),
    )
    return [_draft(referral, reminder, to=organisation) for organisation in rules.awaited(referral)]


def _waits_for(referral: Referral) -> codes.ReminderAbout:
    return codes.ReminderAbout.PURGE if referral.unpurged else WAITS_FOR[referral.state]


def _due_at(referral: Referral, step: Step) -> datetime:
    return referral.clock.ends_at if referral.clock else step.at  # the last step of a clock is its end


def _to_both(referral: Referral, step: Step, told: Mapping[str, Any], note: str | None = None) -> list[Draft]:
    """Tell a transition to both parties, and a note to the one that did not write it."""
    return [
        _draft(
            referral,
            _status(referral, step, **told, sealed=None if party == step.by else note),
            to=party,
            sequence=step.sequence,
        )
        for party in referral.parties
    ]


def _draft(referral: Referral, data: Any, *, to: str, sequence: int | None = None) -> Draft:
    return Draft(data, subject=str(referral.referral_id), recipient=to, sequence=sequence)


def _status(referral: Referral, step: Step, **told: Any) -> contracts.ReferralStatus:
    state = State(step.what)
    ends_at = referral.clock.ends_at if referral.clock and state == referral.state else None
    purge_owed = bool(referral.unpurged)
    return contracts.ReferralStatus(
        referral_id=referral.referral_id,
        state=codes.ReferralState(state),
        changed_at=step.at,
        changed_by="hub" if step.actor == Actor.PERSON else step.by,
        sender=referral.sender,
        recipient=referral.recipient,
        service_id=referral.service_id,
        due_at=None if purge_owed else ends_at,
        purge_by=ends_at if purge_owed else None,
        **told,
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
            return {"new_referral_id": said.new_referral_id}
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
