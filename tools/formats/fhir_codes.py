"""How the network's states, urgencies and fields are called in FHIR R4: tables, and nothing that acts on them."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import contracts
from contracts.codes import ReferralState as State
from contracts.codes import Urgency
from contracts.fields import Model

# -- codes ------------------------------------------------------------------------------------------------------------

TASK_STATUS: Final[Mapping[State, str]] = MappingProxyType(
    {
        State.SENT: "requested",
        State.RECEIVED: "received",
        State.INFO_REQUESTED: "on-hold",
        State.WAITLISTED: "on-hold",
        State.ACCEPTED: "accepted",
        State.SCHEDULED: "in-progress",
        State.NO_SHOW: "in-progress",
        State.VISIT_CANCELLED: "in-progress",
        State.IN_SERVICE: "in-progress",
        State.CANCEL_REQUESTED: "in-progress",
        State.COMPLETED: "completed",
        State.CLOSED: "completed",
        State.DECLINED: "rejected",
        State.REDIRECTED: "rejected",
        State.EXPIRED: "failed",
        State.CANCELLED: "cancelled",
        State.CONSENT_WITHDRAWN: "cancelled",
        State.ENTERED_IN_ERROR: "entered-in-error",
    }
)
"""`Task.status` of each state; `Task.businessStatus` has the state itself, for several share a status."""

WITHOUT_BUSINESS_STATUS: Final[Mapping[str, State]] = MappingProxyType(
    {
        "requested": State.SENT,
        "received": State.RECEIVED,
        "accepted": State.ACCEPTED,
        "in-progress": State.IN_SERVICE,
        "completed": State.COMPLETED,
        "rejected": State.DECLINED,
        "failed": State.EXPIRED,
        "cancelled": State.CANCELLED,
        "entered-in-error": State.ENTERED_IN_ERROR,
    }
)
"""What a Task means that has no business status; `on-hold` alone does not say what for, and is refused."""

REQUEST_STATUS: Final[Mapping[State, str]] = MappingProxyType(
    {
        State.CLOSED: "completed",
        State.CANCELLED: "revoked",
        State.CONSENT_WITHDRAWN: "revoked",
        State.ENTERED_IN_ERROR: "entered-in-error",
    }
)
"""`ServiceRequest.status` where it is not `active`: it tells what the sender wants, whatever the recipient does."""

PRIORITY: Final[Mapping[Urgency, str]] = MappingProxyType(
    {Urgency.EMERGENCY: "stat", Urgency.URGENT: "urgent", Urgency.NORMAL: "routine"}
)
URGENCY: Final[Mapping[str, Urgency]] = MappingProxyType(
    {"stat": Urgency.EMERGENCY, "asap": Urgency.URGENT, "urgent": Urgency.URGENT, "routine": Urgency.NORMAL}
)

REASONS: Final = ("decline_reason", "cancel_reason", "error_reason", "reopen_reason", "not_met_reason", "topic")
"""The fields of a status that say why: codings of `Task.statusReason`, each with a list of its own."""

Step = tuple[State, type[Model], str | None, Mapping[str, str]]

STEPS: Final[tuple[Step, ...]] = (
    (State.RECEIVED, contracts.ReferralInfoProvided, "sealed", {}),  # the sender's answer brings it back to `received`
    (State.RECEIVED, contracts.ReferralReceived, None, {}),
    (State.ACCEPTED, contracts.ReferralAccepted, None, {}),
    (State.DECLINED, contracts.ReferralDeclined, None, {"reason": "decline_reason"}),
    (State.WAITLISTED, contracts.ReferralWaitlisted, None, {}),
    (State.REDIRECTED, contracts.ReferralRedirected, None, {}),
    (State.INFO_REQUESTED, contracts.ReferralInfoRequested, None, {}),
    (State.SCHEDULED, contracts.ReferralScheduled, None, {}),
    (State.NO_SHOW, contracts.ReferralNoShow, None, {}),
    (State.VISIT_CANCELLED, contracts.ReferralVisitCancelled, None, {"cancelled_by": "visit_cancelled_by"}),
    (State.IN_SERVICE, contracts.ReferralReopened, "reason", {"reason": "reopen_reason"}),
    (State.IN_SERVICE, contracts.ReferralServiceNoted, "sealed", {}),
    (State.IN_SERVICE, contracts.ReferralServiceStarted, None, {}),
    (State.COMPLETED, contracts.ReferralCompleted, None, {}),
    (State.CLOSED, contracts.ReferralClosed, None, {}),
    (State.CANCEL_REQUESTED, contracts.ReferralCancelRequested, None, {"reason": "cancel_reason"}),
    (State.CANCELLED, contracts.ReferralCancelled, None, {}),
    (State.ENTERED_IN_ERROR, contracts.ReferralEnteredInError, None, {"reason": "error_reason"}),
    (State.CONSENT_WITHDRAWN, contracts.ReferralPurged, "purged_at", {}),  # the receipt; the withdrawal is intake's
)
"""What an organisation says to bring a state about: the state, the contract, the field that tells it from the contracts
after it with the same state, and what `referral.status` calls the fields that it names otherwise."""

# -- where each field lives -------------------------------------------------------------------------------------------

# Contracts grow: a field without an element of its own becomes an extension of the request, or an output of the Task.

REQUEST_HOMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        **{name: f"ServiceRequest.extension.{name}" for name in contracts.ReferralRequested.model_fields},
        "referral_id": "ServiceRequest.identifier",
        "recipient": "ServiceRequest.performer",
        "service_id": "ServiceRequest.performer",
        "urgency": "ServiceRequest.priority",
        "person_id": "ServiceRequest.subject",
        "case_code": "ServiceRequest.subject",
        "need_id": "ServiceRequest.reasonReference",
        "need_code": "ServiceRequest.code",
        "reason_code": "ServiceRequest.reasonCode",
        "consent_id": "ServiceRequest.supportingInfo",
        "answer_by": "Task.restriction.period.end",
        "sealed": "ServiceRequest.contained",
    }
)
"""The element that each field of `referral.requested` becomes."""

STATUS_HOMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        **{name: f"Task.output.{name}" for name in contracts.ReferralStatus.model_fields},
        "referral_id": "Task.focus",
        "state": "Task.businessStatus",
        "changed_at": "Task.lastModified",
        "sender": "Task.requester",
        "recipient": "Task.owner",
        "sealed": "Task.contained",
        **{name: f"Task.extension.{name}" for name in ("changed_by", "service_id", "due_at", "purge_by")},
        **dict.fromkeys(REASONS, "Task.statusReason"),
    }
)
"""The element that each field of `referral.status` becomes."""
