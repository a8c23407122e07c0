"""Primero v2, inwards: a case record with the services it is referred for, as drafts of the network's messages.

Primero refers whole cases; what is asked of whom is in the case's `services_section`. Relied upon, all in the
repository `primeroIMS/primero`:

* `doc/api/cases/id/get.md`: a record under `data`;
* `db/configuration/forms/case/basic_identity.rb`, `care_arrangements.rb`, `services.rb`: the fields;
* `db/configuration/lookups/lookups.rb`: their options;
* `app/models/referral.rb`: `service_status_referred` marks what was referred, `unique_id` names it; which consent is
  asked for;
* `app/models/primero_module.rb`: the ids of modules; `spec/`: the shape of times.

A Primero is configured by its owner: what its words mean is data, in `primero.toml` and in the partner's own file of
that shape.
"""

import hashlib
import re
import tomllib
from base64 import b32encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar
from uuid import UUID, uuid5

import contracts
from contracts.codes import ContactChannel, FieldGroup, Urgency, is_confidential
from contracts.fields import Model
from tools.values import UnreadableValue, days, documents, names, telephones

from .countries import country
from .reading import Element, Findings, Json, Translation, check_object, read_contract, refuse

GBV: Final = "gbv"
"""What is in the id of a module whose cases are all confidential, such as `primeromodule-gbv`."""

ADULT_AT = 18
OLDEST = 130  # years

APART = 1
"""How many years an age may lag behind the birth date beside it: Primero counts it again at night, where it does."""

LONGEST_LINE = 200  # characters, as the contract takes them
LONGEST_NOTES = 4000

_NAMESPACE = UUID("5d1f8a3e-4c77-5d0b-9a55-6f2b9f3b7a10")
"""What our ids are derived from Primero's in: the same record gives the same ids, so sending it twice adds nothing."""

_STAND_IN: Final = ".".join(("eyJ9", "A" * 54, "A" * 16, "A", "A" * 22))
"""What a sealed block looks like that holds nothing."""

Words = Mapping[str, Any]
"""What a Primero's words mean: the tables of `primero.toml`."""

WORDS: Final[Words] = tomllib.loads((Path(__file__).parent / "primero.toml").read_text())


@dataclass(frozen=True, slots=True)
class Unsealed:
    """A message that lacks its sealed block alone: seal `block` to the organisation `to`, then call `sealed`."""

    contract: type[Model]
    fields: Json
    block: contracts.PersonBlock
    to: str

    def check(self, homes: Mapping[str, str], findings: Findings) -> None:
        """Blame the home of each field that does not keep to its contract."""
        read_contract(self.contract, {**self.fields, "sealed": _STAND_IN}, homes, findings)

    def sealed(self, block: str) -> Model:
        """Return the data of the message, complete; raise Untranslatable when `block` is no sealed block."""
        findings = Findings()
        return findings.finish(read_contract(self.contract, {**self.fields, "sealed": block}, {}, findings)).data


Drafts = list[Unsealed | contracts.NeedIdentified]


class Fields(Element):
    """An object of a Primero record. Its owner names the fields; a name that is none of Primero's is not shown."""

    def look(self, name: str) -> Any:
        value = super().look(name)  # a form that is left empty says nothing
        return None if value == [] or (isinstance(value, str) and not value.strip()) else value

    def shown(self, name: str) -> str:
        return name if _FIELD.fullmatch(name) else "?"

    def place(self, name: str, number: int, item: Json) -> str:
        if not self.where and name == "data":  # what the API puts around a record
            return ""
        return f"{self.at(name)}.{number}"


_FIELD: Final = re.compile(r"[a-z][a-z0-9_]{0,99}", re.ASCII)


def words_with(own: Words) -> Words:
    """Put a partner's own words before those that Primero ships with; raise Untranslatable where they are no words.

    A table of the network's own that is something else there is blamed as `invalid_field`, by its name.
    """
    findings = Findings()
    merged = dict(WORDS)
    for name, table in own.items():
        shipped = WORDS.get(name)
        if shipped is None or type(table) is not type(shipped) or not all(_are_words(name, one) for one in _in(table)):
            findings.blame("invalid_field", f"words.{name}" if _FIELD.fullmatch(name) else "words")
        elif isinstance(table, dict):
            merged[name] = {**merged[name], **table}
        else:
            merged[name] = table
    findings.refuse()
    return merged


def _in(table: Any) -> list[Any]:
    return list(table.values()) if isinstance(table, dict) else table if isinstance(table, list) else [table]


def _are_words(name: str, value: object) -> bool:
    """Tell whether a value is a word: in `services`, a table of them for each organisation."""
    if name == "services":
        return isinstance(value, dict) and all(isinstance(one, str) for one in value.values())
    return isinstance(value, str)


def case_to_drafts(record: Mapping[str, Any], *, consent_id: UUID, words: Words = WORDS) -> Translation[Drafts]:
    """Read a case as the person's registration and, for each service referred, the need and the request.

    `record` is a case as `GET /api/v2/cases/:id` returns it, or what is under its `data`; `consent_id` names the
    consent that the person has given for these referrals. A case of the module for gender-based violence, and a service
    for a confidential need, travel under a case code: no registration, no name, the least of fields.

    What a referral can do without and cannot be read is left out, and named. Raises Untranslatable, with codes of
    reading, of every format and of Primero in REFUSALS.
    """
    findings = Findings()
    whole, case = _open(check_object(record), findings)
    confidential = _is_confidential(case, words)
    _check_active(case, words)
    _check_consent(case)
    case_id = _uuid(case, "id")
    person_id = uuid5(_NAMESPACE, f"person {case_id}")
    referred = _referred(case)
    carer = None if confidential else _carer(case)
    person = None if confidential else _person(case, carer, words)
    phone = _phone(case, words) if person is None and any(map(_may_be_called, referred)) else None
    known = _Known(case_id, consent_id, person, carer, person.phone if person else phone)

    drafts: Drafts = []
    if person is not None:
        since = next((field for field in ("created_at", "registration_date") if field in case), "created_at")
        registered_at = _moment(case, since)
        fields = {"person_id": str(person_id), "registered_at": registered_at and registered_at.isoformat()}
        draft = Unsealed(contracts.PersonRegistered, fields, person, "hub")
        draft.check({"registered_at": since}, findings)
        drafts.append(draft)
    for service in referred:
        drafts += _service(case, service, known, words)
    whole.drop_what_is_unread()
    return findings.finish(drafts)


def _open(record: Json, findings: Findings) -> tuple[Fields, Fields]:
    """Return a record and the case in it; raise Untranslatable when it holds something else."""
    whole = Fields(record, "", findings)
    if isinstance(record.get("data"), list):
        refuse("several_cases", "data")
    case = whole.part("data") or whole
    for field in ("record_type", "type"):  # a referral or a transfer, which are of a case
        if field in case and "services_section" not in case:
            refuse("not_a_case", field)
    return whole, case


def referral_id_of(case_id: UUID, service_id: str) -> UUID:
    """Return the referral that a service of a case became: its `unique_id` in `services_section`."""
    return uuid5(_NAMESPACE, f"referral {case_id} {service_id}")


def case_code_of(case_id: UUID) -> str:
    """Return the case code of a confidential case: always the same, and nobody can tell the case from it."""
    digest = hashlib.sha256(f"case code {case_id}".encode()).digest()
    return f"PR-{b32encode(digest).decode()[:16]}"


# -- one service ------------------------------------------------------------------------------------------------------


def _referred(case: Fields) -> list[Fields]:
    """The services that are referred and still to be given; two that say they are one have to say the same."""
    findings = case.findings
    by_id: dict[str, Fields] = {}
    referred: list[Fields] = []
    over: list[str] = []
    for service in case.parts("services_section"):
        unique_id = service.look("unique_id")
        if isinstance(unique_id, str):
            first = by_id.setdefault(" ".join(unique_id.split()), service)
            if first is not service:
                service.leave_out()
                if first.value != service.value:
                    findings.blame("repeated", service.where)
                continue
        marked = service.read("service_status_referred")
        if marked is not None and not isinstance(marked, bool):
            findings.blame("invalid_field", service.at("service_status_referred"))
        if marked is not True:
            service.leave_out()
        elif _is_given(service):
            service.leave_out()
            over.append(service.at("service_implemented"))
        else:
            referred.append(service)
    if not referred:
        for where in over:
            findings.blame("not_active", where)
        if not over and not findings.blames("services_section"):
            findings.blame("nothing_referred", "services_section")
    return referred


class _Known(NamedTuple):
    """What all services of a case have in common."""

    case_id: UUID
    consent_id: UUID
    person: contracts.PersonBlock | None
    """None where the whole case is confidential."""
    carer: "_Carer | None"
    phone: str | None


def _is_given(service: Fields) -> bool:
    """Tell whether a service was given already; what says neither that nor the opposite is blamed."""
    said = service.read("service_implemented")
    if said not in (None, "implemented", "not_implemented"):
        service.findings.blame("unknown_code", service.at("service_implemented"))
    return said == "implemented" or "service_implemented_day_time" in service


def _service(case: Fields, service: Fields, known: _Known, words: Words) -> list[Unsealed | contracts.NeedIdentified]:
    case_id = known.case_id
    findings = case.findings
    unique_id = _text(service, "unique_id", required=True)
    need_code = _meaning(service, "service_type", words["service_types"])
    urgency: str | None = Urgency.NORMAL
    if "service_response_timeframe" in service:
        urgency = _meaning(service, "service_response_timeframe", words["timeframes"])
    confidential = known.person is None or (need_code is not None and is_confidential(need_code))
    identified_at = _moment(service, "service_response_day_time")
    is_child = _is_child(case, on=identified_at.astimezone(days.HERE).date() if identified_at else None)
    if confidential and is_child:
        findings.blame("child_in_confidence", service.where)

    recipient = _recipient(service, words)
    service_id = _network_service(service, recipient, need_code, words)
    block = _block(service, known, confidential=confidential)
    by_phone = block.phone is not None and _may_be_called(service)
    minor = _minor(case, block, known.carer, words) if is_child and not confidential else None
    if identified_at is None or recipient is None or need_code is None:
        return []  # what is wrong with it was blamed

    person_id = uuid5(_NAMESPACE, f"person {case_id}")
    who = {"case_code": case_code_of(case_id)} if confidential else {"person_id": str(person_id)}
    asked = {**who, "need_code": need_code, "urgency": urgency}
    need_id = uuid5(_NAMESPACE, f"need {case_id} {unique_id}")
    need: Json = {**asked, "need_id": str(need_id), "identified_at": identified_at.isoformat()}
    request: Json = {
        **asked,
        "referral_id": str(referral_id_of(case_id, unique_id or "")),
        "recipient": recipient,
        "service_id": service_id,
        "reason_code": "service_not_offered",
        "shares": _shares(block),
        "consent_id": str(known.consent_id),
        "contact": {
            "channel": ContactChannel.PHONE if by_phone else ContactChannel.THROUGH_SENDER,
            "language": words["language"],
        },
    }
    if not confidential:
        need["zone"] = block.place
        request["need_id"] = str(need_id)
    if minor is not None:
        request["minor"] = minor
    homes = {
        "need_code": service.at("service_type"),
        "identified_at": service.at("service_response_day_time"),
        "urgency": service.at("service_response_timeframe"),
        "service_id": service.at("service_implementing_agency"),
        "recipient": service.at("service_implementing_agency"),
    }
    identified = read_contract(contracts.NeedIdentified, need, homes, findings)
    draft = Unsealed(contracts.ReferralRequested, request, block, recipient)
    draft.check(homes, findings)
    return [identified, draft] if identified is not None else []


_AGENCIES: Final = ("service_implementing_agency", "service_implementing_agency_external")


def _recipient(service: Fields, words: Words) -> str | None:
    """The organisation asked: an agency of this Primero, or one outside it; never two."""
    said = [field for field in _AGENCIES if field in service]
    if not said:
        service.findings.blame("missing", service.at(_AGENCIES[0]))
    asked = {_meaning(service, field, words["agencies"]) for field in said}
    if len(asked) > 1:
        service.findings.blame("repeated", service.at(_AGENCIES[0]))
    return asked.pop() if len(asked) == 1 else None


def _network_service(service: Fields, recipient: str | None, need_code: str | None, words: Words) -> str | None:
    if recipient is None or need_code is None:
        return None
    offered: Mapping[str, str] = words["services"].get(recipient, {})
    if need_code not in offered:
        service.findings.blame("service_unknown", service.at(_AGENCIES[0]))
    return offered.get(need_code)


def _may_be_called(service: Fields) -> bool:
    """Tell whether the recipient may reach the person directly; unless the case says so, the caseworker does."""
    who = service.look("referral_follow_up_contact_who")
    if who in ("contact_the_person_being_referred_directly", "contact_via_caseworker"):
        service.read("referral_follow_up_contact_who")
    return bool(who == "contact_the_person_being_referred_directly")


def _minor(case: Fields, block: contracts.PersonBlock, carer: "_Carer | None", words: Words) -> Json:
    """What goes in clear about a child. That nobody answers for it has to be said; it is never concluded."""
    if block.caregiver is None:
        if carer is not None:  # there is one, and it cannot be read: of a child that matters
            _name(carer.fields, carer.name, required=True)
            _meaning(carer.fields, carer.relation, words["relations"])
        elif case.look("protection_status") == "unaccompanied":
            case.read("protection_status")
        elif not (case.findings.blames(_CARE) or case.findings.blames(_FAMILY)):
            case.findings.blame("missing", f"{_CARE}.name_caregiver")
    return {
        "caregiver_is_sealed": block.caregiver is not None,
        "unaccompanied": block.caregiver is None,
        "best_interest_assessed": False,
    }


# -- the person -------------------------------------------------------------------------------------------------------

_NAMES: Final = ("name_first", "name_middle", "name_last", "name")
_PERSON_HOMES: Final = {
    "given_names": "name_first",
    "family_names": "name_last",
    "birth_date": "date_of_birth",
    "address": "address_current",
    "place": "location_current",
    "caregiver": "care_arrangements_section",
}


def _person(case: Fields, carer: "_Carer | None", words: Words) -> contracts.PersonBlock:
    """All that Primero knows of a person and the network has a word for."""
    given, family = _names(case)
    born = _born(case)
    fields = {
        "given_names": given,
        "family_names": family,
        "documents": [
            {"type": kind, "number": number}
            for field, kind in words["documents"].items()
            if (number := _optional(case, field, partial(documents.document_number, kind)))
        ],
        "birth_date": born and born.isoformat(),
        "age": _age(case) if born is None else None,
        "sex": _optional(case, "sex", words["sexes"].get),
        "nationality": _nationality(case, words),
        "phone": _phone(case, words),
        "address": _optional(case, "address_current", _short),
        "place": _optional(case, "location_current", _zone),
        "caregiver": _caregiver(carer, words),
    }
    # What is wrong in here was read by us, or is blamed now.
    return read_contract(contracts.PersonBlock, fields, _PERSON_HOMES, case.findings) or contracts.PersonBlock()


def _names(case: Fields) -> tuple[str | None, str | None]:
    """The given names and the family names; none where Primero shows stars instead."""
    if case.read("hidden_name") is True:
        return None, None
    first, middle, last = (_name(case, field) for field in _NAMES[:3])
    given = " ".join(name for name in (first, middle) if name)
    whole = " ".join(name for name in (first, middle, last) if name)
    if not given:
        return _name(case, "name"), last
    if " ".join(str(case.look("name")).split()) == whole:
        case.read("name")  # Primero puts it together from the others
    return given, last


def _name(fields: Fields, field: str, *, required: bool = False) -> str | None:
    text = _text(fields, field, required=required)
    if text is None:
        return None
    try:
        if (name := _short(names.name(text))) is not None:
            return name
    except UnreadableValue:
        pass
    fields.findings.blame("invalid_field", fields.at(field))
    return None


def _block(service: Fields, known: _Known, *, confidential: bool) -> contracts.PersonBlock:
    """What the recipient is told: of a confidential case only how to reach the person, and why."""
    told = known.person
    if told is None or confidential:
        told = contracts.PersonBlock(phone=known.phone if _may_be_called(service) else None)
    written = service.look("service_referral_notes")
    notes = None
    if isinstance(written, str) and len(written) <= LONGEST_NOTES:
        notes = service.read("service_referral_notes") or None  # as they were written, in several lines
    return told.model_copy(update={"notes": notes})


_GROUPS = {
    "given_names": FieldGroup.IDENTITY,
    "family_names": FieldGroup.IDENTITY,
    "birth_date": FieldGroup.IDENTITY,
    "age": FieldGroup.IDENTITY,
    "sex": FieldGroup.IDENTITY,
    "nationality": FieldGroup.IDENTITY,
    "documents": FieldGroup.DOCUMENTS,
    "phone": FieldGroup.CONTACT,
    "address": FieldGroup.CONTACT,
    "place": FieldGroup.PLACE,
    "caregiver": FieldGroup.HOUSEHOLD,
    "notes": FieldGroup.NEEDS,
}


def _shares(block: contracts.PersonBlock) -> list[FieldGroup]:
    """The groups of fields that a block holds; the need is always told."""
    held = {group for name, group in _GROUPS.items() if getattr(block, name)}
    return sorted(held | {FieldGroup.NEEDS})


_CARE: Final = "care_arrangements_section"
_FAMILY: Final = "family_details_section"


def _caregiver(carer: "_Carer | None", words: Words) -> Json | None:
    """Who answers for the person now; left out where it cannot be told who that is, or what to the person."""
    if carer is None:
        return None
    fields, name, relation, telephone = carer
    said = {
        "name": _optional(fields, name, lambda text: _short(names.name(text))),
        "relation": _optional(fields, relation, words["relations"].get),
    }
    if None in said.values():
        fields.leave_out()
        return None
    return {**said, "phone": _optional(fields, telephone, telephones.telephone) if telephone else None}


class _Carer(NamedTuple):
    """A person who takes care, and the fields that say who that is."""

    fields: Fields
    name: str
    relation: str
    telephone: str | None


def _carer(case: Fields) -> _Carer | None:
    """The one in the arrangement of care that began last, or else in the family; two at once are blamed."""
    arrangements = [one for one in case.parts(_CARE) if "name_caregiver" in one]
    began = [_day(one, "care_arrangement_started_date") or date.min for one in arrangements]
    latest = [one for one, day in zip(arrangements, began, strict=True) if day == max(began)]
    family = [
        one
        for one in case.parts(_FAMILY)
        if one.look("relation_is_caregiver") is True and one.look("relation_is_alive") in (None, "alive", "unknown")
    ]
    carers = [_Carer(one, "name_caregiver", "relationship_caregiver", None) for one in latest] or [
        _Carer(one, "relation_name", "relation", "relation_telephone") for one in family
    ]
    for other in (*case.parts(_CARE), *case.parts(_FAMILY)):
        if not carers or other is not carers[0].fields:
            other.leave_out()
    if len({(str(one.fields.look(one.name)), str(one.fields.look(one.relation))) for one in carers}) > 1:
        case.findings.blame("repeated", _CARE if latest else _FAMILY)
        return None
    if carers and not latest:
        carers[0].fields.read("relation_is_caregiver")
        carers[0].fields.read("relation_is_alive")
    return carers[0] if carers else None


def _nationality(case: Fields, words: Words) -> str | None:
    """The country of a person who has one; of two, none is told, for the network has a place for one."""
    said = case.look("nationality")
    countries = {_country(one, words) for one in (said if isinstance(said, list) else [said])}
    if len(countries) != 1 or None in countries:
        return None
    case.read("nationality")
    return countries.pop()


def _country(word: object, words: Words) -> str | None:
    if not isinstance(word, str):
        return None
    meaning: str | None = words["countries"].get(word)
    return meaning or country(word)


def _phone(case: Fields, words: Words) -> str | None:
    """The telephone number as E.164, read as in attendance lists."""
    nationality = _nationality(case, words)
    return _optional(case, "telephone_current", lambda text: telephones.telephone(text, nationality))


def _zone(code: str) -> str | None:
    """The municipality, where this Primero's locations are Colombia's p-codes (`CO` and the DIVIPOLA code)."""
    digits = code.removeprefix("CO")
    return digits if code.startswith("CO") and len(digits) == 5 and digits.isdecimal() and digits.isascii() else None


# -- age --------------------------------------------------------------------------------------------------------------


def _is_child(case: Fields, *, on: date | None) -> bool | None:
    """Tell whether somebody is a child on a day; None when that cannot be told, which is blamed.

    The birth date decides where there is one. An age beside it has to be about the same.
    """
    born = _born(case)
    age = _age(case)
    if born is None:
        if age is None and not case.findings.blames("date_of_birth"):
            case.findings.blame("missing", "age")
        return None if age is None else age < ADULT_AT
    if on is None:
        return None  # the day could not be read
    years = on.year - born.year - ((on.month, on.day) < (born.month, born.day))
    if not 0 <= years <= OLDEST:
        case.findings.blame("invalid_field", "date_of_birth")
        return None
    if age is not None and abs(age - years) > APART:
        case.findings.blame("contradicts", "age")
    return years < ADULT_AT


def _born(case: Fields) -> date | None:
    if (text := _text(case, "date_of_birth")) is None:
        return None
    try:
        return days.birth_date(text)
    except UnreadableValue:
        pass
    case.findings.blame("invalid_field", "date_of_birth")
    return None


def _age(case: Fields) -> int | None:
    """The age in years, as Primero says: a number, or its digits. One that cannot be read matters where it decides."""
    said = case.look("age")
    digits = (
        said if isinstance(said, str) else str(said) if isinstance(said, int) and not isinstance(said, bool) else ""
    )
    age = int(digits) if re.fullmatch(r"[0-9]{1,3}", digits.strip(), re.ASCII) else None
    if age is not None and age <= OLDEST:
        case.read("age")
        return age
    if said is not None and said != "" and "date_of_birth" not in case:
        case.findings.blame("invalid_field", "age")
    return None


# -- fields -----------------------------------------------------------------------------------------------------------


def _is_confidential(case: Fields, words: Words) -> bool:
    """Tell whether a case as a whole is: by its module, or by what the child is known to have suffered."""
    concerns = case.look("protection_concerns") or []
    if not isinstance(concerns, list) or not all(isinstance(one, str) for one in concerns):
        case.findings.blame("invalid_field", "protection_concerns")
        return True
    confidential = not {_plain(one) for one in concerns}.isdisjoint(map(_plain, words["confidential_concerns"]))
    if confidential:
        case.read("protection_concerns")
    return _is_of_gbv(case) or confidential


def _is_of_gbv(case: Fields) -> bool:
    """Tell whether a case is of the module for gender-based violence, or of one that its owner has made of it."""
    return GBV in _plain(case.text("module_id") or "")


def _plain(word: str) -> str:
    return word.strip().casefold()


def _check_active(case: Fields, words: Words) -> None:
    """Let a case pass that goes on: neither deleted nor closed, nor somebody else's by now."""
    for field in ("record_state", "enabled"):
        if case.read(field) not in (None, True):
            case.findings.blame("not_active", field)
    status = case.text("status")
    if status is not None and _plain(status) not in map(_plain, words["active_statuses"]):
        case.findings.blame("not_active", "status")


def _check_consent(case: Fields) -> None:
    """Ask for the consent that Primero itself asks for before it refers."""
    needed = ["consent_for_services"]
    if not _is_of_gbv(case):
        needed.append("disclosure_other_orgs")
    for field in needed:
        if case.read(field) is not True:
            case.findings.blame("consent_not_given", field)


def _text(fields: Fields, field: str, *, required: bool = False) -> str | None:
    """A text as one line, or None when it is absent or empty; anything else is blamed."""
    text = " ".join((fields.text(field) or "").split())
    if required and not text and not fields.findings.blames(fields.at(field)):
        fields.findings.blame("missing", fields.at(field))
    return text or None


_Value = TypeVar("_Value")


def _optional(fields: Fields, field: str, read: Callable[[str], _Value | None]) -> _Value | None:
    """Read what a referral can do without: what cannot be read is left out. A number is read as its digits."""
    said = fields.look(field)
    if isinstance(said, bool) or not isinstance(said, str | int | float):
        return None
    try:
        value = read(" ".join(str(said).split()))
    except (UnreadableValue, ValueError):  # an integer may have more digits than Python writes
        return None
    if value is not None:
        fields.read(field)
    return value


def _short(text: str) -> str | None:
    """A text that fits a line of the contract, or None."""
    return text if text.isprintable() and 0 < len(text) <= LONGEST_LINE else None


def _meaning(fields: Fields, field: str, table: Mapping[str, str]) -> str | None:
    """What a word of this Primero means in the network; one that means nothing is blamed."""
    word = _text(fields, field, required=True)
    if word is not None and word not in table:
        fields.findings.blame("unknown_code", fields.at(field))
    return table.get(word or "")


def _moment(fields: Fields, field: str) -> datetime | None:
    """A moment with its zone, as Primero writes it; a day without a time is its beginning in Colombia."""
    text = _text(fields, field, required=True)
    if text is None:
        return None
    try:
        if _MOMENT.fullmatch(text):
            moment = datetime.fromisoformat(text)
            moment.astimezone(days.HERE)  # which the first and the last hours of all time have not
            return moment
        return datetime.combine(days.day(text), time(), tzinfo=days.HERE)
    except (UnreadableValue, ValueError, OverflowError):
        pass
    fields.findings.blame("invalid_field", fields.at(field))
    return None


# Rails writes times so; what people write without a zone may be any hour.
_MOMENT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.][0-9]{1,6})?(?:Z|[+-][0-9]{2}:[0-9]{2})", re.ASCII
)


def _day(fields: Fields, field: str) -> date | None:
    """A day, where there is one; one that cannot be read is blamed, for it tells what came later."""
    text = _text(fields, field)
    if text is None:
        return None
    try:
        return days.birth_date(text)
    except UnreadableValue:
        pass
    fields.findings.blame("invalid_field", fields.at(field))
    return None


def _uuid(fields: Fields, field: str) -> UUID:
    """The id of a record; where it is none that is blamed, and the reading goes on with another."""
    text = _text(fields, field, required=True)
    try:
        return UUID(text or "")
    except ValueError:
        pass
    if text is not None:
        fields.findings.blame("invalid_field", fields.at(field))
    return UUID(int=0)
