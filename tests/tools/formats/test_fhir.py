"""A referral keeps all that it says on the way to FHIR R4 and back; what is hostile is refused, and never repeated."""

import copy
import itertools
import json
import traceback
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fhir.resources import servicerequest as r5_servicerequest
from fhir.resources import task as r5_task
from fhir.resources.R4B import servicerequest, task
from pydantic import BaseModel

import contracts
from contracts import codes, transitions
from contracts.codes import ReferralState as State
from tests import examples
from tools.formats import fhir, fhir_codes, fhir_reading, reasons
from tools.formats.reading import Untranslatable

FOLDER = Path(__file__).parents[3] / "contracts" / "examples"
Json = dict[str, Any]


def read(path: Path) -> Any:
    return contracts.upcast(contracts.parse(path.read_bytes()))


def files(*names: str) -> list[Path]:
    return sorted(path for name in names for path in FOLDER.glob(f"{name}/ok-*.json"))


def name(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


REQUESTS = files("referral.requested.*")
OFFERS = files("referral.offered.*")
STATUSES = files("referral.status.*")
STEPS = sorted(
    path for _, contract, _, _ in fhir_codes.STEPS for path in files(f"{contracts.contract_of(contract).name}.*")
)

# The domain's own words on `Task.status`, and ours where it is silent; written apart from the table that is under test.
AS_THE_DOMAIN_SAYS = {
    "requested": {State.SENT},
    "received": {State.RECEIVED},
    "accepted": {State.ACCEPTED},
    "on-hold": {State.WAITLISTED, State.INFO_REQUESTED},
    "rejected": {State.DECLINED, State.REDIRECTED},
    "in-progress": {State.SCHEDULED, State.NO_SHOW, State.VISIT_CANCELLED, State.IN_SERVICE, State.CANCEL_REQUESTED},
    "completed": {State.COMPLETED, State.CLOSED},
    "failed": {State.EXPIRED},
    "cancelled": {State.CANCELLED, State.CONSENT_WITHDRAWN},
    "entered-in-error": {State.ENTERED_IN_ERROR},
}
# The one state that a system means which knows no more than the statuses of FHIR.
AS_FHIR_ALONE_SAYS = {
    State.SENT: "requested",
    State.RECEIVED: "received",
    State.ACCEPTED: "accepted",
    State.DECLINED: "rejected",
    State.IN_SERVICE: "in-progress",
    State.COMPLETED: "completed",
    State.EXPIRED: "failed",
    State.CANCELLED: "cancelled",
    State.ENTERED_IN_ERROR: "entered-in-error",
}

# What `referral.status` says with each state, beyond what it always says.
SAID_WITH: Mapping[State, Mapping[str, Any]] = {
    State.DECLINED: {
        "decline_reason": codes.DeclineReason.NOT_ELIGIBLE,
        "criterion": codes.EligibilityCriterion.AGE,
        "missing_documents": (codes.DocumentType.PT, codes.DocumentType.CC),
    },
    State.WAITLISTED: {"place_in_line": 3, "estimate_days": 0},
    State.REDIRECTED: {"new_referral_id": examples.NEED_ID},
    State.INFO_REQUESTED: {"topic": codes.InfoTopic.DOCUMENTS, "sealed": examples.SEALED, "due_at": examples.NOW},
    State.SCHEDULED: {"visit_at": examples.NOW, "mode": codes.VisitMode.AT_HOME, "sealed": examples.SEALED},
    State.VISIT_CANCELLED: {"visit_cancelled_by": codes.VisitCancelledBy.PROVIDER},
    State.IN_SERVICE: {"reopen_reason": codes.ReopenReason.NEED_RETURNED},
    State.COMPLETED: {"outcome": codes.Outcome.REFERRED_ONWARD, "onward_referral_id": examples.NEED_ID},
    State.CLOSED: {"outcome": codes.Outcome.NOT_MET, "not_met_reason": codes.NotMetReason.SAFETY},
    State.CANCEL_REQUESTED: {"cancel_reason": codes.CancelReason.PERSON_WITHDREW},
    State.CONSENT_WITHDRAWN: {"purge_by": examples.NOW},
    State.ENTERED_IN_ERROR: {"error_reason": codes.ErrorReason.DUPLICATE},
}


def status_of(state: State, **overrides: Any) -> contracts.ReferralStatus:
    return contracts.ReferralStatus(
        **{
            "referral_id": examples.REFERRAL_ID,
            "state": state,
            "changed_at": examples.NOW,
            "changed_by": examples.RECIPIENT,
            "sender": examples.SENDER,
            "recipient": examples.RECIPIENT,
            "service_id": examples.SERVICE_ID,
            **SAID_WITH.get(state, {}),
            **overrides,
        }
    )


def to_referral(document: Json) -> contracts.ReferralRequested:
    return fhir_reading.fhir_to_referral(document).data


def to_status(document: Json) -> contracts.ReferralStatus:
    return fhir_reading.fhir_to_status(document).data


def to_step(document: Json) -> Any:
    return fhir_reading.fhir_to_step(document).data


def travelled(document: Json) -> Json:
    """What arrives at the other end, as JSON."""
    arrived: Json = json.loads(json.dumps(document))
    return arrived


# -- there and back ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", REQUESTS, ids=name)
def test_a_request_comes_back_from_fhir_as_it_went(path: Path) -> None:
    message = read(path)
    bundle = fhir.referral_to_fhir(message.data, sender=message.source)
    assert to_referral(travelled(bundle)) == message.data


@pytest.mark.parametrize("path", OFFERS, ids=name)
def test_an_offer_comes_back_as_its_request_with_the_time_that_the_hub_has_set(path: Path) -> None:
    offer = read(path).data
    bundle = fhir.referral_to_fhir(offer)
    expected = offer.request.model_copy(update={"answer_by": offer.answer_by})
    assert to_referral(travelled(bundle)) == expected


@pytest.mark.parametrize("path", STATUSES, ids=name)
def test_a_status_comes_back_from_fhir_as_it_went(path: Path) -> None:
    status = read(path).data
    assert to_status(travelled(fhir.status_to_fhir(status))) == status


@pytest.mark.parametrize("state", State)
def test_every_state_comes_back_with_all_that_is_said_with_it(state: State) -> None:
    status = status_of(state)
    assert to_status(travelled(fhir.status_to_fhir(status))) == status


@pytest.mark.parametrize("path", STEPS, ids=name)
def test_a_step_comes_back_from_fhir_as_it_went(path: Path) -> None:
    step = read(path).data
    assert to_step(travelled(fhir.step_to_fhir(step))) == step


NO_MOVES = {"referral.requested", "referral.note_added", *transitions.COORDINATED}


def test_every_contract_that_moves_a_referral_has_its_step_and_its_example() -> None:
    moves = {
        contract.data
        for contract in contracts.CONTRACTS.values()
        if contract.name.startswith("referral.") and contract.sent_by != "hub" and contract.name not in NO_MOVES
    }
    assert moves == {contract for _, contract, _, _ in fhir_codes.STEPS}
    assert {type(read(path).data) for path in STEPS} == moves


@pytest.mark.parametrize("state", State)
def test_a_referral_is_followed_in_its_bundle_through_every_state(state: State) -> None:
    request = examples.referral_requested()
    bundle = travelled(fhir.referral_to_fhir(request, status_of(state)))
    asked, followed = (entry["resource"] for entry in bundle["entry"])
    assert to_status(followed) == status_of(state)
    if asked["status"] == "active":
        assert to_referral(bundle) == request
    else:  # nobody sends again by mistake what its sender has ended
        assert refusal(to_referral, bundle) == ("not_active", "ServiceRequest.status")


def test_a_sealed_block_is_carried_as_it_is() -> None:
    (asked, _) = (entry["resource"] for entry in fhir.referral_to_fhir(examples.referral_requested())["entry"])
    (binary,) = asked["contained"]
    assert binary["contentType"] == "application/jose"
    assert asked["supportingInfo"][0] == {"reference": f"#{binary['id']}"}
    assert to_referral(fhir.referral_to_fhir(examples.referral_requested())).sealed == examples.SEALED


@pytest.mark.parametrize("path", [*REQUESTS, *OFFERS, *STATUSES, *STEPS], ids=name)
def test_nobody_is_given_a_name_or_a_word(path: Path) -> None:
    data = read(path).data
    is_bundle = isinstance(data, contracts.ReferralRequested | contracts.ReferralOffered)
    is_status = isinstance(data, contracts.ReferralStatus)
    written = (fhir.referral_to_fhir if is_bundle else fhir.status_to_fhir if is_status else fhir.step_to_fhir)(data)
    elements = json.dumps(written)
    for element in ("name", "display", "note", "description", "telecom", "address", "birthDate"):
        assert f'"{element}":' not in elements
    task = written["entry"][1]["resource"] if is_bundle else written
    said = {reasons.in_words({field: code}, "") for field, named in reasons.LISTS.items() for code in named}
    said |= {reasons.in_words({}, state) for state in reasons.ENOUGH}
    assert {*task.pop("statusReason", {}).get("text", "").split(". ")} - {""} <= said
    assert '"text":' not in json.dumps(written)


# -- the mapping, and swapped states that must not pass ---------------------------------------------------------------


def faults_of_states() -> Iterator[str]:
    """Whatever is wrong with the states, found by going there and back; nothing when all is well."""
    for state in State:
        written = fhir.status_to_fhir(status_of(state))
        if state not in AS_THE_DOMAIN_SAYS[written["status"]]:
            yield f"{state} is written as {written['status']}"
        if to_status(written).state is not state:
            yield f"{state} comes back as another"
    for state, status in AS_FHIR_ALONE_SAYS.items():
        bare = {**fhir.status_to_fhir(status_of(state)), "status": status}
        del bare["businessStatus"]
        if to_status(bare).state is not state:
            yield f"{status} alone is read as another state than {state}"


def faults_of_steps() -> Iterator[str]:
    """Steps that bring about another state than the contracts say."""
    for step, named in zip(STEP_DATA, STEP_NAMES, strict=True):
        state = to_status({**fhir.step_to_fhir(step), **STATUS_FRAME}).state
        if state is not STATE_AFTER[named]:
            yield f"{named} brings about {state}"


STEP_DATA = [read(path).data for path in STEPS]
STEP_NAMES = [contracts.contract_of(step).name for step in STEP_DATA]
STATUS_FRAME = {element: fhir.status_to_fhir(status_of(State.SENT))[element] for element in ("requester", "owner")} | {
    "lastModified": "2026-03-02T14:05:00Z",
    "extension": fhir.status_to_fhir(status_of(State.SENT))["extension"],
}
STATE_AFTER = {f"referral.{state}": state for state in State} | {
    "referral.info_provided": State.RECEIVED,
    "referral.service_started": State.IN_SERVICE,
    "referral.service_noted": State.IN_SERVICE,
    "referral.reopened": State.IN_SERVICE,
    "referral.purged": State.CONSENT_WITHDRAWN,
}


def test_the_states_are_mapped_as_the_domain_says() -> None:
    assert [*faults_of_states(), *faults_of_steps()] == []
    assert set().union(*AS_THE_DOMAIN_SAYS.values()) == set(State)


def swapped(mapping: Mapping[Any, Any], one: Any, other: Any) -> dict[Any, Any]:
    return {**mapping, one: mapping[other], other: mapping[one]}


def test_no_two_states_can_be_swapped_unseen(monkeypatch: pytest.MonkeyPatch) -> None:
    right = fhir_codes.TASK_STATUS
    for one, other in itertools.combinations(State, 2):
        if right[one] != right[other]:
            monkeypatch.setattr(fhir_codes, "TASK_STATUS", swapped(right, one, other))
            assert any(faults_of_states()), f"{one} and {other} were swapped"


def test_no_two_statuses_can_be_swapped_unseen(monkeypatch: pytest.MonkeyPatch) -> None:
    right = fhir_codes.WITHOUT_BUSINESS_STATUS
    for one, other in itertools.combinations(right, 2):
        monkeypatch.setattr(fhir_codes, "WITHOUT_BUSINESS_STATUS", swapped(right, one, other))
        assert any(faults_of_states()), f"{one} and {other} were swapped"


def test_no_two_steps_can_bring_about_each_others_state_unseen(monkeypatch: pytest.MonkeyPatch) -> None:
    right = fhir_codes.STEPS
    for one, other in itertools.combinations(range(len(right)), 2):
        if right[one][0] is not right[other][0]:
            steps = list(right)
            steps[one] = (right[other][0], *right[one][1:])
            steps[other] = (right[one][0], *right[other][1:])
            monkeypatch.setattr(fhir_codes, "STEPS", tuple(steps))
            assert any(faults_of_steps()), f"{right[one][1].__name__} and {right[other][1].__name__} were swapped"


# -- the library's R4B is R4 here -------------------------------------------------------------------------------------

# The elements of both resources as FHIR 4.0 defines them (http://hl7.org/fhir/R4/servicerequest.html and task.html).
R4_SERVICE_REQUEST = """
    asNeededBoolean asNeededCodeableConcept authoredOn basedOn bodySite category code doNotPerform encounter identifier
    instantiatesCanonical instantiatesUri insurance intent locationCode locationReference note occurrenceDateTime
    occurrencePeriod occurrenceTiming orderDetail patientInstruction performer performerType priority quantityQuantity
    quantityRange quantityRatio reasonCode reasonReference relevantHistory replaces requester requisition specimen
    status subject supportingInfo
"""
R4_TASK = """
    authoredOn basedOn businessStatus code description encounter executionPeriod focus for groupIdentifier identifier
    input instantiatesCanonical instantiatesUri insurance intent lastModified location note output owner partOf
    performerType priority reasonCode reasonReference relevantHistory requester restriction status statusReason
"""
OF_EVERY_RESOURCE = {
    *("id", "meta", "implicitRules", "language", "text", "contained", "extension", "modifierExtension"),
    "fhir_comments",  # the library's own
}


def elements(model: type[BaseModel]) -> set[str]:
    """The elements of a resource, without those that every resource has and the extensions of plain values."""
    called = {field.alias or name for name, field in model.model_fields.items()}
    return {one for one in called if not one.startswith("_")} - OF_EVERY_RESOURCE


def test_the_librarys_r4b_has_the_elements_of_r4() -> None:
    assert elements(servicerequest.ServiceRequest) == set(R4_SERVICE_REQUEST.split())
    assert elements(task.Task) == set(R4_TASK.split())


def test_its_r5_would_have_been_noticed() -> None:
    assert elements(r5_servicerequest.ServiceRequest) != set(R4_SERVICE_REQUEST.split())
    assert elements(r5_task.Task) != set(R4_TASK.split())


# -- other people's bundles -------------------------------------------------------------------------------------------


def bundle_of(**overrides: Any) -> Json:
    return travelled(fhir.referral_to_fhir(examples.referral_requested(**overrides), sender=examples.SENDER))


def asked_in(bundle: Json) -> Json:
    asked: Json = bundle["entry"][0]["resource"]
    return asked


def task_of(state: State = State.ACCEPTED, **overrides: Any) -> Json:
    return travelled(fhir.status_to_fhir(status_of(state, **overrides)))


def test_references_lead_to_what_is_contained_or_beside() -> None:
    bundle = bundle_of()
    asked = asked_in(bundle)
    asked["contained"].append({"resourceType": "Patient", "id": "who", "identifier": [asked["subject"]["identifier"]]})
    asked["subject"] = {"reference": "#who"}
    bundle["entry"][1]["resource"]["focus"] = {"reference": f"ServiceRequest/{asked['id']}"}
    organisation, service = (one["identifier"] for one in asked["performer"])
    asked["performer"] = [{"reference": "Organization/7"}, {"reference": "urn:uuid:0000"}]
    bundle["entry"] += [
        {"resource": {"resourceType": "Organization", "id": "7", "name": "OIM", "identifier": [organisation]}},
        {"fullUrl": "urn:uuid:0000", "resource": {"resourceType": "HealthcareService", "identifier": [service]}},
    ]
    assert to_referral(bundle) == examples.referral_requested()


def test_what_others_add_is_left_alone() -> None:
    bundle = bundle_of()
    asked = asked_in(bundle)
    asked["extension"].append({"url": "https://example.org/theirs", "valueString": "Casa azul"})
    asked["code"]["coding"].append({"system": "http://snomed.info/sct", "code": "11429006", "display": "Consultation"})
    assert to_referral(bundle) == examples.referral_requested()


def test_a_request_without_a_task_is_read_and_the_urgency_decides() -> None:
    bundle = bundle_of(answer_by=datetime(2026, 3, 9, 12, tzinfo=UTC))
    del bundle["entry"][1]
    assert to_referral(bundle).answer_by is None


def test_as_soon_as_possible_is_urgent() -> None:
    bundle = bundle_of()
    for entry in bundle["entry"]:
        entry["resource"]["priority"] = "asap"
    assert to_referral(bundle).urgency is codes.Urgency.URGENT


def test_a_system_that_knows_only_the_statuses_of_fhir_can_accept() -> None:
    bare = task_of(State.ACCEPTED)
    del bare["businessStatus"]
    assert to_step(bare) == contracts.ReferralAccepted(referral_id=examples.REFERRAL_ID)


# -- refused ----------------------------------------------------------------------------------------------------------

SECRET = "Yuleisy Guerrero 4815162"


def refusals(translate: Callable[[Json], object], document: Json) -> list[tuple[str, str | None]]:
    """The codes and the places of a refusal, which says nothing of what was in the document."""
    with pytest.raises(Untranslatable) as refused:
        translate(document)
    shown = "".join(traceback.format_exception(refused.value))
    assert "Yuleisy" not in shown
    assert "4815162" not in shown
    assert refused.value.__context__ is None
    return [(fault.code, fault.where) for fault in refused.value.faults]


def refusal(translate: Callable[[Json], object], document: Json) -> tuple[str, str | None]:
    """The code and the place of a refusal with one fault."""
    (fault,) = refusals(translate, document)
    return fault


Damage = Callable[[Json], object]

BROKEN_REQUESTS: dict[str, tuple[Damage, str, str | None]] = {
    "no_bundle": (lambda b: b.update(resourceType=SECRET), "unexpected_resource", "resourceType"),
    "no_resource": (lambda b: b.pop("resourceType"), "not_fhir", "resourceType"),
    "entries_that_are_no_list": (lambda b: b.update(entry={SECRET: 1}), "not_fhir", "Bundle.entry"),
    "an_entry_that_is_text": (lambda b: b["entry"].append(SECRET), "unexpected_resource", "Bundle.entry.2.resource"),
    "a_resource_that_is_text": (
        lambda b: b["entry"].append({"resource": json.dumps(asked_in(b))}),
        "unexpected_resource",
        "Bundle.entry.2.resource",
    ),
    "a_resource_of_no_type": (
        lambda b: asked_in(b).update(resourceType=SECRET),
        "unexpected_resource",
        "Bundle.entry.0.resource",
    ),
    "an_observation": (
        lambda b: b["entry"].append({"resource": {"resourceType": "Observation", "valueString": SECRET}}),
        "unexpected_resource",
        "Bundle.entry.2.resource",
    ),
    "an_element_of_no_resource": (
        lambda b: asked_in(b).update({SECRET: 1}),
        "not_fhir",
        "Bundle.entry.0.resource",
    ),
    "a_status_that_is_a_list": (
        lambda b: asked_in(b).update(status=[SECRET]),
        "not_fhir",
        "Bundle.entry.0.resource.status",
    ),
    "two_requests": (
        lambda b: b["entry"].append(copy.deepcopy(b["entry"][0])),
        "several_resources",
        "Bundle.entry.ServiceRequest",
    ),
    "no_request": (lambda b: b["entry"].pop(0), "missing", "Bundle.entry.ServiceRequest"),
    "a_task_of_another": (
        lambda b: b["entry"][1]["resource"].update(focus={"reference": "urn:uuid:0000"}),
        "another_referral",
        "Task.focus",
    ),
    "a_named_patient": (
        lambda b: b["entry"].append({"resource": {"resourceType": "Patient", "name": [{"text": SECRET}]}}),
        "personal_data_in_clear",
        "Bundle.entry.2.resource",
    ),
    "a_contained_patient_with_a_passport": (
        lambda b: asked_in(b)["contained"].append(
            {"resourceType": "Patient", "identifier": [{"system": "urn:oid:1.2.3", "value": SECRET}]}
        ),
        "personal_data_in_clear",
        "ServiceRequest.contained",
    ),
    "a_subject_with_a_name": (
        lambda b: asked_in(b)["subject"].update(display=SECRET),
        "personal_data_in_clear",
        "ServiceRequest.subject.display",
    ),
    "a_note": (
        lambda b: asked_in(b).update(note=[{"text": SECRET}]),
        "personal_data_in_clear",
        "ServiceRequest.note",
    ),
    "a_description": (
        lambda b: b["entry"][1]["resource"].update(description=SECRET),
        "personal_data_in_clear",
        "Task.description",
    ),
    "a_modifier": (
        lambda b: asked_in(b)["performer"][0].update(modifierExtension=[{"url": SECRET, "valueBoolean": True}]),
        "not_understood",
        "ServiceRequest",
    ),
    "not_to_be_done": (
        lambda b: asked_in(b).update(doNotPerform=True),
        "not_understood",
        "ServiceRequest.doNotPerform",
    ),
    "a_draft": (lambda b: asked_in(b).update(status="draft"), "not_active", "ServiceRequest.status"),
    "a_proposal": (lambda b: asked_in(b).update(intent="proposal"), "not_an_order", "ServiceRequest.intent"),
    "a_priority_of_its_own": (
        lambda b: asked_in(b).update(priority="tomorrow"),
        "unknown_code",
        "ServiceRequest.priority",
    ),
    "no_referral_id": (lambda b: asked_in(b).pop("identifier"), "missing", "ServiceRequest.identifier"),
    "no_performer": (lambda b: asked_in(b).pop("performer"), "missing", "ServiceRequest.performer"),
    "a_service_that_is_no_id": (
        lambda b: asked_in(b)["performer"][1]["identifier"].update(value=SECRET),
        "invalid_field",
        "ServiceRequest.performer",
    ),
    "no_need": (lambda b: asked_in(b).pop("code"), "missing", "ServiceRequest.code"),
    "nobody": (
        lambda b: asked_in(b)["subject"]["identifier"].update(system="urn:oid:1.2.3"),
        "leads_nowhere",
        "ServiceRequest.subject",
    ),
    "no_contact": (
        lambda b: asked_in(b).update(extension=[e for e in asked_in(b)["extension"] if "contact" not in e["url"]]),
        "missing",
        "ServiceRequest.extension.contact",
    ),
    "a_language_in_words": (
        lambda b: next(e for e in asked_in(b)["extension"] if e["url"] == "urn:ruta:contact")["extension"][1].update(
            valueString=SECRET
        ),
        "invalid_field",
        "ServiceRequest.extension.contact.language",
    ),
    "two_contacts": (
        lambda b: asked_in(b)["extension"].extend(
            [e for e in asked_in(b)["extension"] if e["url"] == "urn:ruta:contact"]
        ),
        "repeated",
        "ServiceRequest.extension.contact",
    ),
    "no_sealed_block": (lambda b: asked_in(b).pop("contained"), "missing", "ServiceRequest.contained"),
    "two_sealed_blocks": (
        lambda b: asked_in(b)["contained"].append({**asked_in(b)["contained"][0], "id": "another"}),
        "repeated",
        "ServiceRequest.contained",
    ),
    "a_block_that_is_not_sealed": (
        lambda b: asked_in(b)["contained"][0].update(data="WXVsZWlzeSBHdWVycmVybyA0ODE1MTYy"),
        "invalid_field",
        "ServiceRequest.contained",
    ),
    "a_block_that_is_no_base64": (
        lambda b: asked_in(b)["contained"][0].update(data="%%"),
        "invalid_field",
        "ServiceRequest.contained",
    ),
    "a_confidential_need_of_a_person": (
        lambda b: asked_in(b)["code"]["coding"][0].update(code="gbv.case_management"),
        "invalid_field",
        "ServiceRequest.subject",
    ),
    "a_nul": (lambda b: asked_in(b).update(patientInstruction="\0"), "nul_character", None),
}


# What cannot be right where the first thing is wrong.
ALSO: dict[str, list[tuple[str, str | None]]] = {
    "a_modifier": [("not_fhir", "Bundle.entry.0.resource.performer.0")],
    "a_redirection_without_consent": [
        ("missing", "Task.output.service_id"),
        ("missing", "Task.output.consent_id"),
        ("missing", "Task.contained"),
    ],
}


@pytest.mark.parametrize("fault", BROKEN_REQUESTS)
def test_a_broken_bundle_is_refused_with_its_place_and_without_its_content(fault: str) -> None:
    damage, code, where = BROKEN_REQUESTS[fault]
    bundle = bundle_of()
    damage(bundle)
    assert refusals(to_referral, bundle) == [(code, where), *ALSO.get(fault, [])]


def test_a_bottomless_bundle_is_refused() -> None:
    bundle = bundle_of()
    inner: Json = {"url": "urn:ruta:contact"}
    for _ in range(50_000):
        inner = {"url": "urn:ruta:contact", "extension": [inner]}
    asked_in(bundle)["extension"] = [inner]
    try:
        assert refusal(to_referral, bundle) == ("too_deep", None)
    finally:  # taken apart from above, as deep as it is
        while inner.get("extension"):
            inner = inner.pop("extension")[0]


BROKEN_TASKS: dict[str, tuple[State, Damage, str, str | None]] = {
    "no_task": (State.ACCEPTED, lambda t: t.update(resourceType="Observation"), "unexpected_resource", "Task"),
    "a_status_of_its_own": (
        State.ACCEPTED,
        lambda t: [t.pop("businessStatus"), t.update(status=SECRET)],
        "unknown_code",
        "Task.status",
    ),
    "on_hold_for_what": (State.WAITLISTED, lambda t: t.pop("businessStatus"), "unknown_code", "Task.status"),
    "a_state_of_its_own": (
        State.ACCEPTED,
        lambda t: t["businessStatus"]["coding"][0].update(code=SECRET),
        "unknown_code",
        "Task.businessStatus",
    ),
    "two_minds": (State.ACCEPTED, lambda t: t.update(status="rejected"), "status_disagrees", "Task.status"),
    "no_focus": (State.ACCEPTED, lambda t: t.pop("focus"), "missing", "Task.focus"),
    "no_reason": (State.DECLINED, lambda t: t.pop("statusReason"), "missing", "Task.statusReason"),
    "a_reason_of_its_own": (
        State.DECLINED,
        lambda t: t["statusReason"]["coding"][0].update(code=SECRET),
        "invalid_field",
        "Task.statusReason",
    ),
    "a_place_in_words": (
        State.WAITLISTED,
        lambda t: [t["output"][0].pop("valueInteger"), t["output"][0].update(valueString=SECRET)],
        "invalid_field",
        "Task.output.place_in_line",
    ),
    "a_place_of_two_kinds": (
        State.WAITLISTED,
        lambda t: t["output"][0].update(_valueInteger={"id": "x"}, valueInteger=[1]),
        "not_fhir",
        "Task.output.0.valueInteger",
    ),
    "two_places": (
        State.WAITLISTED,
        lambda t: t["output"].append(t["output"][0]),
        "repeated",
        "Task.output.place_in_line",
    ),
    "a_redirection_without_consent": (State.REDIRECTED, lambda t: None, "missing", "Task.output.recipient"),
    "a_note_in_clear": (
        State.ACCEPTED,
        lambda t: t.update(note=[{"text": SECRET}]),
        "personal_data_in_clear",
        "Task.note",
    ),
    "a_beneficiary_with_a_name": (
        State.ACCEPTED,
        lambda t: t.update({"for": {"display": SECRET}}),
        "personal_data_in_clear",
        "Task.for.display",
    ),
    "what_the_hub_says": (State.EXPIRED, lambda t: None, "not_a_step", "Task.businessStatus"),
    "what_a_person_says": (State.CONSENT_WITHDRAWN, lambda t: None, "not_a_step", "Task.businessStatus"),
    "what_a_request_says": (State.SENT, lambda t: None, "not_a_step", "Task.businessStatus"),
}


@pytest.mark.parametrize("fault", BROKEN_TASKS)
def test_a_broken_task_is_refused_with_its_place_and_without_its_content(fault: str) -> None:
    state, damage, code, where = BROKEN_TASKS[fault]
    broken = task_of(state)
    damage(broken)
    assert refusals(to_step, broken) == [(code, where), *ALSO.get(fault, [])]


def test_a_status_of_another_referral_is_not_put_into_the_bundle() -> None:
    with pytest.raises(Untranslatable, match="another_referral"):
        fhir.referral_to_fhir(examples.referral_requested(), status_of(State.SENT, referral_id=examples.NEED_ID))


def places_in(value: Any, *before: str | int) -> Iterator[tuple[str | int, ...]]:
    """The path of every value in a document."""
    for key, below in value.items() if isinstance(value, dict) else enumerate(value):
        yield (*before, key)
        if isinstance(below, dict | list):
            yield from places_in(below, *before, key)


@pytest.mark.parametrize(
    "instead",
    [None, [], {}, 7, True, SECRET, [SECRET], {SECRET: SECRET}, [None], "{}", [{}]],
    ids=lambda value: json.dumps(value).replace(SECRET, "words"),
)
def test_whatever_stands_in_any_place_has_a_coded_answer(instead: Any) -> None:
    translations = (
        (to_referral, bundle_of()),
        (to_step, task_of(State.DECLINED, sealed=examples.SEALED)),
        (to_status, task_of(State.SCHEDULED)),
    )
    for translate, good in translations:
        for *path, last in places_in(good):
            broken = copy.deepcopy(good)
            holder: Any = broken
            for key in path:
                holder = holder[key]
            holder[last] = instead
            try:
                translate(broken)
            except Untranslatable as refused:
                assert "Yuleisy" not in "".join(traceback.format_exception(refused))  # noqa: PT017 - either is good
