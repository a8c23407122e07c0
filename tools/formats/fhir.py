"""FHIR R4: a referral as a ServiceRequest and the Task that follows it, both ways.

The shape is that of HL7's guide for referrals between health and social care (SDOH Clinical Care, built on R4): the
ServiceRequest says what the sender asks and stays the sender's; the Task, whose `focus` it is, says how far the
recipient has come. Everything is built and checked with the models that `fhir.resources` has for R4B, in which
ServiceRequest and Task are what they are in R4 (4.0.1); its plain models are R5, where both differ.

Nobody has a name here: persons, organisations, services, consents are logical references, an identifier and no more.
What is sealed stays sealed, in a contained Binary. `docs/interoperability.md` has the table, field by field.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID, uuid5

from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.task import Task
from pydantic import ValidationError

import contracts
from contracts.codes import ReferralState as State
from contracts.fields import Model

from .fhir_codes import (
    PRIORITY,
    REASONS,
    REQUEST_HOMES,
    REQUEST_STATUS,
    STATUS_HOMES,
    STEPS,
    TASK_STATUS,
    URGENCY,
    WITHOUT_BUSINESS_STATUS,
)
from .fhir_elements import (
    SEALED_REFERENCE,
    URN,
    coded,
    concept,
    extensions,
    fields_of,
    identifier,
    moment,
    named,
    put,
    read_sealed,
    read_value_x,
    reference,
    sealed_block,
    value_x,
)
from .reading import Json, Untranslatable, check_object, read_contract

_IN_BUNDLES = frozenset({"ServiceRequest", "Task", "Patient", "Organization", "HealthcareService"})
_CONTAINED = frozenset({"Binary", "Patient", "Organization", "HealthcareService"})
_OF_A_PATIENT = frozenset({"resourceType", "id", "meta", "active", "identifier"})
_WORDS = ("text", "note", "description", "patientInstruction")
_MUST_BE_UNDERSTOOD = frozenset({"modifierExtension", "implicitRules"})
_SAID_ANEW = frozenset({"recipient", "service_id"})  # of a redirected referral: not those it had


# ---------------------------------------------------------------------------------------------------------------------
# To FHIR
# ---------------------------------------------------------------------------------------------------------------------


def referral_to_fhir(
    referral: contracts.ReferralRequested | contracts.ReferralOffered,
    status: contracts.ReferralStatus | None = None,
    *,
    sender: str | None = None,
) -> Json:
    """Write a referral as a Bundle (type `collection`) of its ServiceRequest and its Task.

    `status` is the latest that is known; without one the referral has been sent and no more. A request does not say
    whose it is, its envelope does: `sender` is the envelope's source. Raises Untranslatable `another_referral` when the
    status is not of this referral.
    """
    offer = referral if isinstance(referral, contracts.ReferralOffered) else None
    request = offer.request if offer else referral
    assert isinstance(request, contracts.ReferralRequested)
    if status is not None and status.referral_id != request.referral_id:
        raise Untranslatable("another_referral", "referral_id")
    by = offer.sender if offer else status.sender if status else sender

    asked = _service_request(request, status.state if status else State.SENT, sender=by)
    if offer and offer.redirected_from:
        asked["replaces"] = [reference("ServiceRequest", "referral", offer.redirected_from)]

    task = _status_task(status) if status else _task(request.referral_id, State.SENT, {})
    task["focus"]["reference"] = f"urn:uuid:{request.referral_id}"
    task["for"] = asked["subject"]
    task["priority"] = asked["priority"]
    task["owner"] = reference("Organization", "organisation", request.recipient)
    if by:
        task["requester"] = reference("Organization", "organisation", by)
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


def step_to_fhir(step: Model) -> Json:
    """Write what an organisation says in the life of a referral as its Task; KeyError when it is none of `STEPS`."""
    for state, contract, _, renamed in STEPS:
        if isinstance(step, contract):
            said = {renamed.get(name, name): value for name, value in step if name != "referral_id"}
            return _checked(Task, _task(step.referral_id, state, said))  # type: ignore[attr-defined] # each has one
    raise KeyError(type(step).__name__)


def _service_request(request: contracts.ReferralRequested, state: State, *, sender: str | None) -> Json:
    subject = ("case_code", request.case_code) if request.case_code else ("person", request.person_id)
    written: Json = {
        "resourceType": "ServiceRequest",
        "id": str(request.referral_id),
        "contained": [sealed_block(request.sealed)],
        "extension": extensions(_with_homes_in(request, REQUEST_HOMES, "ServiceRequest.extension")),
        "identifier": [identifier("referral", request.referral_id)],
        "status": REQUEST_STATUS.get(state, "active"),
        "intent": "order",
        "priority": PRIORITY[request.urgency],
        "code": concept(("need_code", request.need_code)),
        "subject": reference("Patient", *subject),
        "performer": [
            reference("Organization", "organisation", request.recipient),
            reference("HealthcareService", "service", request.service_id),
        ],
        "reasonCode": [concept(("reason_code", request.reason_code))],
        "supportingInfo": [SEALED_REFERENCE],
    }
    if sender:
        written["requester"] = reference("Organization", "organisation", sender)
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

    A referral has one Task, so the Task's id follows from the referral's.
    """
    task: Json = {
        "resourceType": "Task",
        "id": str(uuid5(referral_id, "Task")),
        "status": TASK_STATUS[state],
        "businessStatus": concept(("state", state)),
        "intent": "order",
        "focus": reference("ServiceRequest", "referral", referral_id),
    }
    reasons = [(name, said[name]) for name in REASONS if said.get(name) is not None]
    if reasons:
        task["statusReason"] = concept(*reasons)
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


# ---------------------------------------------------------------------------------------------------------------------
# From FHIR
# ---------------------------------------------------------------------------------------------------------------------


def fhir_to_referral(bundle: Mapping[str, Any]) -> contracts.ReferralRequested:
    """Read a Bundle with one ServiceRequest, and at most one Task on it, as the request that it is.

    The bundle may also hold the Patient, Organization and HealthcareService that are referred to, or contain them; of a
    Patient, only identifiers. Who asks is not read: the hub goes by the envelope. Raises Untranslatable; beyond the
    codes of reading: `not_fhir`, `unexpected_resource`, `several_resources`, `personal_data_in_clear`, `not_understood`
    (a modifier that changes the meaning), `not_active`, `not_an_order`, `another_referral`.
    """
    entries = _open_bundle(bundle)
    request = _the_one("ServiceRequest", entries)
    if request is None:
        raise Untranslatable("missing", "Bundle.entry.ServiceRequest")
    if request.get("status") != "active":
        raise Untranslatable("not_active", "ServiceRequest.status")
    if request.get("intent") != "order":
        raise Untranslatable("not_an_order", "ServiceRequest.intent")
    if request.get("doNotPerform"):
        raise Untranslatable("not_understood", "ServiceRequest.doNotPerform")

    urgency = URGENCY.get(request.get("priority", "routine"))
    if urgency is None:
        raise Untranslatable("unknown_code", "ServiceRequest.priority")
    subject = _names(request.get("subject"), request, entries)
    performers = [one for performer in request.get("performer", []) for one in _names(performer, request, entries)]
    referral_id = named(request.get("identifier", []), "referral")
    fields = {
        **fields_of(request.get("extension", []), contracts.ReferralRequested, "ServiceRequest.extension"),
        "referral_id": referral_id,
        "recipient": named(performers, "organisation"),
        "service_id": named(performers, "service"),
        "urgency": urgency,
        "person_id": named(subject, "person"),
        "case_code": named(subject, "case_code"),
        "need_id": named(_all_names(request, "reasonReference"), "need"),
        "need_code": coded(request.get("code"), "need_code"),
        "reason_code": next(filter(None, (coded(one, "reason_code") for one in request.get("reasonCode", []))), None),
        "consent_id": named(_all_names(request, "supportingInfo"), "consent"),
        "answer_by": _answer_by(_the_one("Task", entries), referral_id, entries),
        "sealed": read_sealed(request, "ServiceRequest"),
    }
    return read_contract(contracts.ReferralRequested, fields, REQUEST_HOMES)


def fhir_to_status(task: Mapping[str, Any]) -> contracts.ReferralStatus:
    """Read a Task that `status_to_fhir` has written; raises Untranslatable, with the codes of `fhir_to_step`."""
    opened = _open_task(task)
    fields = {
        **fields_of(opened.get("extension", []), contracts.ReferralStatus, "Task.extension"),
        **_said(opened, contracts.ReferralStatus, {}),
        "referral_id": _referral_of(opened),
        "state": _state(opened),
        "changed_at": opened.get("lastModified"),
        "sender": named(_names(opened.get("requester")), "organisation"),
        "recipient": named(_names(opened.get("owner")), "organisation"),
    }
    return read_contract(contracts.ReferralStatus, fields, STATUS_HOMES)


def fhir_to_step(task: Mapping[str, Any]) -> Model:
    """Read a Task as what its organisation has to say to bring that state about: the data of one of `STEPS`.

    Which one, `Task.businessStatus` says, or `Task.status` alone where that is clear. Raises Untranslatable; beyond the
    codes of reading: `not_fhir`, `personal_data_in_clear`, `not_understood`, `status_disagrees` (with the business
    status), `not_a_step` (a state that the hub or a person brings about).
    """
    opened = _open_task(task)
    state = _state(opened)
    for target, contract, needs, renamed in STEPS:
        if target is not state:
            continue
        said = _said(opened, contract, renamed)
        if needs is None or needs in said:
            homes = {name: _home_of_said(renamed.get(name, name)) for name in contract.model_fields}
            return read_contract(contract, {**said, "referral_id": _referral_of(opened)}, homes)
    raise Untranslatable("not_a_step", "Task.businessStatus" if "businessStatus" in opened else "Task.status")


def _said(task: Json, record: type[Model], renamed: Mapping[str, str]) -> Json:
    """Read what is said with a state: the reasons, the outputs, the sealed block, as far as `record` has the field."""
    own_name = {status_name: name for name, status_name in renamed.items()}
    said: Json = {}
    for reason in REASONS:
        name = own_name.get(reason, reason)
        if name in record.model_fields and (code := coded(task.get("statusReason"), reason)) is not None:
            said[name] = code
    for output in task.get("output", []):
        called = coded(output.get("type"), "output") or ""
        name = own_name.get(called, called)
        if name in record.model_fields and name != "sealed":
            where = f"Task.output.{called}"
            put(said, name, read_value_x(output, where), record, where)
    if "sealed" in record.model_fields and (sealed := read_sealed(task, "Task")) is not None:
        said["sealed"] = sealed
    return said


def _home_of_said(name: str) -> str:
    return STATUS_HOMES.get(name, f"Task.output.{name}") if name not in _SAID_ANEW else f"Task.output.{name}"


def _state(task: Json) -> State:
    """Read the state: from the business status, which has to agree with the status, or from the status alone."""
    status = task.get("status", "")
    code = coded(task.get("businessStatus"), "state")
    if code is None:
        if status not in WITHOUT_BUSINESS_STATUS:
            raise Untranslatable("unknown_code", "Task.status")
        return WITHOUT_BUSINESS_STATUS[status]
    if code not in list(State):
        raise Untranslatable("unknown_code", "Task.businessStatus")
    if TASK_STATUS[State(code)] != status:
        raise Untranslatable("status_disagrees", "Task.status")
    return State(code)


def _referral_of(task: Json) -> str | None:
    return named(_names(task.get("focus")), "referral")


def _answer_by(task: Json | None, referral_id: str | None, entries: list[Json]) -> str | None:
    """Read by when the sender needs a decision from the Task, which has to be on this very referral."""
    if task is None or referral_id is None:
        return None
    if named(_names(task.get("focus"), None, entries), "referral") != referral_id:
        raise Untranslatable("another_referral", "Task.focus")
    answer_by: str | None = task.get("restriction", {}).get("period", {}).get("end")
    return answer_by


# ---------------------------------------------------------------------------------------------------------------------
# Opening what came from outside
# ---------------------------------------------------------------------------------------------------------------------


def _open_bundle(bundle: Mapping[str, Any]) -> list[Json]:
    """Check a Bundle by the library and by our own rules; return its entries."""
    if check_object(bundle).get("resourceType") != "Bundle":
        raise Untranslatable("not_fhir", "Bundle.resourceType")
    entries = bundle.get("entry", [])
    if not isinstance(entries, list):
        raise Untranslatable("not_fhir", "Bundle.entry")
    for number, entry in enumerate(entries):
        resource = entry.get("resource") if isinstance(entry, dict) else None
        _refuse_unexpected(resource, _IN_BUNDLES, f"Bundle.entry.{number}.resource")
    opened: list[Json] = _checked(Bundle, bundle).get("entry", [])
    return opened


def _open_task(task: Mapping[str, Any]) -> Json:
    """Check a Task by the library and by our own rules."""
    _refuse_unexpected(check_object(task), frozenset({"Task"}), "Task")
    return _checked(Task, task)


def _refuse_unexpected(resource: object, expected: frozenset[str], where: str) -> None:
    """Refuse a resource of another type, one with words about a person, and modifiers that we do not know."""
    kind = resource.get("resourceType") if isinstance(resource, dict) else None
    if not isinstance(resource, dict) or not isinstance(kind, str) or kind not in expected:
        raise Untranslatable("unexpected_resource", where)
    if kind == "Patient" and not (resource.keys() <= _OF_A_PATIENT and _is_named_by_us(resource.get("identifier", []))):
        raise Untranslatable("personal_data_in_clear", where)
    if kind in ("ServiceRequest", "Task"):
        where = kind
        for element in _WORDS:
            if element in resource:
                raise Untranslatable("personal_data_in_clear", f"{kind}.{element}")
        person = "subject" if kind == "ServiceRequest" else "for"
        if isinstance(reference_to := resource.get(person), dict) and "display" in reference_to:
            raise Untranslatable("personal_data_in_clear", f"{kind}.{person}.display")
    if _has_modifier(resource):
        raise Untranslatable("not_understood", where)
    contained = resource.get("contained", [])
    for one in contained if isinstance(contained, list) else [contained]:
        _refuse_unexpected(one, _CONTAINED, f"{where}.contained")


def _is_named_by_us(identifiers: object) -> bool:
    """Tell whether a person goes by names of the network alone, and not by a passport's number."""
    ours = (f"{URN}person", f"{URN}case_code")
    return isinstance(identifiers, list) and all(
        isinstance(one, dict) and one.get("system") in ours for one in identifiers
    )


def _has_modifier(value: object) -> bool:
    """Tell whether anything in a resource asks not to be read by who does not understand it."""
    if isinstance(value, dict):
        return not _MUST_BE_UNDERSTOOD.isdisjoint(value) or any(map(_has_modifier, value.values()))
    return isinstance(value, list) and any(map(_has_modifier, value))


def _checked(resource: type[Bundle] | type[Task], document: Mapping[str, Any]) -> Json:
    """Check a resource with the library's model, and return it as the model writes it.

    What the library says of a fault may quote it, so only the path is kept, as far as FHIR itself names its parts.
    """
    where: list[str] = []
    try:
        written: Json = json.loads(resource.model_validate(document).model_dump_json())
        return written
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        unknown = first["type"] == "extra_forbidden"
        where = [str(part) for part in (first["loc"][:-1] if unknown else first["loc"]) if part != "root"]
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError):
        pass  # how the library stumbles over what is not even the shape of a resource
    raise Untranslatable("not_fhir", ".".join([resource.__name__, *where]))


def _the_one(kind: str, entries: list[Json]) -> Json | None:
    """Find the resource of a type of which there is at most one."""
    found = [entry["resource"] for entry in entries if entry["resource"]["resourceType"] == kind]
    if len(found) > 1:
        raise Untranslatable("several_resources", f"Bundle.entry.{kind}")
    return found[0] if found else None


def _all_names(resource: Json, element: str) -> list[Json]:
    """The identifiers of all that an element refers to."""
    return [name for referred in resource.get(element, []) for name in _names(referred)]


def _names(referred: Json | None, within: Json | None = None, entries: Sequence[Json] = ()) -> list[Json]:
    """The identifiers of what a reference leads to: its own, those of what is contained, or of another entry."""
    if referred is None:
        return []
    names = [referred["identifier"]] if "identifier" in referred else []
    target = referred.get("reference")
    if target is None:
        return names
    for one in (within or {}).get("contained", []):
        if target == f"#{one.get('id')}":
            names += one.get("identifier", [])
    for entry in entries:
        resource = entry["resource"]
        if target in (entry.get("fullUrl"), f"{resource['resourceType']}/{resource.get('id')}"):
            names += resource.get("identifier", [])
    return names
