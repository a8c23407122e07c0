"""FHIR R4, inwards: a Bundle or a ServiceRequest is a request, a Task the next step of a referral.

What a document says besides is dropped, and named. Where it says the same twice, in one element or in two, it has to
say the same: nothing is taken because it comes first.
"""

import re
from calendar import monthrange
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time
from typing import Any, Final

from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.servicerequest import ServiceRequest
from fhir.resources.R4B.task import Task
from pydantic import ValidationError

import contracts
from contracts.codes import ReferralState as State
from contracts.fields import Model
from tools.values.days import HERE

from . import fhir_codes
from .fhir_codes import BSER, BSER_STATES, REASONS, REQUEST_HOMES, STATUS_HOMES, URGENCY
from .fhir_elements import (
    URN,
    UUID_URN,
    coded,
    codes_of,
    fields_of,
    named,
    put,
    read_reference_to_sealed,
    read_sealed,
    read_value_x,
    the_one,
)
from .fhir_references import Entry, Place
from .reading import Element, Findings, Json, Translation, check_object, read_contract, refuse
from .reasons import in_words

_IN_BUNDLES: Final = frozenset({"ServiceRequest", "Task", "Patient", "Organization", "HealthcareService"})
_CONTAINED: Final = frozenset({"Binary", "Patient", "Organization", "HealthcareService"})
_OF_A_PATIENT: Final = frozenset({"resourceType", "id", "meta", "active", "identifier"})
_WORDS: Final = ("text", "note", "description", "patientInstruction")
_MUST_BE_UNDERSTOOD: Final = frozenset({"modifierExtension", "implicitRules"})
_SHAPE: Final = frozenset({"not_fhir", "unexpected_resource"})
"""The faults of a document that cannot be read on."""

_SAID_ANEW: Final = frozenset({"recipient", "service_id"})  # of a redirected referral: not those it had

_TO_A_DAY: Final = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?", re.ASCII)


# ---------------------------------------------------------------------------------------------------------------------
# A request
# ---------------------------------------------------------------------------------------------------------------------


def fhir_to_referral(document: Mapping[str, Any]) -> Translation[contracts.ReferralRequested]:
    """Read a ServiceRequest, alone or in a Bundle with at most one Task on it, as the request that it is.

    The Bundle may also hold the Patient, Organization and HealthcareService that are referred to, or contain them; of a
    Patient, only identifiers. Who asks is not read: the hub goes by the envelope. Raises Untranslatable, with codes of
    reading, of every format and of FHIR in REFUSALS.
    """
    findings = Findings()
    opened, entries = _open(document, findings)
    requests, tasks = ([one for one in entries if one.resource.where == kind] for kind in ("ServiceRequest", "Task"))
    for kind, found in (("ServiceRequest", requests), ("Task", tasks)):
        if len(found) > 1:
            findings.blame("several_resources", f"Bundle.entry.{kind}")
    if not requests:
        findings.blame("missing", "Bundle.entry.ServiceRequest")
    if len(requests) != 1 or len(tasks) > 1:
        findings.refuse()
    request = requests[0].resource
    here = Place(requests[0], entries)
    task = tasks[0].resource if tasks else None
    there = Place(tasks[0], entries) if tasks else None

    if request.read("status") != "active":
        findings.blame("not_active", "ServiceRequest.status")
    _check_intent(request)
    if request.read("doNotPerform"):
        findings.blame("not_understood", "ServiceRequest.doNotPerform")

    asked = _asked(request, here)
    if task is not None and there is not None:
        asked |= _asked_by_its_task(task, there, request, asked)
    asked["urgency"] = _urgency(request, task)
    data = read_contract(contracts.ReferralRequested, asked, REQUEST_HOMES, findings)
    opened.drop_what_is_unread()
    return findings.finish(data)


def _asked(request: Element, here: Place) -> Json:
    """Read what a ServiceRequest asks, but for its urgency."""
    findings = request.findings
    performers: list[tuple[str, str]] = []
    for performer in request.parts("performer"):
        names = here.names_of(performer, "organisation", "service")
        if not names:  # whoever it is, is asked as well, or instead
            findings.blame("leads_nowhere", performer.where)
        performers += names
    subject = request.part("subject")
    who = here.names_of(subject, "person", "case_code") if subject is not None else []
    if subject is not None and not who:
        findings.blame("leads_nowhere", "ServiceRequest.subject")
    supporting = request.parts("supportingInfo")
    read_reference_to_sealed(supporting, request)
    identifiers = _names(here, request.parts("reasonReference"), "need")
    reasons = codes_of(request.parts("reasonCode"), f"{URN}code:reason_code")
    extensions = {name for name, home in REQUEST_HOMES.items() if home == f"ServiceRequest.extension.{name}"}
    return {
        **fields_of(
            request.parts("extension"), contracts.ReferralRequested, "ServiceRequest.extension", names=extensions
        ),
        "referral_id": _of_kind(_own_names(request, "referral"), "referral", request, "ServiceRequest.identifier"),
        "recipient": _of_kind(performers, "organisation", request, "ServiceRequest.performer"),
        "service_id": _of_kind(performers, "service", request, "ServiceRequest.performer"),
        "person_id": _of_kind(who, "person", request, "ServiceRequest.subject"),
        "case_code": _of_kind(who, "case_code", request, "ServiceRequest.subject"),
        "need_id": _of_kind(identifiers, "need", request, "ServiceRequest.reasonReference"),
        "need_code": coded(request.part("code"), "need_code"),
        "reason_code": the_one(reasons, request, "ServiceRequest.reasonCode"),
        "consent_id": _of_kind(
            _names(here, supporting, "consent"), "consent", request, "ServiceRequest.supportingInfo"
        ),
        "sealed": read_sealed(request),
    }


def _asked_by_its_task(task: Element, there: Place, request: Element, asked: Mapping[str, Any]) -> Json:
    """Read by when the sender needs a decision; all else that a Task says again has to be what its request says."""
    findings = task.findings
    _check_intent(task)
    _check_code(task)
    referral_id = asked["referral_id"]
    if referral_id is not None and not _is_on(task, there, request, referral_id):
        findings.blame("another_referral", "Task.focus")
    _check_same(task, there, "owner", {"organisation": asked["recipient"]})
    _check_same(task, there, "for", {"person": asked["person_id"], "case_code": asked["case_code"]})
    _state(task, is_read=State.SENT)  # how far the recipient has come is no part of what is asked
    period = (restriction := task.part("restriction")) and restriction.part("period")
    end = period.text("end") if period else None
    return {"answer_by": _end_of(end, findings) if end else None}


def _is_on(task: Element, there: Place, request: Element, referral_id: str) -> bool:
    """Tell whether a Task's focus is the request beside it, by its name or by where it is."""
    focus = task.part("focus")
    if focus is None:
        return False
    target = there.leads_to(focus)
    names = _referrals_named(focus, there, target)
    if target is request:
        focus.read("reference")
        focus.read("type")
    return target in (None, request) and names <= {referral_id.lower()} and (bool(names) or target is request)


def _check_same(task: Element, there: Place, element: str, expected: Mapping[str, str | None]) -> None:
    """Blame a Task that is for somebody else than its request, or whose somebody cannot be told."""
    said = task.part(element)
    if said is None or not ("reference" in said or "identifier" in said):
        return
    names = there.names_of(said, *expected)
    if not names:
        task.findings.blame("leads_nowhere", said.where)
    elif any(expected.values()) and any(expected[kind] != value for kind, value in names):
        task.findings.blame("contradicts", said.where)


def _urgency(request: Element, task: Element | None) -> str | None:
    """Read the urgency: a request and its Task say the same, or one of them says it; without any it is normal."""
    said = {}
    for one in (request, task):
        if one is not None and "priority" in one:
            code = one.text("priority")
            urgency = URGENCY.get(code or "")
            if urgency is None:
                one.findings.blame("unknown_code", f"{one.where}.priority")
            said[one.where] = urgency
    if len(set(said.values())) > 1 and None not in said.values():
        request.findings.blame("contradicts", "Task.priority")
    return next(iter(said.values()), URGENCY["routine"])


def _end_of(text: str, findings: Findings) -> str:
    """Return the moment until which something holds; of a day, a month or a year it is the end, in Colombia."""
    found = _TO_A_DAY.fullmatch(text)
    if found is None:
        return text
    year, month, day = int(found[1]), int(found[2] or 12), int(found[3] or 0)
    try:
        last = date(year, month, day or monthrange(year, month)[1])
        return datetime.combine(last, time(23, 59, 59), HERE).isoformat()
    except ValueError:
        findings.blame("invalid_field", "Task.restriction.period.end")
    return text


# ---------------------------------------------------------------------------------------------------------------------
# A status, a step
# ---------------------------------------------------------------------------------------------------------------------


def fhir_to_status(document: Mapping[str, Any]) -> Translation[contracts.ReferralStatus]:
    """Read a Task that `status_to_fhir` has written; raises Untranslatable, with the codes of `fhir_to_step`."""
    findings = Findings()
    task = _open_task(document, findings)
    here = Place(Entry(task, None))
    names = {name for name, home in STATUS_HOMES.items() if home == f"Task.extension.{name}"}
    parties = {
        field: _of_kind(_names(here, [part], "organisation") if part else [], "organisation", task, f"Task.{element}")
        for field, element in (("sender", "requester"), ("recipient", "owner"))
        for part in (task.part(element),)
    }
    state = _state(task)
    fields = {
        **fields_of(task.parts("extension"), contracts.ReferralStatus, "Task.extension", names=names),
        **_said(task, contracts.ReferralStatus, {}, state),
        **parties,
        "referral_id": _referral_of(task, here),
        "state": state,
        "changed_at": task.text("lastModified"),
    }
    data = read_contract(contracts.ReferralStatus, fields, STATUS_HOMES, findings)
    task.drop_what_is_unread()
    return findings.finish(data)


def fhir_to_step(document: Mapping[str, Any]) -> Translation[Model]:
    """Read a Task as what its organisation has to say to bring that state about: the data of one of `STEPS`.

    Which one, `Task.businessStatus` says (ours, or BSeR's), or `Task.status` alone where that is clear. Raises
    Untranslatable, with codes of reading, of every format and of FHIR in REFUSALS.
    """
    findings = Findings()
    task = _open_task(document, findings)
    here = Place(Entry(task, None))
    state = _state(task)
    referral_id = _referral_of(task, here)
    data: Model | None = None
    for target, contract, needs, renamed in fhir_codes.STEPS:
        if target is not state:
            continue
        # What one contract would read, another drops: each looks at a Task of its own until it is clear which it is.
        if needs is None or needs in _said(Element(task.value, task.where, Findings()), contract, renamed, state):
            said = _said(task, contract, renamed, state)
            homes = {name: _home_of_said(renamed.get(name, name)) for name in contract.model_fields}
            data = read_contract(contract, {**said, "referral_id": referral_id}, homes, findings)
            break
    else:
        if state is not None:
            findings.blame("not_a_step", "Task.businessStatus" if "businessStatus" in task else "Task.status")
    task.drop_what_is_unread()
    return findings.finish(data)


def _said(task: Element, record: type[Model], renamed: Mapping[str, str], state: State | None) -> Json:
    """Read what is said with a state: the reasons, the outputs, the sealed block, as far as `record` has the field."""
    own_name = {status_name: name for name, status_name in renamed.items()}
    said: Json = {}
    why = task.part("statusReason")
    reasons: dict[str, str] = {}
    for reason in REASONS:
        name = own_name.get(reason, reason)
        if name in record.model_fields and (code := coded(why, reason)) is not None:
            said[name] = reasons[reason] = code
    if why is not None and why.look("text") == _words(reasons, state):
        why.read("text")  # our own words for these very codes
    outputs = task.parts("output")
    for output in outputs:
        kind = output.part("type")
        called = _output_name(kind)
        name = own_name.get(called, called)
        if kind is None or name not in record.model_fields or _home_of_said(called) != f"Task.output.{called}":
            continue
        coded(kind, "output")
        where = f"Task.output.{called}"
        put(said, name, read_value_x(output, where), record, output, where)
    if "sealed" in record.model_fields and (sealed := read_sealed(task)) is not None:
        said["sealed"] = sealed
        for output in outputs:
            if _output_name(kind := output.part("type")) == "sealed" and (led := output.part("valueReference")):
                coded(kind, "output")
                read_reference_to_sealed([led], task)
    return said


def _output_name(kind: Element | None) -> str:
    """The field that an output says it is, without reading it; two are blamed by who reads it."""
    codings = kind.parts("coding") if kind is not None else []
    ours = [one.look("code") for one in codings if one.look("system") == f"{URN}code:output"]
    return ours[0] if ours and isinstance(ours[0], str) else ""


def _words(reasons: Mapping[str, str], state: State | None) -> str | None:
    try:
        return in_words(reasons, state or "")
    except contracts.NoWords:  # a code that its list does not have
        return None


def _home_of_said(name: str) -> str:
    return STATUS_HOMES.get(name, f"Task.output.{name}") if name not in _SAID_ANEW else f"Task.output.{name}"


def _state(task: Element, *, is_read: State | None = None) -> State | None:
    """Read the state: from the business status, which has to agree with the status, or from the status alone.

    `is_read`: any other state is only looked at.
    """
    found = _state_in(Element(task.value, task.where, task.findings))
    if is_read in (None, found):
        _state_in(task)
    return found


def _state_in(task: Element) -> State | None:
    status = task.text("status") or ""
    business = task.part("businessStatus")
    if business is None:
        if status not in fhir_codes.WITHOUT_BUSINESS_STATUS:
            task.findings.blame("unknown_code", "Task.status")
        return fhir_codes.WITHOUT_BUSINESS_STATUS.get(status)
    codes = codes_of([business], f"{URN}code:state")
    # A code that nobody knows is itself an answer, and no state.
    states = {State(code) if code in list(State) else None for code in codes}
    states |= {BSER_STATES.get(code) for code in codes_of([business], BSER)}
    if len(states) > 1:
        task.findings.blame("repeated", "Task.businessStatus")
        return None
    state = next(iter(states), None)
    if state is None:
        task.findings.blame("unknown_code", "Task.businessStatus")
    elif fhir_codes.TASK_STATUS[state] != status:
        task.findings.blame("status_disagrees", "Task.status")
    return state


def _referral_of(task: Element, here: Place) -> str | None:
    """Read which referral a Task is on: by its name, or by the URN that the request has in our Bundles."""
    focus = task.part("focus")
    if focus is None:
        task.findings.blame("missing", "Task.focus")
        return None
    names = _referrals_named(focus, here, here.leads_to(focus))
    if not names:
        task.findings.blame("leads_nowhere", "Task.focus")
    return the_one(names, task, "Task.focus")


def _referrals_named(focus: Element, here: Place, target: Element | None) -> set[str]:
    """Read by which referral ids a focus goes: the URL that a request has in our Bundles is one, wherever it is."""
    names = {value.lower() for _, value in here.names_of(focus, "referral")}
    literal = focus.look("reference")
    if target is None and isinstance(literal, str) and literal.lower().startswith(UUID_URN):
        focus.read("reference")
        focus.read("type")
        names.add(literal[len(UUID_URN) :].lower())
    return names


def _check_intent(resource: Element) -> None:
    if resource.read("intent") != "order":
        resource.findings.blame("not_an_order", f"{resource.where}.intent")


def _check_code(task: Element) -> None:
    """Let a Task pass that asks for its request to be fulfilled, or does not say; any other asks for something else."""
    code = task.part("code")
    if code is not None and set(codes_of([code], fhir_codes.TASK_CODE)) - {fhir_codes.FULFILL}:
        task.findings.blame("not_understood", "Task.code")


# ---------------------------------------------------------------------------------------------------------------------
# Names
# ---------------------------------------------------------------------------------------------------------------------


def _names(place: Place, references: Iterable[Element], *kinds: str) -> list[tuple[str, str]]:
    """The names of all that references lead to; what leads to nothing of ours is left unread."""
    return [name for one in references for name in place.names_of(one, *kinds)]


def _own_names(resource: Element, kind: str) -> list[tuple[str, str]]:
    return named(resource.parts("identifier"), kind)


def _of_kind(names: Iterable[tuple[str, str]], kind: str, element: Element, where: str) -> str | None:
    return the_one((value for of, value in names if of == kind), element, where)


# ---------------------------------------------------------------------------------------------------------------------
# Opening what came from outside
# ---------------------------------------------------------------------------------------------------------------------


def _open(document: Mapping[str, Any], findings: Findings) -> tuple[Element, list[Entry]]:
    """Check a Bundle, or a ServiceRequest alone, by the library and by our own rules; return it and its entries."""
    opened = check_object(document)
    kind = opened.get("resourceType")
    if kind == "ServiceRequest":
        _blame_unexpected(opened, frozenset({kind}), kind, findings)
        _check(ServiceRequest, opened, findings)
        request = Element(opened, kind, findings)
        _read_its_own(request)
        return request, [Entry(request, None)]
    if kind != "Bundle":
        refuse("not_fhir" if not isinstance(kind, str) else "unexpected_resource", "resourceType")
    if not isinstance(found := opened.get("entry") or [], list):
        refuse("not_fhir", "Bundle.entry")
    for number, entry in enumerate(found):
        resource = entry.get("resource") if isinstance(entry, dict) else None
        _blame_unexpected(resource, _IN_BUNDLES, f"Bundle.entry.{number}.resource", findings)
    _check(Bundle, opened, findings)
    bundle = _Bundle(opened, "Bundle", findings)
    bundle.read("resourceType")
    if bundle.read("type") not in fhir_codes.BUNDLES:
        findings.blame("not_understood", "Bundle.type")
    return bundle, [one for entry in bundle.parts("entry") if (one := _entry(entry)) is not None]


class _Bundle(Element):
    """A Bundle, whose resources go by their type: `Task.code` is clearer than `Bundle.entry.resource.code`."""

    def place(self, name: str, number: int, item: Json) -> str:
        if name == "resource" and isinstance(kind := item.get("resourceType"), str):
            return kind
        return super().place(name, number, item)


def _entry(entry: Element) -> Entry | None:
    resource = entry.part("resource")
    if resource is None:
        return None
    _read_its_own(resource)
    request = entry.part("request")
    if request is not None and request.read("method") not in ("POST", "PUT"):
        entry.findings.blame("not_understood", "Bundle.entry.request.method")
    return Entry(resource, entry.text("fullUrl"))


def _read_its_own(resource: Element) -> None:
    """Read what a resource is, and those that it contains: that is known of them all."""
    for one in (resource, *resource.parts("contained")):
        one.read("resourceType")
        one.read("id")


def _open_task(document: Mapping[str, Any], findings: Findings) -> Element:
    """Check a Task by the library and by our own rules."""
    opened = check_object(document)
    _blame_unexpected(opened, frozenset({"Task"}), "Task", findings)
    _check(Task, opened, findings)
    task = Element(opened, "Task", findings)
    _read_its_own(task)
    _check_intent(task)
    _check_code(task)
    return task


def _blame_unexpected(resource: object, expected: frozenset[str], where: str, findings: Findings) -> None:
    """Blame a resource of another type, one with words about a person, and modifiers that we do not know."""
    kind = resource.get("resourceType") if isinstance(resource, dict) else None
    if not isinstance(resource, dict) or not isinstance(kind, str) or kind not in expected:
        findings.blame("unexpected_resource", where)
        return
    if kind == "Patient" and not (resource.keys() <= _OF_A_PATIENT and _is_named_by_us(resource.get("identifier", []))):
        findings.blame("personal_data_in_clear", where)
    if kind in ("ServiceRequest", "Task"):
        where = kind
        for element in _WORDS:
            if element in resource:
                findings.blame("personal_data_in_clear", f"{kind}.{element}")
        person = "subject" if kind == "ServiceRequest" else "for"
        if isinstance(reference_to := resource.get(person), dict) and "display" in reference_to:
            findings.blame("personal_data_in_clear", f"{kind}.{person}.display")
    if _has_modifier(resource):
        findings.blame("not_understood", where)
    contained = resource.get("contained") or []
    for one in contained if isinstance(contained, list) else [contained]:
        _blame_unexpected(one, _CONTAINED, f"{where}.contained", findings)


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


def _check(resource: type[Bundle | ServiceRequest | Task], document: Json, findings: Findings) -> None:
    """Check a document with the library's model; raise Untranslatable when it cannot be read on.

    What the library says of a fault may quote it, so only the path is kept, as far as FHIR itself names its parts.
    """
    if findings.blames(codes=_SHAPE):
        findings.refuse()
    kind = resource.__name__
    faults: list[Any] = []
    try:
        resource.model_validate(document)
        return
    except ValidationError as error:
        faults = list(error.errors(include_input=False, include_url=False, include_context=False))
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError):
        findings.blame("not_fhir", kind)  # how the library stumbles over what is not even the shape of a resource
    for fault in faults:
        place = fault["loc"][:-1] if fault["type"] == "extra_forbidden" else fault["loc"]
        findings.blame("not_fhir", ".".join([kind, *(str(part) for part in place if part != "root")]))
    findings.refuse()
