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

BSER: Final = "http://hl7.org/fhir/us/bser/CodeSystem/TaskBusinessStatusCS"
"""The list of business statuses that HL7's guide for bidirectional services eReferrals has (BSeR 2.0.0-ballot)."""

BSER_STATES: Final[Mapping[str, State]] = MappingProxyType(
    {
        "2.0": State.SENT,
        "3.0": State.ACCEPTED,
        "4.0": State.DECLINED,
        "5.1.1": State.SCHEDULED,
        "5.1.2": State.NO_SHOW,
        "5.1.3": State.VISIT_CANCELLED,
        "5.1.4": State.IN_SERVICE,  # a visit took place; the referral goes on
        "5.2": State.CANCEL_REQUESTED,
        "6.0": State.CANCELLED,
        "7.0": State.COMPLETED,
    }
)
"""The state that each of them is; read, never written."""

TASK_CODE: Final = "http://hl7.org/fhir/CodeSystem/task-code"
FULFILL: Final = "fulfill"
"""What every Task of ours asks for; the others of that list (abort, suspend, …) ask for something else."""

PLACER: Final = ("http://terminology.hl7.org/CodeSystem/v2-0203", "PLAC")
"""The type of an identifier that the sender has given; BSeR asks for it."""

CATEGORY: Final = (
    "http://hl7.org/fhir/us/sdoh-clinicalcare/CodeSystem/SDOHCC-CodeSystemTemporaryCodes",
    "sdoh-category-unspecified",
)
"""The category of every ServiceRequest: which need it is stands in its code, and a confidential one says no more."""

ABSENT: Final = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
"""The extension that says why an element that a guide asks for has no value."""

BUNDLES: Final = frozenset({"collection", "searchset", "batch", "transaction", "document", "message"})
"""The types of Bundle whose entries are what is; those of a history or an answer are something else."""

RESOURCE_OF: Final[Mapping[str, str]] = MappingProxyType(
    {
        "referral": "ServiceRequest",
        "person": "Patient",
        "case_code": "Patient",
        "organisation": "Organization",
        "service": "HealthcareService",
        "need": "Condition",
        "consent": "Consent",
    }
)
"""The type of the resource that each kind of name of the network is for."""

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
    (State.REDIRECTED, contracts.ReferralRedirected, None, {"reason": "decline_reason"}),
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

SAID_BY_SENDER: Final = frozenset(
    {
        contracts.ReferralInfoProvided,
        contracts.ReferralClosed,
        contracts.ReferralCancelRequested,
        contracts.ReferralEnteredInError,
    }
)
"""The steps that the one who asked takes; a coordinator reopens, and all others are the recipient's."""

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
