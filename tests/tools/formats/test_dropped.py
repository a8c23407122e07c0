"""Whatever a document says is read, named as dropped, or refused; it is tried with every element in every place."""

import copy
import json
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class
from pydantic import BaseModel

from contracts.codes import ReferralState as State
from tests import examples
from tests.tools.formats import test_fhir, test_primero
from tools.formats import fhir_reading, primero
from tools.formats.reading import Translation, Untranslatable

Json = dict[str, Any]
Read = Callable[[Json], Translation[Any]]
PAGE = (Path(__file__).parents[3] / "docs" / "interoperability.md").read_text()

PLAIN: dict[str, tuple[Any, Any]] = {
    "bool": (True, False),
    "int": (1, 2),
    "decimal": (1.5, 2.5),
    "datetime": ("2026-03-02T14:05:00Z", "2026-03-03T14:05:00Z"),
    "date": ("2026-03-02", "2026-03-03"),
    "time": ("14:05:00", "15:05:00"),
    "bytes": ("QUJD", "QUJE"),
    "str": ("sample", "another"),
}


# -- FHIR: a value for every element of every type --------------------------------------------------------------------


def model_of(annotation: Any) -> type[BaseModel] | None:
    """The model of a complex type."""
    found = re.search(r"abc\.(\w+?)Type\b", str(annotation))
    if found is None or found[1] in ("Resource", "FHIRPrimitiveExtension"):
        return get_fhir_model_class("FHIRPrimitiveExtension") if found and found[1] != "Resource" else None
    model: type[BaseModel] = get_fhir_model_class(found[1])
    return model


def sample(annotation: Any, which: int) -> Any:
    """A value that the library takes for an element."""
    model = model_of(annotation)
    if model is not None:
        one: Any = filled(model, which)
    elif "abc.ResourceType" in str(annotation):
        one = {"resourceType": "Organization", "name": PLAIN["str"][which]}
    else:
        plain = str(annotation).lower()
        kind = next((kind for kind in PLAIN if re.search(rf"\b{kind}\b", plain)), "str")
        one = PLAIN[kind][which]
        if kind == "str" and re.search(r"oid|uuid|url|uri|canonical", plain):
            one = f"https://example.org/{one}"
    return [one] if "typing.List" in str(annotation) else one


def filled(model: type[BaseModel], which: int) -> Json:
    """An object of a type, with the least that the library asks for."""
    name = model.__name__
    if name == "FHIRPrimitiveExtension":
        return {"extension": [{"url": "https://example.org/theirs", "valueString": PLAIN["str"][which]}]}
    needed = {
        "Extension": {"url": "https://example.org/theirs", "valueString": PLAIN["str"][which]},
        "Reference": {"reference": f"Organization/{PLAIN['str'][which]}"},
        "Annotation": {"text": PLAIN["str"][which]},
        "Narrative": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'},
        "TaskInput": {"type": {"text": PLAIN["str"][which]}, "valueString": "sample"},
        "TaskOutput": {"type": {"text": PLAIN["str"][which]}, "valueString": "sample"},
        "BundleLink": {"relation": "self", "url": "https://example.org/"},
        "BundleEntryRequest": {"method": ("PATCH", "POST")[which], "url": "Task"},
        "BundleEntryResponse": {"status": "200"},
        "Signature": {"type": [{"code": "x"}], "when": PLAIN["datetime"][0], "who": {"reference": "Organization/1"}},
        "HealthcareServiceNotAvailable": {"description": "sample"},
    }
    if name in needed:
        return needed[name]
    for field in model.model_fields.values():
        element = field.alias or "_"
        if element.startswith("_") or element in ("id", "extension", "modifierExtension"):
            continue
        if "Reference" not in str(field.annotation) and model_of(field.annotation) is None:
            return {element: sample(field.annotation, which)}
    return {"id": PLAIN["str"][which]}


def objects(value: Json, model: type[BaseModel], path: str) -> Iterator[tuple[Json, type[BaseModel], str]]:
    """Every object in a resource, with its type and its path."""
    yield value, model, path
    fields = {field.alias: field.annotation for field in model.model_fields.values()}
    for name, below in value.items():
        for one in below if isinstance(below, list) else [below]:
            if not isinstance(one, dict):
                continue
            kind = get_fhir_model_class(one["resourceType"]) if "resourceType" in one else model_of(fields[name])
            assert kind is not None
            place = f"{path}.{name[1:]}.extension" if name.startswith("_") else f"{path}.{name}"
            yield from objects(one, kind, place if name != "resource" else one["resourceType"])


def additions(document: Json, model: type[BaseModel], path: str) -> Iterator[tuple[str, Callable[[Json, int], None]]]:
    """Everything that may be said besides, in every object: an element that is not there, or one more of a list."""
    for number, (value, kind, place) in enumerate(objects(document, model, path)):
        for field in kind.model_fields.values():
            name, annotation = field.alias or "", field.annotation
            if name in ("fhir_comments", "resource_type", "resourceType"):
                continue
            if name in value and not isinstance(value[name], list):
                continue
            if kind.__name__ in ("Extension", "TaskOutput") and name.lstrip("_").startswith("value"):
                continue  # they have their one value already, or others inside: the library refuses a second

            def add(
                copied: Json, which: int, number: int = number, name: str = name, annotation: Any = annotation
            ) -> None:
                target = list(objects(copied, model, path))[number][0]
                said = sample(annotation, which)
                target[name] = target.get(name, []) + said if isinstance(said, list) else said

            yield f"{place}.{name[1:]}.extension" if name.startswith("_") else f"{place}.{name}", add


def outcome(read: Read, document: Json) -> tuple[Any, tuple[str, ...]]:
    """What is read and what is dropped, or the refusal."""
    try:
        translation = read(document)
    except Untranslatable as refused:
        return refused.faults, ()
    return translation.data, translation.dropped


def is_named(path: str, dropped: tuple[str, ...]) -> bool:
    return any(f"{path}.".startswith(f"{one}.") or f"{one}.".startswith(f"{path}.") for one in dropped)


DOCUMENTS: dict[str, tuple[Read, Json, str]] = {
    "a_request": (fhir_reading.fhir_to_referral, test_fhir.bundle_of(answer_by=examples.NOW), "Bundle"),
    "a_request_alone": (fhir_reading.fhir_to_referral, test_fhir.asked_in(test_fhir.bundle_of()), "ServiceRequest"),
    "a_step": (
        fhir_reading.fhir_to_step,
        test_fhir.task_of(State.DECLINED, sealed=examples.SEALED),
        "Task",
    ),
    "a_status": (fhir_reading.fhir_to_status, test_fhir.task_of(State.INFO_REQUESTED), "Task"),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_whatever_fhir_says_besides_is_read_named_or_refused(name: str) -> None:
    read, document, kind = DOCUMENTS[name]
    before, _ = outcome(read, document)
    silent = []
    for path, add in additions(document, get_fhir_model_class(kind), kind):
        lost = True
        for which in (0, 1):  # what is read and changes nothing is something else with another value
            said = copy.deepcopy(document)
            add(said, which)
            after, dropped = outcome(read, json.loads(json.dumps(said)))
            lost = after == before and not is_named(path, dropped)
            if not lost:
                break
        if lost:
            silent.append(path)
    assert silent == []


# -- Primero ----------------------------------------------------------------------------------------------------------

# Fields of db/configuration/forms/case, and some that no form has.
FIELDS = """
    name_nickname name_other estimated ration_card_no icrc_ref_no unhcr_id_no national_id_no other_id_no nationality
    maritial_status occupation address_current address_is_permanent telephone_current sex age date_of_birth status
    record_state enabled hidden_name protection_status protection_concerns care_arrangements_section
    family_details_section followup_subform_section flags created_at registration_date owned_by name type record_type
    service_type_other service_provider service_location service_appointment_date service_implemented
    service_implemented_day_time note_on_referral_from_provider service_implementing_agency_individual
    service_implementing_agency_external service_referral_notes referral_follow_up_contact_who
    child_caregiver_reason_change caregiver_age caregiver_dob care_arrangement_started_date relation_telephone
    relation_is_alive relation_age anything_else
"""
SAMPLES: list[Any] = ["sample", "2020-05-05", 7, True, False, ["sample"], [{"anything_else": "sample"}], {"a": "b"}]

CHILD = test_primero.record_of(
    age=None,
    date_of_birth="2015-03-03",
    care_arrangements_section=[{"name_caregiver": "Rosa", "relationship_caregiver": "mother"}],
)
CASES: dict[str, Json] = {
    "an_adult": test_primero.RECORD,
    "a_child": CHILD,
    "a_confidential_case": test_primero.record_of(module_id="primeromodule-gbv"),
}


def read_case(record: Json) -> Translation[Any]:
    words = primero.words_with(test_primero.OWN)
    return primero.case_to_drafts(record, consent_id=examples.CONSENT_ID, words=words)


def places(record: Json) -> Iterator[tuple[str, list[str | int]]]:
    """The objects of a case: their paths before people, and in the document."""
    yield "", []
    yield "", ["data"]
    for section, value in record["data"].items():
        for number, item in enumerate(value if isinstance(value, list) else []):
            if isinstance(item, dict):
                yield f"{section}.{number}.", ["data", section, number]


@pytest.mark.parametrize("name", CASES)
def test_whatever_primero_says_besides_is_read_named_or_refused(name: str) -> None:
    record = CASES[name]
    before, _ = outcome(read_case, record)
    chance = random.Random(20261127)  # noqa: S311 - not for secrets
    silent = []
    for shown, path in places(record):
        for field in FIELDS.split():
            lost = True
            for value in (SAMPLES[0], SAMPLES[3], SAMPLES[4], *chance.sample(SAMPLES, 4)):
                said = copy.deepcopy(record)
                target: Any = said
                for key in path:
                    target = target[key]
                if field in target:
                    lost = False
                    break
                target[field] = value
                after, dropped = outcome(read_case, said)
                lost = lost and after == before and not is_named(shown + field, dropped)
            if lost:
                silent.append(shown + field)
    assert silent == []


def test_a_field_that_is_none_of_primeros_is_named_without_its_name() -> None:
    record = copy.deepcopy(test_primero.RECORD)
    record["data"]["Yuleisy 4815162"] = "x"
    _, dropped = outcome(read_case, record)
    assert "?" in dropped
    assert "Yuleisy" not in repr(dropped)
