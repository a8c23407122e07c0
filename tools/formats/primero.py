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

import contextlib
import hashlib
import tomllib
from base64 import b32encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from pathlib import Path
from typing import Any, Final, Self
from uuid import UUID, uuid5

import phonenumbers

import contracts
from contracts.codes import ContactChannel, FieldGroup, Urgency, is_confidential
from contracts.fields import Model

from .reading import Json, Untranslatable, check_object, read_contract

GBV_MODULE = "primeromodule-gbv"
"""The module whose cases are all confidential."""

ADULT_AT = 18
COLOMBIA = timezone(timedelta(hours=-5))
"""A day without a time begins here: Colombia keeps the same time all the year."""

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

    def check(self, homes: Mapping[str, str]) -> Self:
        """Let a draft pass that keeps to its contract; raise Untranslatable with the home of a field that does not."""
        read_contract(self.contract, {**self.fields, "sealed": _STAND_IN}, homes)
        return self

    def sealed(self, block: str) -> Model:
        """Return the data of the message, complete; raise Untranslatable when `block` is no sealed block."""
        return read_contract(self.contract, {**self.fields, "sealed": block}, {})


Drafts = list[Unsealed | contracts.NeedIdentified]


def words_with(own: Words) -> Words:
    """Put a partner's own words before those that Primero ships with."""
    merged = dict(WORDS)
    for name, table in own.items():
        both = isinstance(table, dict) and isinstance(merged.get(name), dict)
        merged[name] = {**merged[name], **table} if both else table
    return merged


def case_to_drafts(record: Mapping[str, Any], *, consent_id: UUID, words: Words = WORDS) -> Drafts:
    """Read a case as the person's registration and, for each service referred, the need and the request.

    `record` is a case as `GET /api/v2/cases/:id` returns it, or what is under its `data`; `consent_id` names the
    consent that the person has given for these referrals. A case of the module for gender-based violence, and a service
    for a confidential need, travel under a case code: no registration, no name, the least of fields.

    Raises Untranslatable with the path of the field; beyond the codes of reading and of every format:
    `consent_not_given`, `nothing_referred`, `service_unknown` (no service of that organisation for that need),
    `child_in_confidence` (a confidential referral of a child is for people to make, not for a program).
    """
    case = check_object(record)
    if isinstance(case.get("data"), dict):
        case = case["data"]
    confidential = _is_confidential(case, words)
    _check_consent(case)
    case_id = _uuid(case, "id")
    person_id = uuid5(_NAMESPACE, f"person {case_id}")

    referred = [
        (number, service)
        for number, service in enumerate(_items(case, "services_section"))
        if service.get("service_status_referred") is True
    ]
    if not referred:
        raise Untranslatable("nothing_referred", "services_section")

    drafts: Drafts = []
    if not confidential:
        since = "created_at" if "created_at" in case else "registration_date"
        registered = {"person_id": str(person_id), "registered_at": _moment(case, since).isoformat()}
        draft = Unsealed(contracts.PersonRegistered, registered, _person(case, words), "hub")
        drafts.append(draft.check({"registered_at": since}))
    for number, service in referred:
        place = f"services_section.{number}"
        drafts += _service(case, service, place, person_id=person_id, consent_id=consent_id, words=words)
    return drafts


def referral_id_of(case_id: UUID, service_id: str) -> UUID:
    """Return the referral that a service of a case became: its `unique_id` in `services_section`."""
    return uuid5(_NAMESPACE, f"referral {case_id} {service_id}")


def case_code_of(case_id: UUID) -> str:
    """Return the case code of a confidential case: always the same, and nobody can tell the case from it."""
    digest = hashlib.sha256(f"case code {case_id}".encode()).digest()
    return f"PR-{b32encode(digest).decode()[:16]}"


# -- one service ------------------------------------------------------------------------------------------------------


def _service(
    case: Json, service: Json, place: str, *, person_id: UUID, consent_id: UUID, words: Words
) -> list[Unsealed | contracts.NeedIdentified]:
    case_id = _uuid(case, "id")
    unique_id = _text(service, "unique_id", place, required=True)
    need_code = _meaning(service, "service_type", place, words["service_types"])
    urgency = Urgency.NORMAL
    if service.get("service_response_timeframe") is not None:
        urgency = Urgency(_meaning(service, "service_response_timeframe", place, words["timeframes"]))
    confidential = _is_confidential(case, words) or is_confidential(need_code)
    identified_at = _moment(service, "service_response_day_time", place)
    age = _age(case, on=identified_at.astimezone(COLOMBIA).date())
    if confidential and age is not None and age < ADULT_AT:
        raise Untranslatable("child_in_confidence", place)

    who = {"case_code": case_code_of(case_id)} if confidential else {"person_id": str(person_id)}
    asked = {**who, "need_code": need_code, "urgency": urgency}
    need_id = uuid5(_NAMESPACE, f"need {case_id} {unique_id}")
    need: Json = {**asked, "need_id": str(need_id), "identified_at": identified_at.isoformat()}
    if not confidential:
        need["zone"] = _zone(case)

    recipient = _recipient(service, place, words)
    block = _block(case, service, place, words, confidential=confidential)
    by_phone = block.phone is not None and _may_be_called(service)
    request: Json = {
        **asked,
        "referral_id": str(referral_id_of(case_id, unique_id)),
        "recipient": recipient,
        "service_id": _network_service(recipient, need_code, place, words),
        "reason_code": "service_not_offered",
        "shares": _shares(block),
        "consent_id": str(consent_id),
        "contact": {
            "channel": ContactChannel.PHONE if by_phone else ContactChannel.THROUGH_SENDER,
            "language": words["language"],
        },
    }
    if not confidential:
        request["need_id"] = str(need_id)
    if age is not None and age < ADULT_AT:
        request["minor"] = _minor(case, block)
    homes = {"need_code": f"{place}.service_type", "identified_at": f"{place}.service_response_day_time"}
    return [
        read_contract(contracts.NeedIdentified, need, homes),
        Unsealed(contracts.ReferralRequested, request, block, recipient).check(homes),
    ]


def _recipient(service: Json, place: str, words: Words) -> str:
    """The organisation asked: an agency of this Primero, or one outside it."""
    for field in ("service_implementing_agency", "service_implementing_agency_external"):
        if service.get(field) is not None:
            return _meaning(service, field, place, words["agencies"])
    raise Untranslatable("missing", f"{place}.service_implementing_agency")


def _network_service(recipient: str, need_code: str, place: str, words: Words) -> str:
    offered: Mapping[str, str] = words["services"].get(recipient, {})
    if need_code not in offered:
        raise Untranslatable("service_unknown", f"{place}.service_implementing_agency")
    return offered[need_code]


def _may_be_called(service: Json) -> bool:
    """Tell whether the recipient may reach the person directly; unless the case says so, the caseworker does."""
    return service.get("referral_follow_up_contact_who") == "contact_the_person_being_referred_directly"


def _minor(case: Json, block: contracts.PersonBlock) -> Json:
    """What goes in clear about a child. That nobody answers for it has to be said; it is never concluded."""
    unaccompanied = case.get("protection_status") == "unaccompanied"
    if block.caregiver is None and not unaccompanied:
        raise Untranslatable("missing", "care_arrangements_section.name_caregiver")
    return {
        "caregiver_is_sealed": block.caregiver is not None,
        "unaccompanied": block.caregiver is None,
        "best_interest_assessed": False,
    }


# -- the person -------------------------------------------------------------------------------------------------------

_PERSON_HOMES = {
    "given_names": "name_first",
    "family_names": "name_last",
    "birth_date": "date_of_birth",
    "address": "address_current",
    "place": "location_current",
    "caregiver": "care_arrangements_section",
}


def _person(case: Json, words: Words) -> contracts.PersonBlock:
    """All that Primero knows of a person and the network has a word for."""
    first = [_text(case, "name_first"), _text(case, "name_middle")]
    given = " ".join(name for name in first if name) or _text(case, "name")
    sex = _meaning(case, "sex", "", words["sexes"]) if case.get("sex") is not None else None
    documents = [
        {"type": kind, "number": number}
        for field, kind in words["documents"].items()
        if (number := _text(case, field)) is not None
    ]
    fields = {
        "given_names": given,
        "family_names": _text(case, "name_last"),
        "documents": documents,
        "birth_date": _text(case, "date_of_birth"),
        "age": case.get("age") if case.get("date_of_birth") is None else None,
        "sex": sex,
        "nationality": _nationality(case, words),
        "phone": _phone(case),
        "address": _text(case, "address_current"),
        "place": _zone(case),
        "caregiver": _caregiver(case, words),
    }
    return read_contract(contracts.PersonBlock, fields, _PERSON_HOMES)


def _block(case: Json, service: Json, place: str, words: Words, *, confidential: bool) -> contracts.PersonBlock:
    """What the recipient is told: of a confidential case only how to reach the person, and why."""
    if confidential:
        known = contracts.PersonBlock(phone=_phone(case) if _may_be_called(service) else None)
    else:
        known = _person(case, words)
    notes = service.get("service_referral_notes") or None  # as they were written, in several lines
    fields = {**known.model_dump(mode="json", exclude_none=True), "notes": notes}
    return read_contract(contracts.PersonBlock, fields, {"notes": f"{place}.service_referral_notes"})


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


def _caregiver(case: Json, words: Words) -> Json | None:
    """Who answers for the person now: in the arrangement of care that began last."""
    arrangements = [one for one in _items(case, "care_arrangements_section") if one.get("name_caregiver") is not None]
    if not arrangements:
        return None
    place = "care_arrangements_section"
    latest = max(arrangements, key=lambda one: _text(one, "care_arrangement_started_date", place) or "")
    return {
        "name": _text(latest, "name_caregiver", place),
        "relation": _meaning(latest, "relationship_caregiver", place, words["relations"]),
    }


def _nationality(case: Json, words: Words) -> str | None:
    """The country of a person who has one; of two, none is told, for the network has a place for one."""
    countries = case.get("nationality")
    if countries is None:
        return None
    if not isinstance(countries, list):
        raise Untranslatable("invalid_field", "nationality")
    return _meaning({"0": countries[0]}, "0", "nationality", words["countries"]) if len(countries) == 1 else None


def _phone(case: Json) -> str | None:
    """The telephone number as E.164; one written without its country is Colombian."""
    written = _text(case, "telephone_current")
    if written is None:
        return None
    number = None
    with contextlib.suppress(phonenumbers.NumberParseException):
        number = phonenumbers.parse(written, "CO")
    # Raised outside the with block, so that it carries no error that has seen the number.
    if number is None or not phonenumbers.is_possible_number(number):
        raise Untranslatable("invalid_field", "telephone_current")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _zone(case: Json) -> str | None:
    """The municipality, where this Primero's locations are Colombia's p-codes (`CO` and the DIVIPOLA code)."""
    code = _text(case, "location_current") or ""
    digits = code.removeprefix("CO")
    return digits if code.startswith("CO") and len(digits) == 5 and digits.isdecimal() and digits.isascii() else None


def _age(case: Json, *, on: date) -> int | None:
    """The age in years: as Primero says, or counted from the birth date."""
    age = case.get("age")
    if age is not None:
        if not isinstance(age, int) or isinstance(age, bool):
            raise Untranslatable("invalid_field", "age")
        return age
    if case.get("date_of_birth") is None:
        return None
    born = _moment(case, "date_of_birth").date()
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))


# -- fields -----------------------------------------------------------------------------------------------------------


def _is_confidential(case: Json, words: Words) -> bool:
    """Tell whether a case as a whole is: by its module, or by what the child is known to have suffered."""
    concerns = case.get("protection_concerns") or []
    if not isinstance(concerns, list):
        raise Untranslatable("invalid_field", "protection_concerns")
    return case.get("module_id") == GBV_MODULE or any(one in concerns for one in words["confidential_concerns"])


def _check_consent(case: Json) -> None:
    """Ask for the consent that Primero itself asks for before it refers."""
    needed = ["consent_for_services"]
    if case.get("module_id") != GBV_MODULE:
        needed.append("disclosure_other_orgs")
    for field in needed:
        if case.get(field) is not True:
            raise Untranslatable("consent_not_given", field)


def _at(place: str, field: str) -> str:
    return f"{place}.{field}" if place else field


def _items(case: Json, field: str) -> list[Json]:
    """The items of a subform; none when it is absent."""
    items = case.get(field)
    if items is None:
        return []
    if not isinstance(items, list) or not all(isinstance(one, dict) for one in items):
        raise Untranslatable("invalid_field", field)
    return items


def _text(fields: Json, field: str, place: str = "", *, required: bool = False) -> Any:
    """A text as one line, or None when it is absent or empty."""
    value = fields.get(field)
    if value is not None and not isinstance(value, str):
        raise Untranslatable("invalid_field", _at(place, field))
    text = " ".join((value or "").split())
    if required and not text:
        raise Untranslatable("missing", _at(place, field))
    return text or None


def _meaning(fields: Json, field: str, place: str, table: Mapping[str, str]) -> str:
    """What a word of this Primero means in the network."""
    word = _text(fields, field, place, required=True)
    if word not in table:
        raise Untranslatable("unknown_code", _at(place, field))
    return table[word]


def _moment(fields: Json, field: str, place: str = "") -> datetime:
    """A moment with its zone; a day without a time is its beginning in Colombia."""
    text = _text(fields, field, place, required=True)
    moment = None
    with contextlib.suppress(ValueError):
        moment = datetime.fromisoformat(text)
    if moment is not None and len(text) == len("2026-03-02"):
        moment = datetime.combine(moment.date(), time(), tzinfo=COLOMBIA)
    if moment is None or moment.tzinfo is None:
        raise Untranslatable("invalid_field", _at(place, field))
    return moment


def _uuid(fields: Json, field: str) -> UUID:
    text = _text(fields, field, required=True)
    try:
        return UUID(text)
    except ValueError:
        pass
    raise Untranslatable("invalid_field", field)
