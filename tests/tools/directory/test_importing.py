"""HSDS documents of others become services of the network; what has no place in it is named."""

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import contracts
from tools.directory import terms
from tools.directory.checking import faults
from tools.directory.importing import NotAServiceError, from_hsds, services_in
from tools.directory.terms import Terms

HSDS = terms.HERE / "hsds"
EXAMPLES = HSDS / "examples"
ROOT = terms.HERE.parents[1]

# What the examples' invented words mean here.
TERMS = Terms(
    needs={"taxonomy:code": "health.psychosocial"},
    places={"MyCity": "08001"},
)
TERMS_FILE = """
[needs]
"taxonomy:code" = "health.psychosocial"

[places]
MyCity = "08001"
"""


def official(name: str = "service_full") -> Any:
    return json.loads((EXAMPLES / f"{name}.json").read_text())


def test_the_official_files_are_those_that_were_published() -> None:
    said = re.findall(r"^\| `([^`]+)` \| `([0-9a-f]{64})` \|$", (HSDS / "README.md").read_text(), re.MULTILINE)
    assert {name for name, _ in said} == {str(file.relative_to(HSDS)) for file in HSDS.rglob("*.json")}
    for name, checksum in said:
        assert hashlib.sha256((HSDS / name).read_bytes()).hexdigest() == checksum


def test_the_official_example_becomes_a_service() -> None:
    (document,) = services_in(official())
    assert list(faults(document)) == []
    service = from_hsds(document, terms=TERMS, zone="08001").service
    assert str(service.service_id) == document["id"]
    assert (service.name, service.active) == ("Community Counselling", True)
    assert (service.need_codes, service.zones) == (("health.psychosocial",), ("08001",))
    assert (service.eligibility.minimum_age, service.eligibility.maximum_age) == (12, 100)
    assert (service.languages, service.phone, service.email) == (("ur",), "+441234234567", "email@example.com")
    (place,) = service.locations
    assert (place.name, place.address, place.zone) == ("MyCity Civic Center", "1-30 Main Street, MyVillage", "08001")
    assert (place.latitude, place.longitude) == (None, 101.0)  # the example's latitude is none
    (hours,) = service.opening_hours
    assert (hours.days, hours.opens, hours.closes) == (("TH", "FR"), "10:00", "18:00")


def test_the_services_of_the_official_organisation_are_found() -> None:
    (document,) = services_in(official("organization_full"))
    service = from_hsds(document, terms=TERMS, zone="08001").service
    assert service == from_hsds(official(), terms=TERMS, zone="08001").service


def test_everything_that_is_dropped_is_named() -> None:
    assert from_hsds(official(), terms=TERMS, zone="08001").dropped == (
        "accreditations",
        "alert",
        "alternate_name",
        "application_process",
        "assured_date",
        "assurer_email",
        "contacts",
        "cost_options",
        "fees",
        "fees_description",
        "funding",
        "interpretation_services",
        "last_modified",
        "licenses",
        "metadata",
        "program",
        "required_documents: one in words that mean no document type",
        "service_areas: an area that is no known municipality",
        "service_at_locations: a latitude that is none",
        "wait_time",
    )


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"id": "7"}, "no id"),
        ({"name": " "}, "no name"),
        ({"attributes": []}, "none of its terms"),
        ({"minimum_age": 50, "maximum_age": 20}, "contradicts itself"),
    ],
)
def test_what_cannot_become_a_service_is_said_in_one_sentence(changed: dict[str, Any], why: str) -> None:
    with pytest.raises(NotAServiceError, match=why):
        from_hsds({**official(), **changed}, terms=TERMS, zone="08001")


def test_a_term_that_nobody_has_said_the_meaning_of_means_nothing() -> None:
    with pytest.raises(NotAServiceError, match="none of its terms"):
        from_hsds(official(), zone="08001")


def test_a_service_of_no_known_municipality_needs_one() -> None:
    with pytest.raises(NotAServiceError, match="serves no municipality"):
        from_hsds(official(), terms=TERMS)


@pytest.mark.parametrize("status", ["inactive", "defunct", "temporarily closed"])
def test_what_is_not_active_takes_no_referrals(status: str) -> None:
    assert not from_hsds({**official(), "status": status}, terms=TERMS, zone="08001").service.active


@pytest.mark.parametrize(
    "schedule",
    [
        {"freq": "MONTHLY"},
        {"interval": 2},
        {"byday": "1MO"},
        {"byday": ""},
        {"opens_at": "morning"},
    ],
)
def test_opening_hours_that_are_not_the_same_every_week_are_dropped(schedule: dict[str, Any]) -> None:
    document = official()
    document["schedules"] = [{**document["schedules"][0], **schedule}]
    imported = from_hsds(document, terms=TERMS, zone="08001")
    assert imported.service.opening_hours == ()
    assert "schedules: one that is not so many hours on the same days of every week" in imported.dropped


def test_a_service_that_is_said_to_be_confidential_keeps_no_place_whatever_the_file_says() -> None:
    imported = from_hsds(official(), terms=TERMS, zone="08001", confidential=True)
    text = imported.service.model_dump_json()
    assert imported.service.confidential_location
    for secret in ("Civic Center", "Main Street", "10:00", "example.com/counselling"):
        assert secret not in text
    assert "service_at_locations (confidential)" in imported.dropped


@pytest.mark.parametrize("document", [{}, [], {"services": []}, {"contents": [{}]}])
def test_whatever_has_the_shape_of_a_document_is_read_or_refused(document: Any) -> None:
    for one in services_in(document):
        with pytest.raises(NotAServiceError):
            from_hsds(one, zone="08001")


@pytest.mark.parametrize("document", [None, 7, "text", [1], {"services": ["one"]}])
def test_what_has_not_the_shape_of_a_document_is_refused(document: Any) -> None:
    with pytest.raises(NotAServiceError):
        services_in(document)


@pytest.mark.parametrize("field", sorted(official()))
@pytest.mark.parametrize("value", [None, [], {}, "text", 7, [None], ["text"], [{}], [{"attributes": 7}]])
def test_a_field_of_a_wrong_kind_is_dropped_or_refused(field: str, value: Any) -> None:
    try:
        imported = from_hsds({**official(), field: value}, terms=TERMS, zone="08001")
    except NotAServiceError:
        return
    assert isinstance(imported.service, contracts.ServicePublished)


# -- the command line -------------------------------------------------------------------------------------------------


def command(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tools.directory", *words], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_the_command_line_prints_what_to_say_and_names_what_is_dropped(tmp_path: Path) -> None:
    terms = tmp_path / "terms.toml"
    terms.write_text(TERMS_FILE)
    organisation = str(EXAMPLES / "organization_full.json")
    done = command("import", organisation, "--organisation", "redcross", "--terms", str(terms), "--zone", "08001")
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    assert contracts.ServicePublished.model_validate_json(line).name == "Community Counselling"
    assert "dropped: fees_description" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "why"),
    [
        (["missing.json"], 2, "cannot read"),
        ([str(EXAMPLES / "service_full.json")], 1, "none of its terms"),
        ([str(HSDS / "README.md")], 2, "is not JSON"),
        ([str(EXAMPLES / "service_full.json"), "--zone", "Barranquilla"], 2, "DIVIPOLA"),
    ],
)
def test_the_command_line_says_in_one_sentence_what_is_wrong(arguments: list[str], status: int, why: str) -> None:
    done = command("import", *arguments, "--organisation", "redcross")
    assert (done.returncode, done.stdout) == (status, "")
    assert why in done.stderr
    assert "Traceback" not in done.stderr
