"""A service as HSDS 3.0 has it: valid by the official schema, read again without loss, and silent on hidden places."""

import json
from datetime import timedelta
from typing import Any

import pytest

import contracts
from contracts import codes
from tests.examples import NOW, service_published
from tools.directory.checking import faults, lacking
from tools.directory.exporting import Stated, organisation_id, page_of, to_hsds
from tools.directory.importing import from_hsds, services_in

PLACE = contracts.Location(
    name="Centro Integrate", address="Carrera 46 # 34-77", zone="08001", latitude=10.9878, longitude=-74.7889
)
HOURS = (
    contracts.OpeningHours(days=("MO", "WE"), opens="08:00", closes="12:30"),
    contracts.OpeningHours(days=("SA",), opens="09:00", closes="11:00"),
)
EVERYTHING = service_published(
    zones=("08001", "08758"),
    description="Consulta con médica y enfermera.\nSin cita.",
    languages=("es", "guc"),
    eligibility=contracts.Eligibility(
        minimum_age=12,
        maximum_age=55,
        sexes=(codes.Sex.FEMALE, codes.Sex.INTERSEX),
        profiles=(codes.Profile.MIGRANT, codes.Profile.RETURNEE),
        nationalities=("VEN",),
        documents=(codes.DocumentType.PT, codes.DocumentType.CC),
        zones=("08001",),
    ),
    required_documents=(codes.DocumentType.PT,),
    locations=(PLACE, PLACE.model_copy(update={"name": "Sede norte", "latitude": None, "longitude": None})),
    opening_hours=HOURS,
    url="https://example.org/consulta",
    email="consulta@example.org",
    phone="+576053850000",
    answered_by="hub",
)
CONFIDENTIAL = service_published(
    need_codes=("gbv.safe_house",), name="Acogida", confidential_location=True, phone="+576053850001"
)


def exported(service: contracts.ServicePublished, **more: Any) -> dict[str, Any]:
    return to_hsds(service, organisation="americares", organisation_name="Americares", **more)


SERVICES = [
    service_published(),
    EVERYTHING,
    CONFIDENTIAL,
    service_published(active=False),
    service_published(need_codes=("health.not_yet_named",), zones=("99999",), languages=("xx",)),
]


@pytest.mark.parametrize("service", SERVICES, ids=range(len(SERVICES)))
def test_what_is_exported_fits_the_official_schema(service: contracts.ServicePublished) -> None:
    stated = Stated("waiting_list", 14, 20, NOW + timedelta(days=1))
    assert list(faults(exported(service, capacity=stated, now=NOW))) == []


def test_what_is_exported_has_all_that_3_1_requires() -> None:
    page = page_of([exported(service) for service in SERVICES])
    assert list(lacking(page)) == []
    assert list(lacking(page_of([]))) == []


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("", "empty"),
        ("contents.0.", "status"),
        ("contents.0.organization.", "description"),
        ("contents.0.organization.organization_identifiers.0.", "identifier"),
        ("contents.0.service_at_locations.0.location.", "location_type"),
        ("contents.0.service_at_locations.0.location.addresses.0.", "postal_code"),
        ("contents.0.attributes.0.taxonomy_term.", "description"),
        ("contents.0.required_documents.0.attributes.0.taxonomy_term.", "id"),
        ("contents.0.phones.0.", "number"),
    ],
)
def test_what_3_1_requires_is_missed(path: str, name: str) -> None:
    page = json.loads(json.dumps(page_of([exported(EVERYTHING)])))
    inside: Any = page
    for part in path.split(".")[:-1]:
        inside = inside[int(part) if part.isdigit() else part]
    del inside[name]
    assert list(lacking(page)) == [path + name]


def test_a_capacity_as_3_1_has_it_needs_its_unit() -> None:
    page = page_of([exported(EVERYTHING) | {"capacities": [{"id": "1", "available": 3, "unit": {"id": "2"}}]}])
    assert list(lacking(page)) == ["contents.0.capacities.0.updated", "contents.0.capacities.0.unit.name"]


@pytest.mark.parametrize(
    ("planted", "fault"),
    [
        ({"name": None}, "name: type"),
        ({"status": "open"}, "status: enum"),
        ({"id": "consulta"}, "id: format"),
        ({"minimum_age": "12"}, "minimum_age: type"),
        ({"email": "not an address"}, "email: format"),
        ({"schedules": [{"id": "00000000-0000-0000-0000-000000000001", "freq": "DAILY"}]}, "schedules.0.freq: enum"),
        ({"service_at_locations": [{"location": {"id": "1"}}]}, "service_at_locations.0: required"),
    ],
)
def test_a_planted_fault_is_caught(planted: dict[str, Any], fault: str) -> None:
    assert fault in list(faults({**exported(EVERYTHING), **planted}))


def test_a_document_that_lacks_what_it_has_to_have_is_caught() -> None:
    document = exported(EVERYTHING)
    del document["status"]
    assert list(faults(document)) == ["document: required"]


@pytest.mark.parametrize("service", SERVICES, ids=range(len(SERVICES)))
def test_what_is_exported_is_read_again_without_loss(service: contracts.ServicePublished) -> None:
    document = json.loads(json.dumps(exported(service)))
    again = from_hsds(document, zone="99999")
    assert again.service == service
    assert again.dropped == ()


def test_the_same_service_has_the_same_ids_in_every_export() -> None:
    assert exported(EVERYTHING) == exported(EVERYTHING)
    assert exported(EVERYTHING)["organization_id"] == str(organisation_id("americares"))


def test_people_read_in_words_whom_it_is_for() -> None:
    assert exported(EVERYTHING)["eligibility_description"] == (
        "Desde los 12 años. Hasta los 55 años. Sexo: mujer, intersexual. "
        "Perfil: migrante, persona colombiana retornada. Nacionalidad: VEN. Con alguno de estos documentos: "
        "Permiso por Protección Temporal (PPT), cédula de ciudadanía (CC). Residentes en Barranquilla, Atlántico."
    )


def test_the_capacity_is_said_until_it_expires() -> None:
    stated = Stated("waiting_list", 14, 20, NOW)
    before = exported(EVERYTHING, capacity=stated, now=NOW - timedelta(seconds=1))
    assert before["wait_time"] == "Con lista de espera, 14 en espera, unos 20 días (hasta 2026-03-02T09:00:00+00:00)"
    assert "wait_time" not in exported(EVERYTHING, capacity=stated, now=NOW)


def test_a_page_of_services_is_found_again() -> None:
    documents = [exported(EVERYTHING), exported(CONFIDENTIAL)]
    assert services_in(page_of(documents)) == documents


# -- confidential places ----------------------------------------------------------------------------------------------


def test_no_contract_lets_a_confidential_place_be_said() -> None:
    with pytest.raises(ValueError, match="A confidential location is never said"):
        service_published(confidential_location=True, locations=(PLACE,))


@pytest.mark.parametrize(
    "planted",
    [
        EVERYTHING.model_copy(update={"confidential_location": True}),  # past the contract's own check
        EVERYTHING.model_copy(update={"confidential_location": True, "public_location": True}),
        EVERYTHING.model_copy(update={"need_codes": ("gbv.safe_house",)}),  # sent by a system that marks nothing
        EVERYTHING.model_copy(update={"need_codes": ("health.consultation", "gbv.not_yet_named")}),
    ],
    ids=["said", "said both ways", "by its need", "by one of its needs"],
)
def test_a_place_planted_in_a_confidential_service_is_not_exported(planted: contracts.ServicePublished) -> None:
    assert planted.locations
    text = json.dumps(exported(planted), ensure_ascii=False)
    for secret in (
        "Carrera 46",
        "Centro Integrate",
        "10.9878",
        "74.7889",
        "08:00",
        "enfermera",
        "example.org/consulta",
    ):
        assert secret in json.dumps(exported(EVERYTHING), ensure_ascii=False)  # otherwise it is shown
        assert secret not in text
    assert "+576053850000" in text  # whoever needs it calls


def test_a_place_for_a_confidential_need_is_exported_where_it_is_said_to_be_public() -> None:
    public = EVERYTHING.model_copy(update={"need_codes": ("gbv.case_management",), "public_location": True})
    assert "Carrera 46" in json.dumps(exported(public))
    assert from_hsds(exported(public)).service == public
