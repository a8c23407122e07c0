"""An HSDS 3.0 document as what an organisation publishes of a service: a pure function that says what it drops."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import TypeAdapter, ValidationError

import contracts
from contracts import codes
from contracts.fields import Model
from contracts.places import places
from tools.directory.terms import DOCUMENTS, ELIGIBILITY, MARKS, NEEDS, Terms

Json = dict[str, Any]

DAYS: Final = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
# What is read elsewhere in this file; every other field that has a value is dropped, and named.
READ: Final = frozenset(
    {
        "id", "name", "description", "url", "email", "status", "minimum_age", "maximum_age", "phones", "languages",
        "service_areas", "schedules", "service_at_locations", "required_documents", "attributes",
    }
)  # fmt: skip
# What the export writes and nothing has to read again: it says in words, or once more, what other fields say.
REPEATED: Final = frozenset({"organization_id", "organization", "eligibility_description"})


class NotAServiceError(Exception):
    """The document cannot become a service of the network; the text says why in one sentence."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What an organisation is to say of a service, and the fields of the document that have no place in it."""

    service: contracts.ServicePublished
    dropped: tuple[str, ...]


def services_in(document: Any) -> list[Json]:
    """Find the services in a document: one, a list, an organisation with its services, or a page of HSDS's API."""
    if isinstance(document, dict):
        for name in ("contents", "services"):
            if isinstance(document.get(name), list):
                return services_in(document[name])
        return [document]
    if isinstance(document, list) and all(isinstance(one, dict) for one in document):
        return document
    raise NotAServiceError("the file holds neither a service, nor services, nor an organisation with services")


def from_hsds(
    document: Json, *, terms: Terms | None = None, zone: str | None = None, confidential: bool = False
) -> Imported:
    """Read a service.

    `terms` says what the terms, places and documents of another taxonomy mean here; `zone` is the municipality it
    serves where the document names none that is known. `confidential` hides its place, whatever the document says.
    Raises NotAServiceError when it has no id or name, meets no known need, or serves no known municipality.
    """
    return _Reading(document, terms or Terms(), zone, confidential).read()


@dataclass
class _Reading:
    """One document while it is read, and what has been dropped so far."""

    document: Json
    terms: Terms
    zone: str | None
    confidential: bool
    dropped: list[str] = field(default_factory=list)

    def read(self) -> Imported:
        document = self.document
        own_terms = list(_terms_of(document))
        marks = {code for taxonomy, code in own_terms if taxonomy == MARKS}
        hidden = self.confidential or "confidential_location" in marks
        said: Json = {
            "service_id": self._id(),
            "name": self._name(),
            "need_codes": self._needs(own_terms),
            "active": document.get("status", "active") == "active",
            "zones": self._zones(),
            "description": self._fitting("description", document.get("description")),
            "languages": self._languages(),
            "eligibility": self._eligibility(own_terms),
            "required_documents": self._required_documents(),
            "locations": () if hidden else self._locations(),
            "opening_hours": () if hidden else self._opening_hours(),
            "confidential_location": hidden,
            "url": self._fitting("url", document.get("url")),
            "email": self._fitting("email", document.get("email")),
            "phone": self._phone(),
            "answered_by": "hub" if "answered_by_hub" in marks else "organisation",
        }
        if hidden:
            said["description"] = said["url"] = None
            kept_back = ("service_at_locations", "schedules", "description", "url")
            self.dropped += [f"{name} (confidential)" for name in kept_back if document.get(name)]
        self.dropped += [
            name for name, value in document.items() if name not in READ | REPEATED and value not in (None, [], "")
        ]
        return Imported(contracts.ServicePublished(**said), tuple(sorted(set(self.dropped))))

    def _id(self) -> UUID:
        try:
            return UUID(str(self.document["id"]))
        except (KeyError, ValueError):
            raise NotAServiceError("it has no id that is a UUID") from None

    def _name(self) -> str:
        name = " ".join(str(self.document.get("name") or "").split())[:200]
        if not _fits(contracts.ServicePublished, "name", name):
            raise NotAServiceError("it has no name")
        return name

    def _needs(self, own_terms: Iterable[tuple[str, str]]) -> tuple[str, ...]:
        found = []
        for taxonomy, code in own_terms:
            need = code if taxonomy == NEEDS else self.terms.needs.get(f"{taxonomy}:{code}")
            if need is not None and _fits(contracts.ServicePublished, "need_codes", (need,)):
                found.append(need)
            elif taxonomy not in (NEEDS, ELIGIBILITY, MARKS):
                self.dropped.append(f"attributes: the term {taxonomy}:{code}")
        if not found:
            raise NotAServiceError(
                "none of its terms means a need of the network; say what they mean in a file of terms"
            )
        return tuple(dict.fromkeys(found))

    def _zones(self) -> tuple[str, ...]:
        found = []
        for area in _items(self.document, "service_areas"):
            zone = self._place(area.get("extent"), area.get("name"), coded=area.get("extent_type") == "divipola")
            if zone is None:
                self.dropped.append("service_areas: an area that is no known municipality")
            else:
                found.append(zone)
        if not found and self.zone is not None:
            found.append(self.zone)
        if not found:
            raise NotAServiceError("it serves no municipality that is known; say one")
        return tuple(dict.fromkeys(found))

    def _place(self, code: Any, name: Any, *, coded: bool) -> str | None:
        """Return the municipality of a DIVIPOLA code (also of one that is newer than our list) or of a known name."""
        if coded and isinstance(code, str) and re.fullmatch("[0-9]{5}", code):
            return code
        for one in (code, name):
            if isinstance(one, str) and one in places():
                return one
            if isinstance(one, str) and one in self.terms.places:
                return self.terms.places[one]
        return None

    def _languages(self) -> tuple[str, ...]:
        spoken: list[Any] = [one.get("code") for one in _items(self.document, "languages")]
        known = [code for code in spoken if _fits(contracts.ServicePublished, "languages", (code,))]
        if len(known) < len(spoken):
            self.dropped.append("languages: one without a code")
        return tuple(dict.fromkeys(known))

    def _eligibility(self, own_terms: Iterable[tuple[str, str]]) -> contracts.Eligibility:
        criteria: dict[str, list[Any]] = {
            kind: [] for kind in ("sex", "profile", "nationality", "document", "residence")
        }
        for taxonomy, code in own_terms:
            kind, _, value = code.partition(":")
            if taxonomy == ELIGIBILITY and kind in criteria:
                criteria[kind].append(value)
        said: Json = {
            "minimum_age": self._age("minimum_age"),
            "maximum_age": self._age("maximum_age"),
            "sexes": _of(codes.Sex, criteria["sex"]),
            "profiles": _of(codes.Profile, criteria["profile"]),
            "nationalities": tuple(criteria["nationality"]),
            "documents": _of(codes.DocumentType, criteria["document"]),
            "zones": tuple(criteria["residence"]),
        }
        try:
            return contracts.Eligibility(**said)
        except ValidationError:
            raise NotAServiceError("whom it is for contradicts itself, or names what is not known") from None

    def _age(self, name: str) -> int | None:
        age = self.document.get(name)
        if age is None:
            return None
        if isinstance(age, int | float) and 0 <= age <= 130:
            return int(age)
        self.dropped.append(name)
        return None

    def _required_documents(self) -> tuple[codes.DocumentType, ...]:
        found: list[codes.DocumentType] = []
        for one in _items(self.document, "required_documents"):
            coded = [code for taxonomy, code in _terms_of(one) if taxonomy == DOCUMENTS]
            known = _of(codes.DocumentType, coded or [self.terms.documents.get(str(one.get("document")))])
            if not known:
                self.dropped.append("required_documents: one in words that mean no document type")
            found += known
        return tuple(dict.fromkeys(found))

    def _locations(self) -> tuple[contracts.Location, ...]:
        found = []
        for at in _items(self.document, "service_at_locations"):
            location = at.get("location")
            read = self._location(location) if isinstance(location, dict) else None
            if read is None:
                self.dropped.append("service_at_locations: one that is no address in a known municipality")
            else:
                found.append(read)
        return tuple(found)

    def _location(self, location: Json) -> contracts.Location | None:
        addresses = [one for one in _items(location, "addresses") if one.get("address_1")]
        if not addresses or location.get("location_type") != "physical":
            return None
        address = addresses[0]
        coded = location.get("external_identifier_type") == "DIVIPOLA"
        zone = self._place(location.get("external_identifier"), address.get("city"), coded=coded)
        lines = [str(address[name]).strip() for name in ("address_1", "address_2") if address.get(name)]
        said: Json = {"name": location.get("name") or lines[0], "address": ", ".join(lines)[:200], "zone": zone}
        for name in ("latitude", "longitude"):
            value = location.get(name)
            if isinstance(value, int | float) and _fits(contracts.Location, name, float(value)):
                said[name] = float(value)
            elif value is not None:
                self.dropped.append(f"service_at_locations: a {name} that is none")
        try:
            return contracts.Location(**said)
        except ValidationError:
            return None

    def _opening_hours(self) -> tuple[contracts.OpeningHours, ...]:
        found = []
        for one in _items(self.document, "schedules"):
            days = tuple(day.strip() for day in str(one.get("byday") or "").split(","))
            hours = [str(one.get(name) or "")[:5] for name in ("opens_at", "closes_at")]
            weekly = one.get("freq") == "WEEKLY" and one.get("interval", 1) == 1 and set(days) <= set(DAYS)
            try:
                if not weekly:
                    raise NotAServiceError("it is not the same every week")
                found.append(contracts.OpeningHours(days=days, opens=hours[0], closes=hours[1]))  # type: ignore[arg-type]
            except (NotAServiceError, ValidationError):
                self.dropped.append("schedules: one that is not so many hours on the same days of every week")
        return tuple(found)

    def _phone(self) -> str | None:
        numbers = ["".join(re.findall(r"^\+|\d", str(one.get("number")).strip('" '))) for one in self._phones()]
        usable = [number for number in numbers if _fits(contracts.ServicePublished, "phone", number)]
        if len(numbers) > 1 or len(usable) < len(numbers):
            self.dropped.append("phones: all but the first that is written internationally")
        return usable[0] if usable else None

    def _phones(self) -> list[Json]:
        return list(_items(self.document, "phones"))

    def _fitting(self, name: str, value: Any) -> Any:
        """Return a value if the contract takes it there, and drop it otherwise."""
        if value is None or value == "":
            return None
        if _fits(contracts.ServicePublished, name, value):
            return value
        self.dropped.append(name)
        return None


def _items(document: Json, name: str) -> Iterator[Json]:
    value = document.get(name)
    yield from (one for one in value if isinstance(one, dict)) if isinstance(value, list) else ()


def _terms_of(document: Json) -> Iterator[tuple[str, str]]:
    """Yield taxonomy and code of each term that a document is linked with."""
    for attribute in _items(document, "attributes"):
        term = attribute.get("taxonomy_term")
        if isinstance(term, dict) and term.get("code"):
            yield str(term.get("taxonomy") or ""), str(term["code"])


def _of(kind: type[Any], values: Iterable[Any]) -> tuple[Any, ...]:
    known = {one.value for one in kind}
    return tuple(kind(value) for value in dict.fromkeys(values) if value in known)


def _fits(model: type[Model], name: str, value: Any) -> bool:
    """Whether the contract takes a value in a field."""
    try:
        _field(model, name).validate_python(value, strict=True)
    except ValidationError:
        return False
    return True


@cache
def _field(model: type[Model], name: str) -> TypeAdapter[Any]:
    info = model.model_fields[name]
    annotated: Any = Annotated[info.annotation, info]
    return TypeAdapter(annotated)
