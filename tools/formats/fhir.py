"""FHIR R4, outwards: a referral as a ServiceRequest and the Task that follows it.

The shape is that of HL7's guides for referrals between health and social care (SDOH Clinical Care, and Bidirectional
Services eReferrals): the ServiceRequest says what the sender asks and stays the sender's; the Task, whose `focus` it
is, says how far the recipient has come. `fhir_profiles.toml` has what they ask for. Everything is built and checked
with the models that `fhir.resources` has for R4B, in which ServiceRequest and Task are what they are in R4 (4.0.1); its
plain models are R5, where both differ.

Nobody has a name here: persons, organisations, services, consents are logical references, an identifier and no more.
What is sealed stays sealed, in a contained Binary. `docs/interoperability.md` has the table, field by field.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.task import Task

import contracts
from contracts.codes import ReferralState as State
from contracts.fields import Model

from . import fhir_codes
from .fhir_codes import PRIORITY, REASONS, REQUEST_HOMES, REQUEST_STATUS, SAID_BY_SENDER, STATUS_HOMES
from .fhir_elements import (
    SEALED_REFERENCE,
    absent,
    concept,
    extensions,
    moment,
    placed_identifier,
    reference,
    sealed_block,
    value_x,
)
from .reading import Json, refuse
from .reasons import in_words


def referral_to_fhir(
    referral: contracts.ReferralRequested | contracts.ReferralOffered,
    status: contracts.ReferralStatus | None = None,
    *,
    sender: str | None = None,
    asked_at: datetime | None = None,
) -> Json:
    """Write a referral as a Bundle (type `collection`) of its ServiceRequest and its Task.

    `status` is the latest that is known; without one the referral has been sent and no more. A request does not say
    whose it is, or when it was asked, its envelope does: `sender` is the envelope's source, `asked_at` its time. Raises
    Untranslatable `another_referral` when the status is not of this referral.
    """
    offer = referral if isinstance(referral, contracts.ReferralOffered) else None
    request = offer.request if offer else referral
    assert isinstance(request, contracts.ReferralRequested)
    if status is not None and status.referral_id != request.referral_id:
        refuse("another_referral", "referral_id")
    by = offer.sender if offer else status.sender if status else sender

    asked = _service_request(request, status.state if status else State.SENT, sender=by, asked_at=asked_at)
    if offer and offer.redirected_from:
        asked["replaces"] = [reference("ServiceRequest", "referral", offer.redirected_from)]

    task = _status_task(status) if status else _task(request.referral_id, State.SENT, {})
    task["focus"]["reference"] = f"urn:uuid:{request.referral_id}"
    task["for"] = asked["subject"]
    task["priority"] = asked["priority"]
    task["owner"] = reference("Organization", "organisation", request.recipient)
    task["requester"] = asked["requester"]
    if asked_at:
        del task["_authoredOn"]
        task["authoredOn"] = moment(asked_at)
    if answer_by := offer.answer_by if offer else request.answer_by:
        task["restriction"] = {"period": {"end": moment(answer_by)}}
    if offer:
        task.setdefault("extension", []).extend(extensions([("receive_by", offer.receive_by)]))

    entries = [
        {"fullUrl": f"urn:uuid:{request.referral_id}", "resource": asked},
        {"fullUrl": f"urn:uuid:{task['id']}", "resource": task},
    ]
    return _checked(Bundle, {"resourceType": "Bundle", "type": "collection", "entry": entries})


def status_to_fhir(status: contracts.ReferralStatus) -> Json:
    """Write what the hub tells of a referral as its Task."""
    return _checked(Task, _status_task(status))


def step_to_fhir(step: Model, *, said_by: str | None = None, said_at: datetime | None = None) -> Json:
    """Write what an organisation says in the life of a referral as its Task; KeyError when it is none of `STEPS`.

    Who says it, and when, is in the envelope: its source and its time.
    """
    for state, contract, _, renamed in fhir_codes.STEPS:
        if isinstance(step, contract):
            said = {renamed.get(name, name): value for name, value in step if name != "referral_id"}
            task = _task(step.referral_id, state, said)  # type: ignore[attr-defined] # each has one
            if said_by and contract is not contracts.ReferralReopened:
                party = "requester" if contract in SAID_BY_SENDER else "owner"
                task[party] = reference("Organization", "organisation", said_by)
            if said_at:
                task["lastModified"] = moment(said_at)
            return _checked(Task, task)
    raise KeyError(type(step).__name__)


def _service_request(
    request: contracts.ReferralRequested, state: State, *, sender: str | None, asked_at: datetime | None
) -> Json:
    subject = ("case_code", request.case_code) if request.case_code else ("person", request.person_id)
    system, category = fhir_codes.CATEGORY
    written: Json = {
        "resourceType": "ServiceRequest",
        "id": str(request.referral_id),
        "contained": [sealed_block(request.sealed)],
        "extension": extensions(_with_homes_in(request, REQUEST_HOMES, "ServiceRequest.extension")),
        "identifier": [placed_identifier("referral", request.referral_id)],
        "status": REQUEST_STATUS.get(state, "active"),
        "intent": "order",
        "category": [{"coding": [{"system": system, "code": category}]}],
        "priority": PRIORITY[request.urgency],
        "code": concept(("need_code", request.need_code)),
        "subject": reference("Patient", *subject),
        "_occurrenceDateTime": absent("unknown"),  # the recipient decides when
        "requester": reference("Organization", "organisation", sender) if sender else absent("unknown"),
        "performer": [
            reference("Organization", "organisation", request.recipient),
            reference("HealthcareService", "service", request.service_id),
        ],
        "reasonCode": [concept(("reason_code", request.reason_code))],
        "supportingInfo": [SEALED_REFERENCE],
    }
    if asked_at:
        written["authoredOn"] = moment(asked_at)
    if request.need_id:
        written["reasonReference"] = [reference("Condition", "need", request.need_id)]
    if request.consent_id:
        written["supportingInfo"] = [SEALED_REFERENCE, reference("Consent", "consent", request.consent_id)]
    return written


def _status_task(status: contracts.ReferralStatus) -> Json:
    said = dict(_with_homes_in(status, STATUS_HOMES, "Task.output"))
    said |= {name: value for name, value in status if name in (*REASONS, "sealed")}
    task = _task(status.referral_id, status.state, said)
    task["extension"] = extensions(_with_homes_in(status, STATUS_HOMES, "Task.extension"))
    task["lastModified"] = moment(status.changed_at)
    task["requester"] = reference("Organization", "organisation", status.sender)
    task["owner"] = reference("Organization", "organisation", status.recipient)
    return task


def _task(referral_id: UUID, state: State, said: Mapping[str, Any]) -> Json:
    """Write the Task of a referral: the state, and what is said with it, under the names that `referral.status` uses.

    A referral has one Task, so the Task's id follows from the referral's. What a guide asks for and is not known here
    says so; whose referral it is, the request alone tells.
    """
    task_id = uuid5(referral_id, "Task")
    task: Json = {
        "resourceType": "Task",
        "id": str(task_id),
        "identifier": [placed_identifier("task", task_id)],
        "status": fhir_codes.TASK_STATUS[state],
        "businessStatus": concept(("state", state)),
        "intent": "order",
        "code": {"coding": [{"system": fhir_codes.TASK_CODE, "code": fhir_codes.FULFILL}]},
        "focus": reference("ServiceRequest", "referral", referral_id),
        "for": absent("masked"),
        "_authoredOn": absent("unknown"),
        "requester": absent("unknown"),
        "owner": absent("unknown"),
    }
    reasons = {name: said[name] for name in REASONS if said.get(name) is not None}
    if words := in_words(reasons, state):
        task["statusReason"] = {**(concept(*reasons.items()) if reasons else {}), "text": words}
    outputs = [
        {"type": concept(("output", name)), **value_x(one)}
        for name, value in said.items()
        for one in (value if isinstance(value, tuple) else (value,))
        if name not in REASONS and name != "sealed" and one is not None
    ]
    if sealed := said.get("sealed"):
        task["contained"] = [sealed_block(sealed)]
        outputs.append({"type": concept(("output", "sealed")), "valueReference": SEALED_REFERENCE})
    if outputs:
        task["output"] = outputs
    return task


def _with_homes_in(data: Model, homes: Mapping[str, str], element: str) -> Iterator[tuple[str, Any]]:
    """The fields that live in one kind of element."""
    return ((name, value) for name, value in data if homes[name] == f"{element}.{name}")


def _checked(resource: type[Bundle] | type[Task], document: Json) -> Json:
    """Check what we have written with the library's model, and return it as the model writes it."""
    written: Json = json.loads(resource.model_validate(document).model_dump_json())
    return written
