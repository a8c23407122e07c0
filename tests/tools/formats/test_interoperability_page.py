"""What docs/interoperability.md says field by field is what the code does."""

import copy
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class

import contracts
from contracts.codes import ReferralState as State
from tests import examples
from tests.tools.formats import test_fhir, test_primero
from tests.tools.formats.test_dropped import outcome, sample
from tools.formats import fhir_codes, fhir_reading, primero, primero_status
from tools.formats.reading import Translation
from tools.formats.refusals import REFUSALS

Json = dict[str, Any]

PAGE = (Path(__file__).parents[3] / "docs" / "interoperability.md").read_text()


def rows(page: str, heading: str) -> list[list[str]]:
    """The rows of the table whose head begins with `heading`, without the code marks."""
    _, found, after = page.partition(f"\n| {heading} |")
    assert found, f"the page has no table of {heading}"
    lines = after.splitlines()[2:]
    table = lines[: next(number for number, line in enumerate(lines) if not line.startswith("|"))]
    return [[cell.strip().replace("`", "") for cell in line.strip("|").split("|")] for line in table]


def first_two(page: str, heading: str) -> dict[str, str]:
    return {row[0]: row[1] for row in rows(page, heading)}


def faults(page: str) -> list[str]:
    """The tables of the page that do not say what the code does."""
    tables: Mapping[str, Mapping[str, str]] = {
        "`referral.requested`": fhir_codes.REQUEST_HOMES,
        "`referral.status`": fhir_codes.STATUS_HOMES,
        "state | `Task.status`": {str(state): status for state, status in fhir_codes.TASK_STATUS.items()},
        "state | Primero": {str(state): standing for state, standing in primero_status.STANDING.items()},
        "Primero | need": primero.WORDS["service_types"],
        "BSeR | state": {code: str(state) for code, state in fhir_codes.BSER_STATES.items()},
        "refused with": REFUSALS,
    }
    found = [heading for heading, said in tables.items() if first_two(page, heading) != dict(said)]
    if first_two(page, "`referral.offered`").keys() != contracts.ReferralOffered.model_fields.keys():
        found.append("`referral.offered`")
    said_by = {row[0]: re.findall(r"referral\.[a-z_]+", row[2]) for row in rows(page, "state | `Task.status`")}
    steps = {(str(state), contracts.contract_of(step).name) for state, step, _, _ in fhir_codes.STEPS}
    if {(state, step) for state, names in said_by.items() for step in names} != steps:
        found.append("said by")
    return found


def test_every_refusal_in_the_code_is_listed_and_every_one_listed_is_in_the_code() -> None:
    raised = {
        code
        for file in Path(primero.__file__).parent.glob("*.py")
        for call in re.findall(r"(?:blame|refuse|Fault)\(([^)]*)", file.read_text())
        for code in re.findall(r'"([a-z_]+)"', call)
    }
    in_reading = {"not_json", "too_deep", "repeated_name", "missing", "invalid_field"}  # said through a variable
    assert set(REFUSALS) <= raised | in_reading
    assert {code for code in raised if code in REFUSALS} | in_reading == set(REFUSALS)


Read = Callable[[Json], Translation[Any]]
REQUEST = test_fhir.bundle_of()
RESOURCES: dict[str, tuple[str, Read, Json, list[str | int]]] = {
    "a request: ServiceRequest": (
        "ServiceRequest", fhir_reading.fhir_to_referral, REQUEST, ["entry", 0, "resource"]
    ),
    "a request: Task": ("Task", fhir_reading.fhir_to_referral, REQUEST, ["entry", 1, "resource"]),
    "a step: Task": ("Task", fhir_reading.fhir_to_step, test_fhir.task_of(State.ACCEPTED), []),
}  # fmt: skip


def dropped_whole(resource: str, read: Read, document: Json, path: list[str | int]) -> set[str]:
    """The elements of a resource that are dropped where they say something of somebody else's."""
    dropped: set[str] = set()
    for field in get_fhir_model_class(resource).model_fields.values():
        element = field.alias or ""
        if element.startswith("_") or element in ("fhir_comments", "resourceType"):
            continue
        for which in (0, 1):
            said = copy.deepcopy(document)
            target: Any = said
            for key in path:
                target = target[key]
            target[element] = sample(field.annotation, which)
            dropped |= {element} & {one.removeprefix(f"{resource}.") for one in outcome(read, said)[1]}
    return dropped


@pytest.mark.parametrize("row", RESOURCES)
def test_the_page_names_the_elements_of_fhir_that_are_dropped(row: str) -> None:
    (whole, partly), *_ = ([one[1], one[2]] for one in rows(PAGE, "read as") if one[0] == row)
    resource, read, document, path = RESOURCES[row]
    assert dropped_whole(resource, read, document, path) - set(partly.split(", ")) == set(whole.split(", "))


def test_the_page_names_every_field_of_primero_that_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    read: set[str] = set()

    class Watched(primero.Fields):
        def read(self, name: str) -> Any:
            read.add(name)
            return super().read(name)

    monkeypatch.setattr(primero, "Fields", Watched)
    family = [{"relation_name": "Luz", "relation": "mother", "relation_is_caregiver": True, "relation_telephone": "1"}]
    for case in (
        test_primero.RECORD,
        test_primero.record_of(**test_primero.CHILD, family_details_section=family),
        test_primero.record_of(**test_primero.CHILD, protection_status="unaccompanied"),
    ):
        assert primero.case_to_drafts(
            case, consent_id=examples.CONSENT_ID, words=primero.words_with(test_primero.OWN)
        ).data
    assert len(read) > 20
    _, _, section = PAGE.partition("### A case, field by field")
    named = re.findall(r"[a-z][a-z_]+", section.partition("### Service types")[0])
    assert read - set(named) - set(test_primero.OWN["documents"]) == set()


def test_the_page_says_what_the_code_does() -> None:
    assert faults(PAGE) == []


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("| `urgency` | `ServiceRequest.priority` |", "| `urgency` | `ServiceRequest.code` |"),
        ("| `follow_up` |", "| `follow_on` |"),
        ("| `due_at` | `Task.extension.due_at` |", "| `due_at` | `Task.output.due_at` |"),
        ("| accepted | accepted | `referral.accepted` |", "| accepted | accepted | `referral.received` |"),
        ("| expired | failed |", "| expired | rejected |"),
        ("| closed | done |", "| closed | accepted |"),
        ("| `food_service` | `food_security.food_basket` |", "| `food_service` | `food_security.hot_meal` |"),
        ("| `receive_by` |", "| `received_by` |"),
        ("| 5.1.2 | no_show |", "| 5.1.2 | scheduled |"),
        ("| `several_cases` |", "| `some_cases` |"),
    ],
)
def test_a_wrong_row_is_caught(right: str, wrong: str) -> None:
    assert right in PAGE
    assert len(faults(PAGE.replace(right, wrong))) == 1
