"""One question has one answer: two that differ are refused, and a reference leads where R4 says."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

import contracts
from contracts.codes import ReferralState as State
from tests import examples
from tests.tools.formats.test_fhir import (
    Damage,
    asked_in,
    bundle_of,
    refusal,
    refusals,
    task_of,
    to_referral,
    to_status,
    to_step,
)
from tools.formats import fhir_codes, fhir_reading
from tools.formats.reading import Untranslatable

Json = dict[str, Any]

ANOTHER = "019a0000-0000-7000-8000-00000000aaaa"
CODE = "urn:ruta:code:"


def coding(codelist: str, code: str) -> Json:
    return {"system": f"{CODE}{codelist}", "code": code}


def named(kind: str, value: object) -> Json:
    return {"identifier": {"system": f"urn:ruta:{kind}", "value": str(value)}}


def followed_in(bundle: Json) -> Json:
    task: Json = bundle["entry"][1]["resource"]
    return task


# -- two answers ------------------------------------------------------------------------------------------------------

TWO_ANSWERS: dict[str, tuple[Damage, str, str]] = {
    "organisations": (
        lambda b: asked_in(b)["performer"].append(named("organisation", "fuvadis")),
        "repeated", "ServiceRequest.performer",
    ),
    "organisations_the_other_first": (
        lambda b: asked_in(b)["performer"].insert(0, named("organisation", "fuvadis")),
        "repeated", "ServiceRequest.performer",
    ),
    "services": (
        lambda b: asked_in(b)["performer"].append(named("service", ANOTHER)),
        "repeated", "ServiceRequest.performer",
    ),
    "somebody_else_besides": (
        lambda b: asked_in(b)["performer"].append({"reference": "Practitioner/1"}),
        "leads_nowhere", "ServiceRequest.performer",
    ),
    "needs": (
        lambda b: asked_in(b)["code"]["coding"].append(coding("need_code", "health.maternal")),
        "repeated", "ServiceRequest.code",
    ),
    "reasons_in_one_concept": (
        lambda b: asked_in(b)["reasonCode"][0]["coding"].append(coding("reason_code", "outside_area")),
        "repeated", "ServiceRequest.reasonCode",
    ),
    "reasons_in_two": (
        lambda b: asked_in(b)["reasonCode"].append({"coding": [coding("reason_code", "outside_area")]}),
        "repeated", "ServiceRequest.reasonCode",
    ),
    "referrals": (
        lambda b: asked_in(b)["identifier"].append(named("referral", ANOTHER)["identifier"]),
        "repeated", "ServiceRequest.identifier",
    ),
    "needs_by_id": (
        lambda b: asked_in(b).update(reasonReference=[named("need", examples.NEED_ID), named("need", ANOTHER)]),
        "repeated", "ServiceRequest.reasonReference",
    ),
    "consents": (
        lambda b: asked_in(b)["supportingInfo"].append(named("consent", ANOTHER)),
        "repeated", "ServiceRequest.supportingInfo",
    ),
    "priorities": (lambda b: followed_in(b).update(priority="stat"), "contradicts", "Task.priority"),
    "recipients": (
        lambda b: followed_in(b).update(owner=named("organisation", "fuvadis")), "contradicts", "Task.owner"
    ),
    "a_recipient_nobody_knows": (
        lambda b: followed_in(b).update(owner={"reference": "Organization/9"}), "leads_nowhere", "Task.owner"
    ),
    "persons": (lambda b: followed_in(b).update({"for": named("person", ANOTHER)}), "contradicts", "Task.for"),
    "a_person_and_a_case": (
        lambda b: followed_in(b).update({"for": named("case_code", "GBV-0001")}), "contradicts", "Task.for"
    ),
    "types": (
        lambda b: asked_in(b)["performer"][0].update(type="HealthcareService"),
        "contradicts", "ServiceRequest.performer.type",
    ),
    "a_focus_by_name_and_by_place": (
        lambda b: followed_in(b)["focus"].update(reference=f"urn:uuid:{ANOTHER}"), "another_referral", "Task.focus"
    ),
    "states": (
        lambda b: followed_in(b)["businessStatus"]["coding"].append(coding("state", "accepted")),
        "repeated", "Task.businessStatus",
    ),
}  # fmt: skip


@pytest.mark.parametrize("question", TWO_ANSWERS)
def test_a_request_with_two_answers_to_one_question_is_refused(question: str) -> None:
    damage, code, where = TWO_ANSWERS[question]
    bundle = bundle_of()
    damage(bundle)
    assert refusal(to_referral, bundle) == (code, where)


TWO_OF_A_TASK: dict[str, tuple[State, Damage, str, str]] = {
    "states": (
        State.ACCEPTED,
        lambda t: t["businessStatus"]["coding"].insert(0, {"system": fhir_codes.BSER, "code": "4.0"}),
        "repeated", "Task.businessStatus",
    ),
    "a_state_and_one_nobody_knows": (
        State.ACCEPTED,
        lambda t: t["businessStatus"]["coding"].append(coding("state", "half_done")),
        "repeated", "Task.businessStatus",
    ),
    "reasons": (
        State.DECLINED,
        lambda t: t["statusReason"]["coding"].append(coding("decline_reason", "safety")),
        "repeated", "Task.statusReason",
    ),
    "names_of_an_output": (
        State.WAITLISTED,
        lambda t: t["output"][0]["type"]["coding"].append(coding("output", "visit_at")),
        "repeated", "Task.output.type",
    ),
    "referrals": (
        State.ACCEPTED, lambda t: t["focus"].update(reference=f"urn:uuid:{ANOTHER}"), "repeated", "Task.focus"
    ),
    "another_thing_asked": (
        State.ACCEPTED, lambda t: t["code"]["coding"][0].update(code="abort"), "not_understood", "Task.code"
    ),
    "a_plan": (State.ACCEPTED, lambda t: t.update(intent="plan"), "not_an_order", "Task.intent"),
}  # fmt: skip


@pytest.mark.parametrize("question", TWO_OF_A_TASK)
def test_a_step_with_two_answers_to_one_question_is_refused(question: str) -> None:
    state, damage, code, where = TWO_OF_A_TASK[question]
    task = task_of(state)
    damage(task)
    assert refusal(to_step, task) == (code, where)


@pytest.mark.parametrize(("element", "field"), [("owner", "recipient"), ("requester", "sender")])
def test_a_status_of_two_organisations_is_refused(element: str, field: str) -> None:
    task = task_of()
    task["contained"] = [
        {"resourceType": "Organization", "id": "o", "identifier": [named("organisation", "fuvadis")["identifier"]]}
    ]
    task[element]["reference"] = "#o"
    assert refusal(to_status, task) == ("repeated", f"Task.{element}")
    task["contained"][0]["identifier"][0]["value"] = getattr(to_status(task_of()), field)
    assert to_status(task) == to_status(task_of())


def test_the_same_answer_twice_is_one_answer() -> None:
    bundle = bundle_of()
    asked = asked_in(bundle)
    for element in ("performer", "reasonCode", "identifier"):
        asked[element] += copy.deepcopy(asked[element])
    asked["code"]["coding"] *= 2
    assert to_referral(bundle) == examples.referral_requested()


def test_a_name_that_a_thing_no_longer_has_is_no_answer() -> None:
    bundle = bundle_of()
    old = {**named("referral", ANOTHER)["identifier"], "use": "old"}
    asked_in(bundle)["identifier"].insert(0, old)
    assert to_referral(bundle) == examples.referral_requested()
    assert "ServiceRequest.identifier" in fhir_reading.fhir_to_referral(bundle).dropped


def test_a_field_that_has_an_element_is_not_said_a_second_time_in_an_extension_or_an_output() -> None:
    bundle = bundle_of()
    asked_in(bundle)["extension"].append({"url": "urn:ruta:recipient", "valueString": "fuvadis"})
    assert to_referral(bundle) == examples.referral_requested()
    assert "ServiceRequest.extension" in fhir_reading.fhir_to_referral(bundle).dropped
    task = task_of()
    task["output"] = [{"type": {"coding": [coding("output", "referral_id")]}, "valueUri": f"urn:uuid:{ANOTHER}"}]
    assert to_status(task) == to_status(task_of())
    assert "Task.output" in fhir_reading.fhir_to_status(task).dropped


def test_all_that_is_wrong_with_a_request_is_told_at_once() -> None:
    bundle = bundle_of()
    asked = asked_in(bundle)
    asked.update(status="draft", intent="plan", note=[{"text": "x"}], priority="tomorrow")
    asked["performer"].append(named("organisation", "fuvadis"))
    del asked["code"], asked["contained"]
    followed_in(bundle)["owner"] = named("organisation", "redcross")
    assert refusals(to_referral, bundle) == [
        ("personal_data_in_clear", "ServiceRequest.note"),
        ("not_active", "ServiceRequest.status"),
        ("not_an_order", "ServiceRequest.intent"),
        ("repeated", "ServiceRequest.performer"),
        ("unknown_code", "ServiceRequest.priority"),
        ("missing", "ServiceRequest.code"),
        ("missing", "ServiceRequest.contained"),
    ]


def test_all_that_is_no_fhir_is_told_at_once() -> None:
    bundle = bundle_of()
    asked_in(bundle)["status"] = ["x"]
    followed_in(bundle)["intent"] = {}
    assert refusals(to_referral, bundle) == [
        ("not_fhir", "Bundle.entry.0.resource.status"),
        ("not_fhir", "Bundle.entry.1.resource.intent"),
    ]


# -- references -------------------------------------------------------------------------------------------------------

SERVER = "https://x.example.org/fhir"


def organisation(id: str, name: str, **more: Any) -> Json:
    return {
        "resourceType": "Organization", "id": id, "identifier": [named("organisation", name)["identifier"]], **more
    }  # fmt: skip


def bundle_asking(reference: str, *entries: Json, full_url: str | None = None) -> Json:
    """A request to whom a reference leads, with other entries."""
    bundle = bundle_of()
    asked_in(bundle)["performer"][0] = {"reference": reference}
    del followed_in(bundle)["owner"]
    if full_url is not None:
        bundle["entry"][0]["fullUrl"] = full_url
        followed_in(bundle)["focus"].pop("reference")
    bundle["entry"] += entries
    return bundle


def entry(full_url: str | None, resource: Json) -> Json:
    return {"resource": resource} if full_url is None else {"fullUrl": full_url, "resource": resource}


HERE = entry(f"{SERVER}/Organization/o1", organisation("o1", "iom"))
ELSEWHERE = entry("https://a.example.org/fhir/Organization/o1", organisation("o1", "fuvadis"))
REQUEST_HERE = f"{SERVER}/ServiceRequest/{examples.REFERRAL_ID}"

LEAD_TO_IOM: dict[str, Json] = {
    "relative_on_its_own_server": bundle_asking("Organization/o1", ELSEWHERE, HERE, full_url=REQUEST_HERE),
    "relative_in_the_other_order": bundle_asking("Organization/o1", HERE, ELSEWHERE, full_url=REQUEST_HERE),
    "absolute": bundle_asking(f"{SERVER}/Organization/o1", ELSEWHERE, HERE),
    "a_version": bundle_asking("Organization/o1/_history/2", HERE, full_url=REQUEST_HERE),
    "an_absolute_version": bundle_asking(f"{SERVER}/Organization/o1/_history/2", ELSEWHERE, HERE),
    "the_right_version_of_two": bundle_asking(
        "Organization/o1/_history/2",
        entry(HERE["fullUrl"], organisation("o1", "fuvadis", meta={"versionId": "1"})),
        entry(HERE["fullUrl"], organisation("o1", "iom", meta={"versionId": "2"})),
        full_url=REQUEST_HERE,
    ),
    "a_version_from_no_server": bundle_asking("Organization/o1/_history/2", HERE),
    "from_no_server_to_the_only_one": bundle_asking("Organization/o1", entry(None, organisation("o1", "iom"))),
    "a_urn": bundle_asking(f"urn:uuid:{ANOTHER}", entry(f"urn:uuid:{ANOTHER}", organisation("o1", "iom"))),
    "a_urn_in_capitals": bundle_asking(
        f"urn:uuid:{ANOTHER.upper()}", entry(f"urn:uuid:{ANOTHER}", organisation("o1", "iom"))
    ),
    "not_its_namesake_of_another_type": bundle_asking(
        "Organization/o1", HERE,
        entry(f"{SERVER}/HealthcareService/o1", {"resourceType": "HealthcareService", "id": "o1"}),
        full_url=REQUEST_HERE,
    ),
}  # fmt: skip

LEAD_NOWHERE: dict[str, tuple[Json, str]] = {
    "to_another_server": (bundle_asking("Organization/o1", ELSEWHERE, full_url=REQUEST_HERE), "leads_nowhere"),
    "to_what_is_not_there": (bundle_asking("Organization/o2", HERE, full_url=REQUEST_HERE), "leads_nowhere"),
    "to_another_version": (
        bundle_asking(
            "Organization/o1/_history/2",
            entry(HERE["fullUrl"], organisation("o1", "iom", meta={"versionId": "1"})),
            full_url=REQUEST_HERE,
        ),
        "leads_nowhere",
    ),
    "to_an_end_that_is_the_same": (bundle_asking("o1", HERE, full_url=REQUEST_HERE), "leads_nowhere"),
    "to_something_contained_elsewhere": (bundle_asking("#o1", HERE), "leads_nowhere"),
    "to_two_from_no_server": (bundle_asking("Organization/o1", HERE, ELSEWHERE), "repeated"),
    "to_two_of_one_url": (
        bundle_asking(
            "Organization/o1", HERE, entry(HERE["fullUrl"], organisation("o1", "fuvadis")), full_url=REQUEST_HERE
        ),
        "repeated",
    ),
    "to_one_with_two_names": (
        bundle_asking(
            f"{SERVER}/Organization/o1",
            entry(
                HERE["fullUrl"],
                {
                    **organisation("o1", "iom"),
                    "identifier": [named("organisation", name)["identifier"] for name in ("iom", "fuvadis")],
                },
            ),
        ),
        "repeated",
    ),
}


@pytest.mark.parametrize("how", LEAD_TO_IOM)
def test_a_reference_leads_where_r4_says(how: str) -> None:
    assert to_referral(LEAD_TO_IOM[how]).recipient == "iom"


@pytest.mark.parametrize("how", LEAD_NOWHERE)
def test_a_reference_that_leads_nowhere_or_to_two_is_refused_as_that(how: str) -> None:
    bundle, code = LEAD_NOWHERE[how]
    assert (code, "ServiceRequest.performer") in refusals(to_referral, bundle)


def test_what_is_not_in_use_any_more_is_not_asked() -> None:
    bundle = bundle_asking("Organization/o1", entry(HERE["fullUrl"], organisation("o1", "iom", active=False)))
    assert refusal(to_referral, bundle) == ("not_active", "Organization.active")


@pytest.mark.parametrize("reference", [f"urn:uuid:{examples.REFERRAL_ID}", f"urn:uuid:{examples.REFERRAL_ID}".upper()])
def test_a_task_alone_is_of_the_referral_whose_urn_its_focus_is(reference: str) -> None:
    task = {"resourceType": "Task", "status": "accepted", "intent": "order", "focus": {"reference": reference}}
    assert to_step(task) == contracts.ReferralAccepted(referral_id=examples.REFERRAL_ID)


def test_a_task_whose_focus_is_on_some_server_is_of_no_referral() -> None:
    task = {"resourceType": "Task", "status": "accepted", "intent": "order", "focus": {"reference": "ServiceRequest/1"}}
    assert refusal(to_step, task) == ("leads_nowhere", "Task.focus")


# -- until when -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("end", "moment"),
    [
        ("2026-03-09", "2026-03-09T23:59:59-05:00"),
        ("2026-02", "2026-02-28T23:59:59-05:00"),
        ("2028-02", "2028-02-29T23:59:59-05:00"),
        ("2026", "2026-12-31T23:59:59-05:00"),
        ("2026-03-09T10:00:00-05:00", "2026-03-09T10:00:00-05:00"),
    ],
)
def test_a_day_without_a_time_ends_in_colombia(end: str, moment: str) -> None:
    bundle = bundle_of()
    followed_in(bundle)["restriction"] = {"period": {"end": end}}
    answer_by = to_referral(bundle).answer_by
    assert answer_by is not None
    assert answer_by.isoformat() == moment


@pytest.mark.parametrize("end", ["2026-02-30", "2026-13", "0000"])
def test_a_day_that_there_is_not_is_refused(end: str) -> None:
    bundle = bundle_of()
    followed_in(bundle)["restriction"] = {"period": {"end": end}}
    with pytest.raises(Untranslatable):
        to_referral(bundle)


# -- BSeR -------------------------------------------------------------------------------------------------------------

# Code, Task.status, and what it says: written apart from the table that is under test.
BSER = [
    ("2.0", "requested", "Service Request Created", State.SENT),
    ("3.0", "accepted", "Service Request Accepted", State.ACCEPTED),
    ("4.0", "rejected", "Service Request Declined", State.DECLINED),
    ("5.1.1", "in-progress", "Service Request Event Scheduled", State.SCHEDULED),
    ("5.1.2", "in-progress", "Scheduled Service Request Event Unattended", State.NO_SHOW),
    ("5.1.3", "in-progress", "Scheduled Service Request Event Cancelled", State.VISIT_CANCELLED),
    ("5.1.4", "in-progress", "Service Request Event Completed", State.IN_SERVICE),
    ("5.2", "in-progress", "Service Request Cancellation Requested", State.CANCEL_REQUESTED),
    ("6.0", "cancelled", "Service Request Fulfillment Cancelled", State.CANCELLED),
    ("7.0", "completed", "Service Request Fulfillment Completed", State.COMPLETED),
]


def bser_task(code: str, status: str, display: str) -> Json:
    return {
        **task_of(State.ACCEPTED),
        "status": status,
        "businessStatus": {"coding": [{"system": fhir_codes.BSER, "code": code, "display": display}]},
    }


@pytest.mark.parametrize(("code", "status", "display", "state"), BSER)
def test_each_business_status_of_bser_is_read(code: str, status: str, display: str, state: State) -> None:
    assert to_status(bser_task(code, status, display)).state is state
    assert set(fhir_codes.BSER_STATES) == {row[0] for row in BSER}
    for other in {row[1] for row in BSER} - {status}:
        assert refusal(to_status, bser_task(code, other, display)) == ("status_disagrees", "Task.status")


def test_a_business_status_of_bser_is_the_step_that_brings_it_about() -> None:
    said: Callable[[str, str], Any] = lambda code, status: to_step(bser_task(code, status, "x"))  # noqa: E731
    assert isinstance(said("3.0", "accepted"), contracts.ReferralAccepted)
    assert isinstance(said("5.1.2", "in-progress"), contracts.ReferralNoShow)
    assert isinstance(said("5.1.4", "in-progress"), contracts.ReferralServiceStarted)
    assert isinstance(said("6.0", "cancelled"), contracts.ReferralCancelled)
    # What the network asks besides, BSeR has no code for.
    assert refusal(to_step, bser_task("5.2", "in-progress", "x")) == ("missing", "Task.statusReason")
    assert refusal(to_step, bser_task("2.0", "requested", "x")) == ("not_a_step", "Task.businessStatus")


@pytest.mark.parametrize(
    "business",
    [
        {"coding": [{"system": fhir_codes.BSER, "code": "5.1.2.1"}]},
        {"coding": [{"system": fhir_codes.BSER, "code": "5.1"}]},
        {"coding": [{"system": "https://example.org/theirs", "code": "3.0"}]},
        {"coding": [{"code": "3.0"}]},
        {"text": "Service Request Accepted"},
        {"coding": []},
    ],
)
def test_any_other_business_status_is_refused_and_not_passed_over(business: Json) -> None:
    task = {**task_of(State.ACCEPTED), "businessStatus": business}
    assert refusal(to_step, task) == ("unknown_code", "Task.businessStatus")
