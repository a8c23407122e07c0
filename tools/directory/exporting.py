"""A service of the network as an HSDS 3 document: a pure function; no confidential place passes it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import NAMESPACE_URL, UUID, uuid5

import contracts
from contracts.places import places
from tools.directory.hours import UTC_OFFSET
from tools.directory.terms import DOCUMENTS, ELIGIBILITY, MARKS, NEEDS, name_of

Json = dict[str, Any]

ORGANISATIONS: Final = uuid5(NAMESPACE_URL, "https://openreferral.org/ruta/organisations")
COLOMBIA: Final = "CO"


@dataclass(frozen=True, slots=True)
class Stated:
    """The capacity that an organisation last stated of a service."""

    state: str
    waiting: int | None
    estimate_days: int | None
    valid_until: datetime


def to_hsds(
    service: contracts.ServicePublished,
    *,
    organisation: str,
    organisation_name: str,
    capacity: Stated | None = None,
    now: datetime | None = None,
) -> Json:
    """Write a service, with its organisation, as the document `service` of HSDS.

    Ids of what has none here are made from the service's, so that they are the same in every export. Of a service
    that hides its place, also by its need alone, nothing is written that may tell of it: no location, opening hours,
    description or URL. A capacity that has expired by `now` is left out.
    """
    hidden = service.hides_its_place
    document = {
        "id": str(service.service_id),
        "organization_id": str(organisation_id(organisation)),
        "name": service.name,
        "description": None if hidden else service.description,
        "url": None if hidden else service.url,
        "email": service.email,
        "status": "active" if service.active else "inactive",
        "wait_time": _wait_time(capacity, now),
        "eligibility_description": whom_it_is_for(service.eligibility),
        "minimum_age": service.eligibility.minimum_age,
        "maximum_age": service.eligibility.maximum_age,
        "phones": _phones(service),
        "languages": [_language(service, code) for code in service.languages],
        "service_areas": [_service_area(service, zone) for zone in service.zones],
        "schedules": [] if hidden else _schedules(service),
        "service_at_locations": [] if hidden else _places(service),
        "required_documents": [_required_document(service, code) for code in service.required_documents],
        "organization": _organisation(organisation, organisation_name),
        "attributes": _attributes(service),
    }
    return {name: value for name, value in document.items() if value not in (None, [])}


def organisation_id(organisation: str) -> UUID:
    """Return the id that an organisation of the network has in HSDS."""
    return uuid5(ORGANISATIONS, organisation)


def page_of(services: list[Json]) -> Json:
    """Put services into one page as HSDS's API has it."""
    return {
        "total_items": len(services),
        "total_pages": 1,
        "page_number": 1,
        "size": len(services),
        "first_page": True,
        "last_page": True,
        "empty": not services,
        "contents": services,
    }


def _organisation(organisation: str, name: str) -> Json:
    own = organisation_id(organisation)
    identifier = {"id": str(uuid5(own, "ruta")), "identifier_type": "ruta", "identifier": organisation}
    return {"id": str(own), "name": name, "description": name, "organization_identifiers": [identifier]}


def _phones(service: contracts.ServicePublished) -> list[Json]:
    if service.phone is None:
        return []
    return [{**_part(service, "phone"), "number": service.phone, "type": "voice"}]


def _language(service: contracts.ServicePublished, code: str) -> Json:
    return {**_part(service, f"language {code}"), "code": code, "name": name_of("Language", code)}


def _service_area(service: contracts.ServicePublished, zone: str) -> Json:
    return {
        **_part(service, f"area {zone}"),
        "name": _municipality(zone),
        "extent": zone,
        "extent_type": "divipola",
    }


def _schedules(service: contracts.ServicePublished) -> list[Json]:
    return [
        {
            **_part(service, f"schedule {number}"),
            "freq": "WEEKLY",
            "byday": ",".join(hours.days),
            "opens_at": f"{hours.opens}:00",
            "closes_at": f"{hours.closes}:00",
            "timezone": UTC_OFFSET,
        }
        for number, hours in enumerate(service.opening_hours)
    ]


def _places(service: contracts.ServicePublished) -> list[Json]:
    return [
        {
            **_part(service, f"at {number}"),
            "location_id": _id(service, f"location {number}"),
            "location": _location(service, number, location),
        }
        for number, location in enumerate(service.locations)
    ]


def _location(service: contracts.ServicePublished, number: int, location: contracts.Location) -> Json:
    department, municipality = places().get(location.zone, (location.zone[:2], location.zone))
    own = _id(service, f"location {number}")
    address = {
        "id": _id(service, f"address {number}"),
        "location_id": own,
        "address_1": location.address,
        "city": municipality,
        "state_province": department,
        "postal_code": "",  # HSDS asks for one, and the network has none
        "country": COLOMBIA,
        "address_type": "physical",
    }
    written = {
        "id": own,
        "location_type": "physical",
        "name": location.name,
        "latitude": location.latitude,
        "longitude": location.longitude,
        "external_identifier": location.zone,
        "external_identifier_type": "DIVIPOLA",
        "addresses": [address],
    }
    return {name: value for name, value in written.items() if value is not None}


def _required_document(service: contracts.ServicePublished, code: str) -> Json:
    part = _part(service, f"document {code}")
    name = name_of("DocumentType", code)
    return {**part, "document": name, "attributes": [_term(part["id"], "required_document", DOCUMENTS, code, name)]}


def _attributes(service: contracts.ServicePublished) -> list[Json]:
    """Write as terms what HSDS has no field for: the needs, the computable eligibility, two marks."""
    own, asked = str(service.service_id), service.eligibility
    criteria = [
        *(("sex", one, name_of("Sex", one)) for one in asked.sexes),
        *(("profile", one, name_of("Profile", one)) for one in asked.profiles),
        *(("nationality", one, one) for one in asked.nationalities),
        *(("document", one, name_of("DocumentType", one)) for one in asked.documents),
        *(("residence", one, _municipality(one)) for one in asked.zones),
    ]
    marks = [("confidential_location", "Lugar reservado")] if service.hides_its_place else []
    if service.public_location:
        marks.append(("public_location", "Lugar público"))
    if service.answered_by == "hub":
        marks.append(("answered_by_hub", "Responde el centro"))
    return [
        *(_term(own, "service", NEEDS, code, name_of("NeedCode", code)) for code in service.need_codes),
        *(_term(own, "service", ELIGIBILITY, f"{kind}:{code}", name) for kind, code, name in criteria),
        *(_term(own, "service", MARKS, code, name) for code, name in marks),
    ]


def _term(own: str, entity: str, taxonomy: str, code: str, name: str) -> Json:
    term = str(uuid5(ORGANISATIONS, f"{taxonomy} {code}"))
    return {
        "id": str(uuid5(UUID(own), f"{taxonomy} {code}")),
        "link_id": own,
        "link_entity": entity,
        "taxonomy_term_id": term,
        "taxonomy_term": {"id": term, "code": code, "name": name, "description": name, "taxonomy": taxonomy},
    }


def whom_it_is_for(asked: contracts.Eligibility) -> str | None:
    """Write in words what the terms say, for people."""
    least, greatest = asked.minimum_age, asked.maximum_age
    sentences = [
        f"Desde los {least} años." if least is not None else "",
        f"Hasta los {greatest} años." if greatest is not None else "",
        _listed("Sexo:", map(contracts.label, asked.sexes)),
        _listed("Perfil:", map(contracts.label, asked.profiles)),
        _listed("Nacionalidad:", asked.nationalities),
        _listed("Con alguno de estos documentos:", map(contracts.label, asked.documents)),
        _listed("Residentes en", map(_municipality, asked.zones)),
    ]
    return " ".join(sentence for sentence in sentences if sentence) or None


def _listed(begins: str, names: Iterable[str]) -> str:
    listed = ", ".join(names)
    return f"{begins} {listed}." if listed else ""


def _wait_time(capacity: Stated | None, now: datetime | None) -> str | None:
    if capacity is None or (now is not None and capacity.valid_until <= now):
        return None
    words = [name_of("CapacityState", capacity.state)]
    if capacity.waiting is not None:
        words.append(f"{capacity.waiting} en espera")
    if capacity.estimate_days is not None:
        words.append(f"unos {capacity.estimate_days} días")
    return f"{', '.join(words)} (hasta {capacity.valid_until.isoformat()})"


def _municipality(zone: str) -> str:
    department, municipality = places().get(zone, ("", zone))
    return f"{municipality}, {department}" if department else municipality


def _part(service: contracts.ServicePublished, what: str) -> Json:
    return {"id": _id(service, what), "service_id": str(service.service_id)}


def _id(service: contracts.ServicePublished, what: str) -> str:
    return str(uuid5(service.service_id, what))
