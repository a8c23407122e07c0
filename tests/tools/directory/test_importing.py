"""HSDS documents of others become services of the network; what has no place in it is named."""

import hashlib
import json
import os
import re
import string
import subprocess
import sys
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

import contracts
from contracts import codes
from tests import commands
from tools.directory import terms
from tools.directory.checking import faults
from tools.directory.contents import contents_of
from tools.directory.files import UnreadableFileError, read_json
from tools.directory.importing import Imported, NotAServiceError, from_hsds, services_in
from tools.directory.terms import Terms

HSDS = terms.HERE / "hsds"
EXAMPLES = HSDS / "examples"
ROOT = terms.HERE.parents[1]
TODAY = date(2026, 11, 27)

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
    assert service.locations == ()  # its only address is for letters
    assert service.opening_hours == ()  # of 2005, on three days


def test_the_services_of_the_official_organisation_are_found() -> None:
    (document,) = services_in(official("organization_full"))
    service = from_hsds(document, terms=TERMS, zone="08001").service
    assert service == from_hsds(official(), terms=TERMS, zone="08001").service


def test_everything_that_is_dropped_is_named() -> None:
    assert sorted(from_hsds(official(), terms=TERMS, zone="08001").dropped) == [
        "accreditations",
        "alert",
        "alternate_name",
        "application_process",
        "assured_date",
        "assurer_email",
        "attributes[0].link_type",
        "attributes[0].taxonomy_term.taxonomy_detail",
        "attributes[0].value",
        "contacts",
        "cost_options",
        "eligibility_description",
        "fees",
        "fees_description",
        "funding",
        "interpretation_services",
        "languages[0].note",
        "last_modified",
        "licenses",
        "metadata",
        *(
            f"organization.{name}"
            for name in (
                "alternate_name", "contacts", "description", "email", "funding", "legal_status", "locations", "logo",
                "organization_identifiers[0]", "parent_organization_id", "phones", "programs", "tax_status",
                "uri", "website", "year_incorporated",
            )
        ),
        "phones[0].description",
        "phones[0].extension",
        "phones[0].languages",
        "program",
        "required_documents[0]: in words that mean no document type",
        "schedules[0]: not so many hours on the same days of every week: valid_to says that it is not for every week",
        "service_areas[0]: no known municipality",
        "service_at_locations[0].contacts",
        "service_at_locations[0].description",
        "service_at_locations[0].location.addresses[0]: nobody can go to an address of this type",
        "service_at_locations[0].location: no street address in a known municipality",
        "service_at_locations[0].phones[0]: of one place, where the contract has room for the service's own only",
        "service_at_locations[0].schedules[0]: of one place, where the contract has room for the service's own only",
        "wait_time",
    ]  # fmt: skip


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


# -- one answer to a question -----------------------------------------------------------------------------------------

OWN = UUID("01950000-0000-7000-8000-000000000001")


def document(**fields: Any) -> dict[str, Any]:
    """A service for medical consultations in Barranquilla, in HSDS as it may be written."""
    term = {"taxonomy": "ruta-needs", "code": fields.pop("need", "health.consultation")}
    area = {"extent": "08001", "extent_type": "divipola"}
    return {
        "id": str(OWN),
        "name": "Consulta",
        "attributes": [{"taxonomy_term": term}],
        "service_areas": [area],
        **fields,
    }


def imported(**fields: Any) -> Imported:
    return from_hsds(document(**fields), today=TODAY)


def at_a_place(location: dict[str, Any] | None = None, **at: Any) -> list[dict[str, Any]]:
    """A service at Calle 1 in Barranquilla."""
    place = {
        "location_type": "physical",
        "name": "Sede",
        "external_identifier": "08001",
        "external_identifier_type": "DIVIPOLA",
        "addresses": [{"address_1": "Calle 1 # 2-3", "address_type": "physical"}],
    }
    return [{"location": {**place, **(location or {})}, **at}]


def address(line: str, kind: Any = "physical") -> dict[str, Any]:
    return {"address_1": line, "address_type": kind}


@pytest.mark.parametrize(
    ("status", "active", "named"),
    [
        ("active", True, False),
        (None, True, False),
        ("", True, False),
        ("Active", True, False),
        (" ACTIVE ", True, False),
        ("inactive", False, False),
        ("Inactive", False, False),
        ("defunct", False, False),
        ("temporarily closed", False, False),
        ("Temporarily_Closed", False, False),
        ("open", False, True),
        ("actively", False, True),
        (True, False, True),
        (1, False, True),
        (["active"], False, True),
    ],
)
def test_a_status_is_understood_or_named(status: Any, active: bool, named: bool) -> None:
    read = imported(status=status)
    assert (read.service.active, bool(read.dropped)) == (active, named)


@pytest.mark.parametrize("name", ["minimum_age", "maximum_age"])
@pytest.mark.parametrize("age", [True, False, "12", "doce", 12.5, -1, float("-inf"), [12], {"years": 12}])
def test_an_age_that_is_none_is_refused_since_the_service_would_be_for_more_people(name: str, age: Any) -> None:
    with pytest.raises(NotAServiceError, match=f"{name} is no whole number of years"):
        imported(**{name: age})


@pytest.mark.parametrize(("said", "age"), [(0, 0), (12, 12), (12.0, 12), (130, 130), (None, None), ("", None)])
def test_an_age_is_a_whole_number_of_years(said: Any, age: int | None) -> None:
    assert imported(minimum_age=said).service.eligibility.minimum_age == age


def test_an_age_that_nobody_reaches_is_no_upper_bound_and_named() -> None:
    read = imported(maximum_age=999)
    assert read.service.eligibility.maximum_age is None
    assert read.dropped == ("maximum_age: nobody is older than 130",)


@pytest.mark.parametrize(
    ("phones", "number"),
    [
        ([("+576053301111", "fax"), ("+576053302222", "voice")], "+576053302222"),
        ([("+576053301111", None), ("+576053302222", "voice")], "+576053302222"),
        ([("+576053301111", "cell"), ("+576053302222", "Voice")], "+576053302222"),
        ([("+573005550199", "text, cell"), ("+576053302222", "fax")], "+573005550199"),
        ([("+576053301111", "fax")], None),
        ([("+576053301111", "text")], None),
        ([("+576053301111", 7)], None),
        ([("301", "voice"), ("+576053302222", "voice")], "+576053302222"),
        ([("+57 605 330 1111 ext 102", "voice")], "+576053301111"),
        ([("605 330 1111", "voice")], "+576053301111"),
        ([('"+44 1234 234567"', "voice")], "+441234234567"),
        ([("+57 605 330 1111 / 605 330 2222", "voice")], None),
        ([("5.7605E+11", "voice")], None),
        ([(576053301111.0, "voice")], None),
        ([(True, "voice")], None),
    ],
)
def test_the_number_is_one_that_somebody_answers(phones: list[tuple[Any, Any]], number: str | None) -> None:
    read = imported(phones=[{"number": one, "type": kind} for one, kind in phones])
    assert read.service.phone == number
    dropped = [one for one in read.dropped if one.startswith("phones[")]
    assert len(dropped) == len(phones) - (number is not None) + sum(" ext " in str(one) for one, _ in phones)


def test_an_extension_is_named() -> None:
    assert imported(phones=[{"number": "+576053301111", "extension": 102}]).dropped == ("phones[0].extension",)
    assert imported(phones=[{"number": "+576053301111 ext. 102"}]).dropped == ("phones[0].number: its extension",)


@pytest.mark.parametrize(
    ("addresses", "read"),
    [
        ([address("Apartado 1", "postal"), address("Calle 1")], ["Calle 1"]),
        ([address("Apartado 1", "postal")], []),
        ([address("Sala 1", "virtual")], []),
        ([address("Calle 1", None)], ["Calle 1"]),
        ([address("Calle 1", "Physical ")], ["Calle 1"]),
        ([address("Calle 1", "office")], []),
        ([address("Calle 9", None), address("Calle 1")], ["Calle 1"]),
        ([address("Calle 1"), address("Calle 2")], ["Calle 1", "Calle 2"]),
        ([address("Calle 1"), address("Calle 1")], ["Calle 1"]),
        ([address(" ")], []),
        ([address("Calle 1" + "x" * 200)], []),
        ([address("Calle\n1")], []),
    ],
)
def test_people_are_sent_to_each_street_address_and_to_no_other(addresses: list[Any], read: list[str]) -> None:
    found = imported(service_at_locations=at_a_place({"addresses": addresses}))
    assert [one.address for one in found.service.locations] == read
    assert bool(found.dropped) == (len(read) < len(addresses))


@pytest.mark.parametrize("kind", ["postal", "virtual", "office"])
def test_a_location_that_is_no_place_is_dropped(kind: str) -> None:
    found = imported(service_at_locations=at_a_place({"location_type": kind}))
    assert found.service.locations == ()
    assert found.dropped == ("service_at_locations[0].location: no street address in a known municipality",)


@pytest.mark.parametrize("kind", [None, "", "Physical"])
def test_a_location_of_a_street_address_need_not_say_what_it_is(kind: Any) -> None:
    assert imported(service_at_locations=at_a_place({"location_type": kind})).service.locations


@pytest.mark.parametrize(
    ("latitude", "longitude", "read"),
    [
        (10.98, -74.78, (10.98, -74.78)),
        (12.58, -81.7, (12.58, -81.7)),  # San Andrés
        (-4.2, -69.94, (-4.2, -69.94)),  # Leticia
        (-74.78, 10.98, (None, None)),
        (0, 0, (None, None)),
        (10.98, 74.78, (None, None)),
        (40.4, -3.7, (None, None)),
        (10.98, None, (None, None)),
        (None, -74.78, (None, None)),
        ("10.98", "-74.78", (None, None)),
        (True, -74.78, (None, None)),
        (1098, -7478, (None, None)),
    ],
)
def test_coordinates_that_are_not_in_colombia_are_dropped_together_and_named(
    latitude: Any, longitude: Any, read: tuple[float | None, float | None]
) -> None:
    found = imported(service_at_locations=at_a_place({"latitude": latitude, "longitude": longitude}))
    (place,) = found.service.locations
    assert (place.latitude, place.longitude) == read
    assert ("not one point in Colombia" in str(found.dropped)) == (read == (None, None))


def test_a_point_is_not_given_to_one_of_several_addresses() -> None:
    two = [address("Calle 1"), address("Calle 2")]
    found = imported(service_at_locations=at_a_place({"latitude": 10.98, "longitude": -74.78, "addresses": two}))
    assert {one.latitude for one in found.service.locations} == {None}
    assert "of one of several addresses" in str(found.dropped)


def test_a_city_that_is_another_one_than_the_code_says_is_named() -> None:
    elsewhere = [{**address("Calle 1"), "city": "Soledad", "state_province": "Atlántico", "country": "CO"}]
    found = imported(service_at_locations=at_a_place({"addresses": elsewhere}))
    assert found.dropped == ("service_at_locations[0].location.addresses[0].city",)


def test_a_place_that_two_sources_put_elsewhere_is_nowhere() -> None:
    elsewhere = [{**address("Calle 1"), "city": "La otra"}]
    places = document(service_at_locations=at_a_place({"addresses": elsewhere}))
    found = from_hsds(places, terms=Terms(places={"La otra": "08758"}))
    assert found.service.locations == ()


def test_what_a_service_has_at_its_only_place_is_its_own() -> None:
    hours = {"freq": "WEEKLY", "byday": "MO", "opens_at": "09:00", "closes_at": "17:00"}
    found = imported(service_at_locations=at_a_place(schedules=[hours], phones=[{"number": "+573005550199"}]))
    assert [one.opens for one in found.service.opening_hours] == ["09:00"]
    assert (found.service.phone, found.dropped) == ("+573005550199", ())


def test_what_a_service_has_at_one_of_several_places_is_named() -> None:
    hours = {"freq": "WEEKLY", "byday": "MO", "opens_at": "09:00", "closes_at": "17:00"}
    first = at_a_place(schedules=[hours], phones=[{"number": "+573005550199"}])
    found = imported(service_at_locations=[*first, *at_a_place({"name": "Otra"})])
    assert (found.service.opening_hours, found.service.phone) == ((), None)
    assert [one.partition(":")[0] for one in found.dropped] == [
        "service_at_locations[0].schedules[0]",
        "service_at_locations[0].phones[0]",
    ]


def test_hours_and_telephones_of_the_building_are_named() -> None:
    of_the_building = {"schedules": [{"freq": "WEEKLY"}], "phones": [{"number": "+573005550199"}]}
    found = imported(service_at_locations=at_a_place(of_the_building))
    assert found.dropped == ("service_at_locations[0].location.schedules", "service_at_locations[0].location.phones")


def test_eligibility_in_words_is_named_unless_the_terms_say_the_same() -> None:
    assert imported(eligibility_description="Solo mujeres con PPT").dropped == ("eligibility_description",)
    assert imported(eligibility_description="Desde los 12 años.", minimum_age=12).dropped == ()


@pytest.mark.parametrize("code", ["sex:unknown", "sex:Female", "age:12", "nationality:Venezuela", "document:visa", ""])
def test_a_criterion_that_is_not_known_is_refused_since_the_service_would_be_for_more_people(code: str) -> None:
    terms = [*document()["attributes"], {"taxonomy_term": {"taxonomy": "ruta-eligibility", "code": code}}]
    with pytest.raises(NotAServiceError, match=r"attributes\[1\] asks for something"):
        imported(attributes=terms)


@pytest.mark.parametrize("taxonomy", ["ruta-needs", "ruta-marks", "open-eligibility"])
def test_a_term_that_means_nothing_here_is_named(taxonomy: str) -> None:
    terms = [*document()["attributes"], {"taxonomy_term": {"taxonomy": taxonomy, "code": "1102"}}]
    (dropped,) = imported(attributes=terms).dropped
    assert dropped.startswith(f"attributes[1]: the term {taxonomy}:1102 ")


def test_a_term_that_could_be_about_somebody_is_named_by_its_place() -> None:
    terms = [*document()["attributes"], {"taxonomy_term": {"taxonomy": "x", "code": "Marta Gómez"}}]
    assert imported(attributes=terms).dropped == ("attributes[1]: its term means no need of the network",)


def test_a_term_without_a_code_is_the_cause_that_is_said() -> None:
    term = {"taxonomy_term": {"name": "Health care", "taxonomy": "open-eligibility"}}
    with pytest.raises(NotAServiceError, match=r"attributes\[0\] has a term without a code \(of open-eligibility\)"):
        imported(attributes=[term])


def test_a_term_without_a_code_may_be_given_a_meaning_by_its_name() -> None:
    term = {"taxonomy_term": {"name": "Health care", "taxonomy": "open-eligibility"}}
    terms = Terms(needs={"open-eligibility:Health care": "health.consultation"})
    assert from_hsds(document(attributes=[term]), terms=terms).service.need_codes == ("health.consultation",)


@pytest.mark.parametrize("field", ["service_taxonomys", "regular_schedules", "services_taxonomy"])
def test_a_document_of_before_hsds_3_is_said_to_be_one(field: str) -> None:
    with pytest.raises(NotAServiceError, match=f"{field} is of before HSDS 3"):
        imported(attributes=[], **{field: [{"id": "1"}]})


def test_everything_that_is_in_the_way_is_said_at_once() -> None:
    with pytest.raises(NotAServiceError) as refused:
        from_hsds({"id": "7", "name": {}, "minimum_age": True, "maximum_age": "x"})
    assert len(refused.value.faults) == 6


def test_faults_repeat_nothing_of_the_document() -> None:
    secret = "Marta Gómez"
    fields = ("id", "name", "status", "minimum_age", "phones", "service_areas", "attributes", "schedules", "languages")
    with pytest.raises(NotAServiceError) as refused:
        from_hsds({**dict.fromkeys(fields, secret), secret: secret})
    assert secret not in str(refused.value)


# -- more than the contract has room for ------------------------------------------------------------------------------


def schedules(how_many: int) -> list[dict[str, Any]]:
    return [
        {"freq": "WEEKLY", "byday": "MO", "opens_at": f"{one // 60:02}:{one % 60:02}", "closes_at": "23:59"}
        for one in range(how_many)
    ]


def terms_of(taxonomy: str, values: Iterable[str]) -> list[dict[str, Any]]:
    return [{"taxonomy_term": {"taxonomy": taxonomy, "code": one}} for one in values]


LETTERS = string.ascii_lowercase
CODES = [first + second for first in LETTERS for second in LETTERS]
TOO_MUCH = {
    "need_codes": (40, {"attributes": terms_of("ruta-needs", [f"health.{one}" for one in CODES[:45]])}),
    "zones": (200, {"service_areas": [{"extent": f"{n:05}", "extent_type": "divipola"} for n in range(205)]}),
    "languages": (20, {"languages": [{"code": one} for one in CODES[:25]]}),
    "opening_hours": (14, {"schedules": schedules(19)}),
    "locations": (
        50,
        {"service_at_locations": [at_a_place({"addresses": [address(f"Calle {n}")]})[0] for n in range(55)]},
    ),
}


@pytest.mark.parametrize(("name", "room", "fields"), [(name, *rest) for name, rest in TOO_MUCH.items()], ids=TOO_MUCH)
def test_what_the_contract_has_no_room_for_is_dropped_and_counted(name: str, room: int, fields: Any) -> None:
    found = imported(**fields)
    assert len(getattr(found.service, name)) == room
    (dropped,) = found.dropped
    assert dropped.endswith(f": 5 for which the contract has no room, after {room}")


def test_nationalities_that_the_contract_has_no_room_for_are_dropped_and_counted() -> None:
    wanted = [f"nationality:A{one.upper()}" for one in CODES[:55]]
    found = imported(attributes=[*document()["attributes"], *terms_of("ruta-eligibility", wanted)])
    assert len(found.service.eligibility.nationalities) == 50
    assert found.dropped == ("attributes: 5 for which the contract has no room, after 50",)


def test_what_is_said_twice_is_read_once_and_counted() -> None:
    found = imported(schedules=[*schedules(8), *schedules(7)])
    assert len(found.service.opening_hours) == 8
    assert found.dropped == ("schedules: 7 that say the same once more",)


def test_a_long_name_is_cut_and_that_is_named() -> None:
    found = imported(name="Consulta " * 50)
    assert len(found.service.name) <= 200
    assert found.dropped == ("name: what is after 200 characters",)


# -- confidential places ----------------------------------------------------------------------------------------------

CONFIDENTIAL_NEEDS = [one.value for one in codes.NeedCode if codes.is_confidential(one.value)]
PLACE_AND_HOURS = {
    "service_at_locations": at_a_place(),
    "schedules": schedules(1),
    "description": "Frente al parque",
    "url": "https://example.org/casa",
}


def marked(*marks: str, need: str = "gbv.safe_house") -> list[dict[str, Any]]:
    return [*terms_of("ruta-needs", [need]), *terms_of("ruta-marks", marks)]


@pytest.mark.parametrize("need", [*CONFIDENTIAL_NEEDS, "gbv.not_yet_named"])
def test_a_place_for_a_confidential_need_is_left_out_without_anybody_having_said_so(need: str) -> None:
    found = imported(need=need, **PLACE_AND_HOURS)
    service = found.service
    assert service.confidential_location
    assert (service.locations, service.opening_hours, service.description, service.url) == ((), (), None, None)
    assert sorted(found.dropped) == sorted(f"{name} (confidential)" for name in PLACE_AND_HOURS)


def test_one_confidential_need_among_others_is_enough() -> None:
    needs = terms_of("ruta-needs", ["health.consultation", "gbv.case_management"])
    assert imported(attributes=needs, **PLACE_AND_HOURS).service.confidential_location


@pytest.mark.parametrize("how", ["said by somebody", "said by the document"])
def test_a_place_for_a_confidential_need_is_shown_where_it_is_said_to_be_public(how: str) -> None:
    said = how == "said by somebody"
    attributes = marked() if said else marked("public_location")
    found = from_hsds(document(attributes=attributes, **PLACE_AND_HOURS), public=said, today=TODAY)
    assert (found.service.public_location, found.service.confidential_location) == (True, False)
    assert len(found.service.locations) == len(found.service.opening_hours) == 1
    assert found.dropped == ()


@pytest.mark.parametrize(
    ("marks", "confidential", "public"),
    [
        (["confidential_location"], False, True),
        (["public_location"], True, False),
        ([], True, True),
        (["confidential_location", "public_location"], False, False),
    ],
)
def test_a_place_that_is_said_to_be_both_is_refused(marks: list[str], confidential: bool, public: bool) -> None:
    with pytest.raises(NotAServiceError, match="said to be confidential, and to be public"):
        from_hsds(document(attributes=marked(*marks)), confidential=confidential, public=public)


# -- what is around the services --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "page",
    [
        {"total_items": 3},
        {"total_pages": 2},
        {"last_page": False},
        {"first_page": False},
    ],
)
def test_a_page_of_several_is_not_taken_for_the_whole(page: dict[str, Any]) -> None:
    assert contents_of({**page, "contents": [document()]}).missing
    assert not contents_of({"total_items": 1, "total_pages": 1, "last_page": True, "contents": [document()]}).missing


def test_a_page_of_open_referral_uk_is_said_to_be_one() -> None:
    with pytest.raises(NotAServiceError, match="a page of Open Referral UK 1"):
        contents_of({"content": [document()], "totalPages": 1})


def test_a_page_of_services_at_locations_is_said_to_be_one() -> None:
    with pytest.raises(NotAServiceError, match="it is a service_at_location"):
        contents_of({"contents": [{"id": str(OWN), "service": document(), "location": {}}]})


@pytest.mark.parametrize("both", [("contents", "services"), ("content", "contents")])
def test_two_lists_that_could_be_the_services_are_refused(both: tuple[str, str]) -> None:
    with pytest.raises(NotAServiceError, match="only one can be"):
        contents_of({name: [document()] for name in both})


OTHERS = {"name": "OIM", "organization_identifiers": [{"identifier_type": "ruta", "identifier": "iom"}]}


def test_a_service_of_another_organisation_is_refused() -> None:
    with pytest.raises(NotAServiceError, match="another one of the network"):
        from_hsds(document(organization=OTHERS), organisation="redcross")
    assert from_hsds(document(organization=OTHERS), organisation="iom").dropped == ()


def test_services_of_another_organisation_are_not_taken() -> None:
    contents = contents_of([{**OTHERS, "services": [document()]}], organisation="redcross")
    assert (contents.services, bool(contents.missing)) == ([], True)


# -- the command line -------------------------------------------------------------------------------------------------


def command(*words: str) -> subprocess.CompletedProcess[str]:
    return commands.run("tools.directory", *words)


def of_file(tmp_path: Path, content: Any, *more: str) -> subprocess.CompletedProcess[str]:
    """Import a file that holds this, as JSON or byte for byte."""
    file = tmp_path / "services.json"
    file.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return command("import", str(file), "--organisation", "redcross", "--zone", "08001", *more)


def test_the_command_line_prints_what_to_say_and_names_what_is_dropped(tmp_path: Path) -> None:
    terms = tmp_path / "terms.toml"
    terms.write_text(TERMS_FILE)
    organisation = str(EXAMPLES / "organization_full.json")
    done = command("import", organisation, "--organisation", "redcross", "--terms", str(terms), "--zone", "08001")
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    assert contracts.ServicePublished.model_validate_json(line).name == "Community Counselling"
    assert "dropped: fees_description" in done.stderr
    assert "dropped: organization.phones" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "why"),
    [
        (["missing.json"], 2, "cannot read"),
        ([str(EXAMPLES)], 2, "is no ordinary file"),
        (["/dev/zero"], 2, "is no ordinary file"),
        ([str(EXAMPLES / "service_full.json")], 1, "none of its terms"),
        ([str(HSDS / "README.md")], 2, "is not JSON"),
        ([str(EXAMPLES / "service_full.json"), "--zone", "Barranquilla"], 2, "DIVIPOLA"),
        ([str(EXAMPLES / "service_full.json"), "--terms", "/dev/zero"], 2, "is no ordinary file"),
    ],
)
def test_the_command_line_says_in_one_sentence_what_is_wrong(arguments: list[str], status: int, why: str) -> None:
    done = command("import", *arguments, "--organisation", "redcross")
    assert (done.returncode, done.stdout) == (status, "")
    assert why in done.stderr
    assert "Traceback" not in done.stderr


def test_one_record_that_is_not_read_does_not_end_the_others(tmp_path: Path) -> None:
    bad = {**document(), "id": str(uuid4()), "minimum_age": True, "name": ""}
    done = of_file(tmp_path, [bad, document()])
    assert done.returncode == 1
    assert [contracts.ServicePublished.model_validate_json(one).service_id for one in done.stdout.splitlines()] == [OWN]
    assert [line.partition(": ")[2] for line in done.stderr.splitlines()] == [
        "not read: minimum_age is no whole number of years from 0 to 130",
        "not read: it has no name",
    ]


def test_two_services_with_one_id_are_both_refused_and_one_that_is_repeated_is_read_once(tmp_path: Path) -> None:
    done = of_file(tmp_path, [document(), document(name="Otra")])
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("something else of a service with the same id") == 2
    done = of_file(tmp_path, [document(), document()])
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 1)
    assert "dropped: the same once more" in done.stderr


def test_one_page_of_several_is_read_and_ends_with_one(tmp_path: Path) -> None:
    done = of_file(tmp_path, {"total_pages": 2, "contents": [document()]})
    assert (done.returncode, len(done.stdout.splitlines())) == (1, 1)
    assert "one page of several" in done.stderr


def test_a_confidential_place_is_shown_only_where_its_service_is_named_as_public(tmp_path: Path) -> None:
    content = document(need="gbv.safe_house", **PLACE_AND_HOURS)
    assert "Calle 1" not in of_file(tmp_path, content).stdout
    assert "Calle 1" in of_file(tmp_path, content, "--public", str(OWN).upper()).stdout
    assert "Calle 1" not in of_file(tmp_path, document(**PLACE_AND_HOURS), "--confidential", str(OWN).upper()).stdout


@pytest.mark.parametrize("option", ["--confidential", "--public"])
@pytest.mark.parametrize("said", ["01950000-0000-7000-8000-00000000dead", "the safe house", ""])
def test_a_service_that_an_option_is_about_has_to_be_in_the_file(tmp_path: Path, option: str, said: str) -> None:
    done = of_file(tmp_path, document(**PLACE_AND_HOURS), option, said)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{option} has to be the id of a service of the file" in done.stderr


SERVICE = json.dumps(document()).encode()
UNREADABLE = {
    "nothing": (b"", "is not JSON"),
    "half a file": (SERVICE[:-5], "is not JSON"),
    "another encoding": (SERVICE.replace(b"Consulta", "Atención".encode("latin-1")), "is not UTF-8"),
    "two bytes a letter": (SERVICE.decode().encode("utf-16"), "is not UTF-8"),
    "a field twice": (SERVICE.replace(b'"name":', b'"name": "Otra", "name":'), "says a field twice"),
    "half a surrogate pair": (SERVICE.replace(b"Consulta", b"\\ud800"), "is not JSON"),
    "no number": (SERVICE.replace(b'"Consulta"', b"NaN"), "is not JSON"),
    "an endless number": (SERVICE.replace(b'"Consulta"', b"9" * 1_000_000), "is not JSON"),
    "great depth": (b"[" * 200_000, "is not JSON"),
    "great depth, well made": (b'{"a":' * 20_000 + b"1" + b"}" * 20_000, "is not JSON"),
}


@pytest.mark.parametrize(("content", "why"), UNREADABLE.values(), ids=UNREADABLE)
def test_what_is_not_json_is_said_in_one_sentence(tmp_path: Path, content: bytes, why: str) -> None:
    (tmp_path / "services.json").write_bytes(content)
    with pytest.raises(UnreadableFileError, match=why):
        read_json(tmp_path / "services.json")


def test_a_mark_of_utf8_is_no_part_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "services.json").write_bytes(b"\xef\xbb\xbf" + SERVICE)
    assert read_json(tmp_path / "services.json") == document()


# Made when they are tried, here and below: else each process of the suite would have all of them as long as it runs.
TOO_MUCH_TO_READ: dict[str, tuple[Callable[[], bytes], str]] = {
    "millions of lists": (lambda: b"[" + b"[]," * 3_000_000 + b"[]]", "300,000 values"),
    "millions of numbers": (lambda: b"[" + b"0," * 5_000_000 + b"0]", "300,000 values"),
    "great depth": (lambda: b'{"a":' * 140_000 + b"1" + b"}" * 140_000, "is not JSON"),
    "a text of 100 MB": (lambda: b'"' + b"x" * 100_000_000 + b'"', "12,288 kB"),
    "services without end": (lambda: b"[" + b"{}," * 90_000 + b"{}]", "5,000 services"),
    "one service without end": (lambda: b"[" + b",".join([SERVICE] * 5001) + b"]", "5,000 services"),
}


@pytest.mark.parametrize(("make", "why"), TOO_MUCH_TO_READ.values(), ids=TOO_MUCH_TO_READ)
def test_what_is_too_much_is_said_in_one_sentence_soon_and_in_little_memory(
    tmp_path: Path, make: Callable[[], bytes], why: str
) -> None:
    _, at_least, _ = measured(tmp_path, SERVICE)  # mostly what the interpreter takes to start
    done, seconds, megabytes = measured(tmp_path, make())
    assert (done.returncode, done.stdout) == (2, "")
    assert why in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert (seconds < at_least + 1, megabytes < 200) == (True, True), (seconds, at_least, megabytes)


MOST: dict[str, Callable[[], Any]] = {
    "services": lambda: [document() | {"id": f"01950000-0000-7000-8000-{n:012}"} for n in range(5000)],
    "schedules": lambda: document(schedules=[{"freq": "WEEKLY", "byday": "MO", "opens_at": "9:00"}] * 30_000),
    "fields": lambda: {**document(), **{f"field_{n}": 1 for n in range(140_000)}},
    "one text": lambda: document(description="x" * 12_000_000),
}


@pytest.mark.parametrize("make", MOST.values(), ids=MOST)
def test_as_much_as_is_read_takes_little_memory(tmp_path: Path, make: Callable[[], Any]) -> None:
    done, _, megabytes = measured(tmp_path, json.dumps(make()).encode())
    assert done.returncode == 0, done.stderr[-300:]
    assert megabytes < 200


MEASURING = """
import resource, runpy, sys
sys.argv = ["tools.directory", *sys.argv[1:]]
try:
    runpy.run_module("tools.directory", run_name="__main__")
finally:
    used = resource.getrusage(resource.RUSAGE_SELF)
    memory = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
    print(used.ru_utime + used.ru_stime, int(memory) / 1024, file=open("measured", "w"))
"""


def measured(tmp_path: Path, content: bytes) -> tuple[subprocess.CompletedProcess[str], float, float]:
    """Import a file in a process of its own; what it took of a processor in seconds, and of memory in MB at most.

    Not the clock on the wall, which says how busy the machine is.
    """
    (tmp_path / "services.json").write_bytes(content)
    words = ["import", "services.json", "--organisation", "redcross", "--zone", "08001"]
    done = subprocess.run(
        [sys.executable, "-c", MEASURING, *words],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    seconds, megabytes = (tmp_path / "measured").read_text().split()
    return done, float(seconds), float(megabytes)
