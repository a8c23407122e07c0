"""What docs/interoperability.md says field by field is what the code does."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

import contracts
from tools.formats import fhir_codes, primero, primero_status

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
    }
    found = [heading for heading, said in tables.items() if first_two(page, heading) != dict(said)]
    if first_two(page, "`referral.offered`").keys() != contracts.ReferralOffered.model_fields.keys():
        found.append("`referral.offered`")
    said_by = {row[0]: re.findall(r"referral\.[a-z_]+", row[2]) for row in rows(page, "state | `Task.status`")}
    steps = {(str(state), contracts.contract_of(step).name) for state, step, _, _ in fhir_codes.STEPS}
    if {(state, step) for state, names in said_by.items() for step in names} != steps:
        found.append("said by")
    return found


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
    ],
)
def test_a_wrong_row_is_caught(right: str, wrong: str) -> None:
    assert right in PAGE
    assert len(faults(PAGE.replace(right, wrong))) == 1
