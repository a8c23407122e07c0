"""An HSDS 3 document as what an organisation publishes of a service: a pure function that says what it drops."""

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Annotated, Any, Final
from uuid import UUID

from annotated_types import MaxLen
from pydantic import TypeAdapter, ValidationError

import contracts
from contracts import codes
from contracts.fields import Model
from contracts.places import places
from tools.directory.contents import NotAServiceError, organisation_of, services_in
from tools.directory.exporting import whom_it_is_for
from tools.directory.hours import NotEveryWeekError, read_hours
from tools.directory.record import Json, Record
from tools.directory.terms import DOCUMENTS, ELIGIBILITY, MARKS, NEEDS, Terms, name_of
from tools.values import UnreadableValue
from tools.values.telephones import telephone_and_extension

__all__ = ["Imported", "NotAServiceError", "from_hsds", "services_in"]

# What is read of a service; every other field that says something is dropped, and named.
READ: Final = frozenset(
    {
        "id", "name", "description", "url", "email", "status", "minimum_age", "maximum_age", "phones", "languages",
        "service_areas", "schedules", "service_at_locations", "required_documents", "attributes",
    }
)  # fmt: skip
# Named only where they say something else than what is read, or than what the export writes.
REPEATED: Final = frozenset({"organization_id", "organization", "eligibility_description"})
# How documents of before HSDS 3 say what a service is for.
OLDER: Final = ("service_taxonomys", "services_taxonomy", "service_taxonomy", "eligibilitys", "regular_schedules")

STATUSES: Final = {"active": True, "inactive": False, "defunct": False, "temporarily closed": False}
# Who calls a number of these reaches somebody; the first kind is taken first. Of others (fax, text …) nobody answers.
TO_CALL: Final = ("voice", "", "cell")
OLDEST: Final = 130  # years
# Of Colombia with its islands; no place in it is found at its coordinates swapped.
LATITUDES: Final = (-4.3, 16.1)
LONGITUDES: Final = (-82.0, -66.8)
_CODED: Final = re.compile("[A-Za-z0-9_.:/-]{1,80}")


@dataclass(frozen=True, slots=True)
class Imported:
    """What an organisation is to say of a service, and what of the document has no place in it."""

    service: contracts.ServicePublished
    dropped: tuple[str, ...]


def from_hsds(
    document: Json,
    *,
    terms: Terms | None = None,
    zone: str | None = None,
    confidential: bool = False,
    public: bool = False,
    organisation: str | None = None,
    today: date | None = None,
) -> Imported:
    """Read a service.

    `terms` says what the terms, places and documents of another taxonomy mean here; `zone` is the municipality it
    serves where the document names none that is known. `confidential` hides its place, whatever the document says;
    the place of a service for a confidential need is hidden unless `public`, or a mark of the document, says that
    everybody may know it. `organisation` is who publishes it, and `today` when: without it, hours that begin on some
    day are dropped. Raises NotAServiceError with everything that is in the way.
    """
    return _Reading(document, terms or Terms(), zone, organisation, today).read(confidential, public)


@dataclass
class _Reading:
    """One document while it is read, with what has been dropped and what is in the way so far."""

    document: Json
    terms: Terms
    zone: str | None
    organisation: str | None
    today: date | None
    dropped: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.record = Record(self.document, self.dropped)

    def read(self, confidential: bool, public: bool) -> Imported:
        own_terms = self._terms(self.record)
        marks = self._marks(own_terms)
        needs = self._needs(own_terms)
        hidden = self._is_hidden(needs, confidential, public, marks)
        if hidden:
            for name in ("service_at_locations", "schedules", "description", "url"):
                if self.record.take(name) is not None:
                    self.dropped.append(f"{name} (confidential)")
        eligibility = self._eligibility(own_terms)
        ats = self.record.parts("service_at_locations")
        said: Json = {
            "service_id": self._id(),
            "name": self._name(),
            "need_codes": needs,
            "active": self._active(),
            "zones": self._zones(),
            "description": self._fitting("description"),
            "languages": self._languages(),
            "eligibility": eligibility,
            "required_documents": self._required_documents(),
            "locations": self._locations(ats),
            "opening_hours": self._opening_hours(ats),
            "confidential_location": hidden,
            "public_location": not hidden and any(map(codes.is_confidential, needs)),
            "url": self._fitting("url"),
            "email": self._fitting("email"),
            "phone": self._phone(ats),
            "answered_by": "hub" if "answered_by_hub" in marks else "organisation",
        }
        self._account_for_what_is_repeated(eligibility)
        self.record.close()
        if self.faults:
            raise NotAServiceError(*self.faults)
        return Imported(contracts.ServicePublished(**said), tuple(dict.fromkeys(self.dropped)))

    def _id(self) -> UUID | None:
        said = self.record.take("id")
        try:
            return UUID(said if isinstance(said, str) else "")
        except ValueError:
            self._fault("it has no id that is a UUID")
            return None

    def _name(self) -> str:
        said = self.record.take("name")
        name = " ".join(said.split()) if isinstance(said, str) else ""
        if len(name) > 200:
            name = name[:200].rstrip()
            self.dropped.append("name: what is after 200 characters")
        if not _fits(contracts.ServicePublished, "name", name):
            self._fault("it has no name")
        return name

    def _active(self) -> bool:
        said = self.record.take("status")
        if said is None:  # many systems write nothing for "as ever"
            return True
        status = " ".join(re.split(r"[\s_-]+", said.strip().casefold())) if isinstance(said, str) else ""
        if status not in STATUSES:
            self.dropped.append("status: none that HSDS knows, so that the service takes no referrals")
        return STATUSES.get(status, False)

    # -- terms --------------------------------------------------------------------------------------------------------

    def _terms(self, record: Record) -> list["_Term"]:
        """Return the terms that a document is linked with."""
        found = []
        for attribute in record.parts("attributes"):
            term = attribute.part("taxonomy_term")
            if term is None:
                attribute.drop(why="without a term")
                continue
            for of_the_term in ("description", "term_uri", "language", "parent_id", "taxonomy_id"):
                term.plain(of_the_term)  # says nothing of the service
            found.append(_Term(attribute, *(term.text(part) for part in ("taxonomy", "code", "name"))))
        return found

    def _marks(self, own_terms: Iterable["_Term"]) -> set[str]:
        found = set()
        for term in own_terms:
            if term.taxonomy == MARKS:
                if term.code in ("confidential_location", "public_location", "answered_by_hub"):
                    found.add(term.code)
                else:
                    term.record.drop(why=f"{term} is no mark of the network")
        return found

    def _needs(self, own_terms: Iterable["_Term"]) -> tuple[str, ...]:
        found, without = [], []
        for term in own_terms:
            if term.taxonomy in (ELIGIBILITY, MARKS):
                continue
            need = term.code if term.taxonomy == NEEDS else self.terms.needs.get(term.key)
            if need is not None and _fits(contracts.ServicePublished, "need_codes", (need,)):
                found.append(need)
                continue
            if not term.code:
                without.append(f"{term.record.path} has a term without a code{term.in_taxonomy}")
            term.record.drop(why=f"{term} means no need of the network")
        if not found:
            older = [name for name in OLDER if self.record.peek(name) is not None]
            why = [*without[:3], *(f"{name} is of before HSDS 3, and not read" for name in older[:1])]
            self._fault(
                "none of its terms means a need of the network; say what they mean in a file of terms, as "
                f'"taxonomy:code" = "sector.need"{"".join(f" ({one})" for one in why)}'
            )
        return self._as_many_as_fit(contracts.ServicePublished, "need_codes", found, "attributes")

    def _eligibility(self, own_terms: Iterable["_Term"]) -> contracts.Eligibility:
        kinds: dict[str, str] = {
            "sex": "sexes", "profile": "profiles", "nationality": "nationalities", "document": "documents",
            "residence": "zones",
        }  # fmt: skip
        asked: dict[str, list[Any]] = {name: [] for name in kinds.values()}
        for term in own_terms:
            if term.taxonomy != ELIGIBILITY:
                continue
            kind, _, value = term.code.partition(":")
            coded = _coded(kinds.get(kind, ""), value)
            if coded is None:  # without it the service would be for more people than it is
                self._fault(f"{term.record.path} asks for something that the network does not know")
            else:
                asked[kinds[kind]].append(coded)
        least, greatest = self._age("minimum_age"), self._age("maximum_age")
        if least is not None and greatest is not None and least > greatest:
            self._fault("whom it is for contradicts itself: its least age is above its greatest")
            least = None
        return contracts.Eligibility(
            minimum_age=least,
            maximum_age=greatest,
            **{
                name: self._as_many_as_fit(contracts.Eligibility, name, values, "attributes")
                for name, values in asked.items()
            },
        )

    def _age(self, name: str) -> int | None:
        said = self.record.take(name)
        if said is None:
            return None
        if isinstance(said, int | float) and not isinstance(said, bool):
            if name == "maximum_age" and said > OLDEST:
                self.dropped.append(f"{name}: nobody is older than {OLDEST}")
                return None
            if 0 <= said <= OLDEST and said == int(said):
                return int(said)
        self._fault(f"{name} is no whole number of years from 0 to {OLDEST}")
        return None

    # -- where --------------------------------------------------------------------------------------------------------

    def _is_hidden(self, needs: Iterable[str], confidential: bool, public: bool, marks: set[str]) -> bool:
        confidential = confidential or "confidential_location" in marks
        public = public or "public_location" in marks
        if confidential and public:
            self._fault("its place is said to be confidential, and to be public")
        return confidential or (not public and any(map(codes.is_confidential, needs)))

    def _zones(self) -> tuple[str, ...]:
        found = []
        for area in self.record.parts("service_areas"):
            zone = self._place(*self._code(area, "extent"), _text(area.peek("name")))
            if zone is None:
                area.drop(why="no known municipality")
                continue
            found.append(zone)
            _take_what_agrees(area, zone, self.terms)
        if not found and self.zone is not None:
            found.append(self.zone)
        if not found:
            self._fault("it serves no municipality that is known; say one")
        return self._as_many_as_fit(contracts.ServicePublished, "zones", found, "service_areas")

    def _code(self, record: Record, name: str) -> tuple[str, bool]:
        """Return a place's code, empty where it means nothing, and whether it is said to be one of DIVIPOLA."""
        code_is, code = _text(record.peek(f"{name}_type")), _text(record.peek(name))
        if code_is.upper() == "DIVIPOLA":
            record.take(f"{name}_type")
            return record.text(name), True
        if code in places() or code in self.terms.places:
            return record.text(name), False
        return "", False

    def _place(self, code: str, coded: bool, name: str) -> str | None:
        """Return the municipality of a DIVIPOLA code (also of one that is newer than our list) or of a known name.

        None also where the two are known, and contradict each other.
        """
        said = {self.terms.places.get(one, one) for one in (code, name) if one in self.terms.places or one in places()}
        if coded:
            if not re.fullmatch("[0-9]{5}", code):
                return None
            said.add(code)
        return said.pop() if len(said) == 1 else None

    def _locations(self, ats: Iterable[Record]) -> tuple[contracts.Location, ...]:
        found: list[contracts.Location] = []
        for at in ats:
            location = at.part("location")
            if location is None:
                self.dropped.append(f"{at.path}: no location")
                continue
            read = self._location(location)
            if not read:
                location.drop(why="no street address in a known municipality")
            found += read
        return self._as_many_as_fit(contracts.ServicePublished, "locations", found, "service_at_locations")

    def _location(self, location: Record) -> list[contracts.Location]:
        """Read a location: one for each of its street addresses, none where it has none."""
        kind = location.text("location_type").casefold()
        addresses = self._street_addresses(location)
        if kind not in ("", "physical") or not addresses:
            return []
        code, coded = self._code(location, "external_identifier")
        point = self._point(location, how_many=len(addresses))
        name = location.text("name")
        if name and not _fits(contracts.Location, "name", name):
            location.drop("name", "not one line of at most 200 characters")
            name = ""
        found = []
        for address in addresses:
            lines = [address.text(part) for part in ("address_1", "address_2")]
            zone = self._place(code, coded, _text(address.peek("city")))
            said: Json = {"name": name or lines[0], "address": ", ".join(filter(None, lines)), "zone": zone}
            try:
                found.append(contracts.Location(**{**said, **point}))
            except ValidationError:
                address.drop(why="no street address in a known municipality")
                continue
            _take_what_agrees(address, found[-1].zone, self.terms)
        return found

    def _street_addresses(self, location: Record) -> list[Record]:
        """Return the addresses that people can go to: physical ones, or else those that do not say what they are."""
        by_kind: dict[str, list[Record]] = {"physical": [], "": []}
        for address in location.parts("addresses"):
            kind = address.text("address_type").casefold()
            if not _text(address.peek("address_1")):
                address.drop(why="no street address")
            elif kind in by_kind:
                by_kind[kind].append(address)
            else:
                address.drop(why="nobody can go to an address of this type")
        if by_kind["physical"]:
            for address in by_kind[""]:
                address.drop(why="beside one that is physical")
        return by_kind["physical"] or by_kind[""]

    def _point(self, location: Record, *, how_many: int) -> dict[str, float]:
        latitude, longitude = location.take("latitude"), location.take("longitude")
        if latitude is None and longitude is None:
            return {}
        if how_many == 1 and _is_within(latitude, LATITUDES) and _is_within(longitude, LONGITUDES):
            return {"latitude": float(latitude), "longitude": float(longitude)}
        why = "not one point in Colombia" if how_many == 1 else "of one of several addresses"
        self.dropped.append(f"{location.path}.latitude, {location.path}.longitude: {why}")
        return {}

    # -- when, and how to reach it ------------------------------------------------------------------------------------

    def _opening_hours(self, ats: list[Record]) -> tuple[contracts.OpeningHours, ...]:
        """Read the service's schedules; of its places those of the only one, where the service has none itself."""
        found: list[contracts.OpeningHours] = []
        for schedule in self._own_or_of_the_only_place("schedules", ats):
            try:
                found.append(read_hours(schedule, today=self.today))
            except NotEveryWeekError as error:
                schedule.drop(why=f"not so many hours on the same days of every week: {error}")
        return self._as_many_as_fit(contracts.ServicePublished, "opening_hours", found, "schedules")

    def _phone(self, ats: list[Record]) -> str | None:
        """Return the first number to call, and drop the others."""
        phones = [(self._kind_of(phone), phone) for phone in self._own_or_of_the_only_place("phones", ats)]
        found = None
        for kind in TO_CALL:
            for _, phone in (one for one in phones if one[0] == kind):
                if found is not None:
                    phone.drop(why="the contract has room for one number to call")
                else:
                    found = self._number(phone)
        for kind, phone in phones:
            if kind not in TO_CALL:
                phone.drop(why="not a number to call")
        return found

    def _kind_of(self, phone: Record) -> str:
        """Return the kind of number: of several kinds at once the one that is to be called."""
        said = phone.take("type")
        if said is None:
            return ""
        kinds = re.split(r"[\s,;/]+", said.strip().casefold()) if isinstance(said, str) else []
        return next((kind for kind in TO_CALL if kind in kinds), "another")

    def _number(self, phone: Record) -> str | None:
        said = phone.take("number")
        text = str(said).strip('" ') if isinstance(said, str | int) and not isinstance(said, bool) else ""
        try:
            number, extension = telephone_and_extension(text, "COL")
        except UnreadableValue:
            phone.drop(why="no telephone number")
            return None
        if extension is not None:
            self.dropped.append(f"{phone.path}.number: its extension")
        return number

    def _own_or_of_the_only_place(self, name: str, ats: list[Record]) -> list[Record]:
        """Return what the service has under a name, or else what it has at its only place; drop what others have."""
        own = self.record.parts(name)
        at_places = [one for at in ats for one in at.parts(name)]
        if own or len(ats) > 1:
            for one in at_places:
                one.drop(why="of one place, where the contract has room for the service's own only")
            return own
        return at_places

    # -- for whom -----------------------------------------------------------------------------------------------------

    def _languages(self) -> tuple[str, ...]:
        found = []
        for language in self.record.parts("languages"):
            code = language.text("code").casefold()
            if _fits(contracts.ServicePublished, "languages", (code,)):
                found.append(code)
                language.plain("name")  # says the same for people
            else:
                language.drop(why="no code of ISO 639")
        return self._as_many_as_fit(contracts.ServicePublished, "languages", found, "languages")

    def _required_documents(self) -> tuple[codes.DocumentType, ...]:
        found: list[codes.DocumentType] = []
        for required in self.record.parts("required_documents"):
            coded = []
            for term in self._terms(required):
                document = _coded("documents", term.code) if term.taxonomy == DOCUMENTS else None
                if document is None:
                    term.record.drop(why=f"{term} means no document type")
                else:
                    coded.append(document)
            said = required.text("document")
            meant = _coded("documents", self.terms.documents.get(said, ""))
            if not coded and meant is None:
                required.drop(why="in words that mean no document type")
            elif coded and said and meant not in coded and said not in [name_of("DocumentType", one) for one in coded]:
                self.dropped.append(f"{required.path}.document")
            found += coded or ([meant] if meant else [])
        return self._as_many_as_fit(contracts.ServicePublished, "required_documents", found, "required_documents")

    # -- what is left -------------------------------------------------------------------------------------------------

    def _account_for_what_is_repeated(self, eligibility: contracts.Eligibility) -> None:
        """Take what the export writes once more; what says something else is dropped by its name, as other fields."""
        if self.record.peek("eligibility_description") == whom_it_is_for(eligibility):
            self.record.take("eligibility_description")
        organisation = self.record.part("organization")
        if organisation is not None:
            others = organisation_of(organisation) - {self.organisation}
            if self.organisation is not None and others:
                self._fault("its organisation is another one of the network, as it says itself")

    def _fitting(self, name: str) -> Any:
        """Return a field's value if the contract takes it there, and drop it otherwise."""
        value = self.record.take(name)
        if value is None or _fits(contracts.ServicePublished, name, value):
            return value
        self.dropped.append(f"{name}: not as the contract has it")
        return None

    def _as_many_as_fit(self, model: type[Model], name: str, values: Iterable[Any], path: str) -> tuple[Any, ...]:
        """Return each value once, and drop those for which the contract has no room."""
        said = tuple(values)
        found, room = tuple(dict.fromkeys(said)), _room(model, name)
        if len(found) < len(said):
            self.dropped.append(f"{path}: {len(said) - len(found)} that say the same once more")
        if len(found) > room:
            self.dropped.append(f"{path}: {len(found) - room} for which the contract has no room, after {room}")
        return found[:room]

    def _fault(self, why: str) -> None:
        self.faults.append(why)


@dataclass(frozen=True, slots=True)
class _Term:
    """A term that something is linked with, and the attribute that links it."""

    record: Record
    taxonomy: str
    code: str
    name: str

    @property
    def key(self) -> str:
        """How a file of terms calls it: by its code, or by its name where it has none."""
        return f"{self.taxonomy}:{self.code or self.name}"

    @property
    def in_taxonomy(self) -> str:
        return f" (of {self.taxonomy})" if _CODED.fullmatch(self.taxonomy) else ""

    def __str__(self) -> str:
        """Name it where it looks like a code: anything else might be about somebody."""
        key = f"{self.taxonomy}:{self.code}"
        return f"the term {key}" if self.code and _CODED.fullmatch(key) else "its term"


def _coded(name: str, value: Any) -> Any:
    """Return a value of one of eligibility's lists as the contract has it; None where it knows no such value."""
    kinds: dict[str, Callable[[str], Any]] = {
        "sexes": codes.Sex, "profiles": codes.Profile, "documents": codes.DocumentType,
        "nationalities": str, "zones": str,
    }  # fmt: skip
    try:
        coded = kinds[name](value)
    except (KeyError, ValueError):
        return None
    return coded if _fits(contracts.Eligibility, name, (coded,)) else None


def _take_what_agrees(record: Record, zone: str, terms: Terms) -> None:
    """Take of an address, or an area, what says again in which municipality it is; the rest is dropped by its name."""
    department, municipality = places().get(zone, ("", ""))
    called = {zone, _plain(municipality), *(_plain(one) for one, meant in terms.places.items() if meant == zone)}
    same = {
        "city": called,
        "name": {*called, _plain(f"{municipality} {department}")},
        "state_province": {_plain(department), zone[:2]},
        "country": {"co", "col", "colombia"},
    }
    for name, values in same.items():
        if _plain(_text(record.peek(name))) in values:
            record.take(name)


def _plain(text: str) -> str:
    """Return a name without accents, capitals and points, in which people write it differently."""
    letters = unicodedata.normalize("NFKD", text.casefold())
    return " ".join(re.findall(r"\w+", "".join(one for one in letters if not unicodedata.combining(one))))


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


def _is_within(value: Any, bounds: tuple[float, float]) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and bounds[0] <= value <= bounds[1]


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


@cache
def _room(model: type[Model], name: str) -> int:
    """How many values a field has room for."""
    return next(one.max_length for one in model.model_fields[name].metadata if isinstance(one, MaxLen))
