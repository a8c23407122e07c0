"""A case of Primero becomes what the network says, and a status what Primero can be told; nothing is guessed."""

import copy
import itertools
import json
import traceback
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

import iso3166
import pytest

import contracts
from contracts import codes, sealing
from contracts.codes import ReferralState as State
from tests import examples
from tools.formats import countries, primero, primero_status
from tools.formats.primero import Unsealed
from tools.formats.primero_status import Call
from tools.formats.reading import Translation, Untranslatable

Json = dict[str, Any]

SERVICE = "683cd3a1-9711-4a7d-856b-33dc5d4b8b8b"
CASE = "437189fc-cd1c-46ee-8d56-2891fc736050"

# In the shape of doc/api/cases/id/get.md and db/configuration/forms/case, in the repository primeroIMS/primero.
RECORD: Json = {
    "data": {
        "id": CASE,
        "module_id": "primeromodule-cp",
        "case_id_display": "c736050",
        "created_at": "2026-03-01T15:00:00.512Z",
        "registration_date": "2026-03-01",
        "owned_by": "primero_cp",
        "name": "Yuleisy Andreína Guerrero Urdaneta",
        "name_first": "Yuleisy",
        "name_middle": "Andreína",
        "name_last": "Guerrero Urdaneta",
        "sex": "female",
        "age": 34,
        "date_of_birth": "1991-07-24",
        "nationality": ["venezuela"],
        "national_id_no": "4815162",
        "telephone_current": "300 481 5162",
        "address_current": "Calle 1\n# 2-3",
        "location_current": "CO08001",
        "consent_for_services": True,
        "disclosure_other_orgs": True,
        "services_section": [
            {"unique_id": "not-referred", "service_type": "food_service", "service_status_referred": False},
            {
                "unique_id": SERVICE,
                "service_type": "health_medical_service",
                "service_response_type": "service_provision",
                "service_response_timeframe": "3_days",
                "service_response_day_time": "2026-03-02T14:05:15.295Z",
                "service_implementing_agency": "agency-oim",
                "service_status_referred": True,
                "service_referral_notes": "Control prenatal.\nSegunda visita.",
            },
        ],
    }
}
OWN: Json = {
    "agencies": {"agency-oim": "iom", "Casa de la Mujer": "fuvadis"},
    "services": {
        "iom": {"health.consultation": str(examples.SERVICE_ID), "health.psychosocial": str(examples.SERVICE_ID)},
        "fuvadis": {"health.consultation": str(examples.SERVICE_ID), "gbv.safe_house": str(examples.SERVICE_ID)},
    },
    "documents": {"national_id_no": "PT"},
}


def record_of(*, service: Mapping[str, Any] | None = None, **case: Any) -> Json:
    """The case with other fields; a field that is None is absent."""
    record = copy.deepcopy(RECORD)
    for fields, others in ((record["data"], case), (record["data"]["services_section"][1], service or {})):
        for name, value in others.items():
            fields[name] = value
            if value is None:
                del fields[name]
    return record


def read(record: Json) -> Translation[primero.Drafts]:
    return primero.case_to_drafts(record, consent_id=examples.CONSENT_ID, words=primero.words_with(OWN))


def drafts_of(record: Json) -> list[Any]:
    return list(read(record).data)


def request_in(record: Json) -> Unsealed:
    (request,) = (
        draft
        for draft in drafts_of(record)
        if isinstance(draft, Unsealed) and draft.contract is contracts.ReferralRequested
    )
    return request


def refusals(translate: Callable[[], object]) -> list[tuple[str, str | None]]:
    """The codes and the places of a refusal, which says nothing of what was in the record."""
    with pytest.raises(Untranslatable) as refused:
        translate()
    shown = "".join(traceback.format_exception(refused.value))
    assert "Yuleisy" not in shown
    assert "4815162" not in shown
    return [(fault.code, fault.where) for fault in refused.value.faults]


def refusal(translate: Callable[[], object]) -> tuple[str, str | None]:
    """The code and the place of a refusal with one fault."""
    (fault,) = refusals(translate)
    return fault


# -- in ---------------------------------------------------------------------------------------------------------------


def test_a_case_is_a_registration_a_need_and_a_request_for_each_service_referred() -> None:
    registered, need, request = drafts_of(RECORD)
    key = sealing.new_key()
    sealed = sealing.seal(registered.block.model_dump(mode="json", exclude_none=True), sealing.public_part(key))

    said = registered.sealed(sealed)
    assert isinstance(said, contracts.PersonRegistered)
    assert registered.to == "hub"
    opened = contracts.read_block(contracts.PersonBlock, sealing.open_sealed(said.sealed, key))
    assert opened.model_dump(mode="json", exclude_none=True) == {
        "given_names": "Yuleisy Andreína",
        "family_names": "Guerrero Urdaneta",
        "documents": [{"type": "PT", "number": "4815162"}],
        "birth_date": "1991-07-24",
        "sex": "female",
        "nationality": "VEN",
        "phone": "+573004815162",
        "address": "Calle 1 # 2-3",
        "place": "08001",
    }

    assert isinstance(need, contracts.NeedIdentified)
    assert (need.need_code, need.urgency, need.zone) == ("health.consultation", "urgent", "08001")

    asked = request.sealed(sealed)
    assert isinstance(asked, contracts.ReferralRequested)
    assert request.to == asked.recipient == "iom"
    assert asked.service_id == examples.SERVICE_ID
    assert asked.consent_id == examples.CONSENT_ID
    assert asked.person_id == said.person_id == need.person_id
    assert asked.need_id == need.need_id
    assert request.block.notes == "Control prenatal.\nSegunda visita."
    assert asked.contact.channel is codes.ContactChannel.THROUGH_SENDER
    assert set(asked.shares) == {"identity", "documents", "contact", "place", "needs"}


def test_what_is_said_reaches_the_network_as_messages() -> None:
    key = sealing.public_part(sealing.new_key())
    for draft in drafts_of(RECORD):
        data = draft
        if isinstance(draft, Unsealed):
            data = draft.sealed(sealing.seal(draft.block.model_dump(mode="json", exclude_none=True), key))
        assert examples.say(data).data == data


def test_nothing_of_the_person_is_outside_the_blocks() -> None:
    registered, need, request = drafts_of(RECORD)
    shown = json.dumps([registered.fields, need.model_dump(mode="json"), request.fields]) + repr(registered)
    for secret in ("Yuleisy", "Guerrero", "4815162", "Calle", "prenatal", CASE):
        assert secret not in shown


def test_the_same_case_gives_the_same_ids() -> None:
    first, again = drafts_of(RECORD), drafts_of(record_of(address_current="Calle 9"))
    assert [draft.fields for draft in (first[0], first[2])] == [draft.fields for draft in (again[0], again[2])]
    assert first[1] == again[1]
    assert first[2].fields["referral_id"] == str(primero.referral_id_of(UUID(CASE), SERVICE))


def test_a_record_is_read_with_or_without_what_the_api_puts_around_it() -> None:
    assert drafts_of(RECORD["data"]) == drafts_of(RECORD)


@pytest.mark.parametrize(
    ("record", "recipient"),
    [
        (
            record_of(
                service={
                    "service_implementing_agency": None,
                    "service_implementing_agency_external": "Casa de la Mujer",
                }
            ),
            "fuvadis",
        ),
        (RECORD, "iom"),
    ],
)
def test_an_agency_of_this_primero_and_one_outside_it_are_asked_alike(record: Json, recipient: str) -> None:
    assert request_in(record).to == recipient


def test_who_may_be_called_is_called() -> None:
    directly = {"referral_follow_up_contact_who": "contact_the_person_being_referred_directly"}
    assert request_in(record_of(service=directly)).fields["contact"]["channel"] == "phone"
    via = {"referral_follow_up_contact_who": "contact_via_caseworker"}
    assert request_in(record_of(service=via)).fields["contact"]["channel"] == "through_sender"
    assert (
        request_in(record_of(service=directly, telephone_current=None)).fields["contact"]["channel"] == "through_sender"
    )


def test_a_service_without_a_timeframe_is_not_urgent() -> None:
    assert request_in(record_of(service={"service_response_timeframe": None})).fields["urgency"] == "normal"


def test_a_day_without_a_time_begins_in_colombia() -> None:
    _, need, _ = drafts_of(record_of(service={"service_response_day_time": "2026-03-02"}))
    assert need.identified_at.isoformat() == "2026-03-02T00:00:00-05:00"


@pytest.mark.parametrize(
    "record",
    [
        record_of(module_id="primeromodule-gbv", disclosure_other_orgs=None),
        record_of(module_id="PRIMEROMODULE-GBV-2"),
        record_of(protection_concerns=["migrant", "gbv_survivor"]),
        record_of(protection_concerns=[" GBV_Survivor "]),
        record_of(protection_concerns=["trafficked_smuggled"]),
    ],
    ids=["by_its_module", "by_a_module_like_it", "by_what_was_suffered", "in_capitals", "by_trafficking"],
)
def test_a_confidential_case_travels_under_a_code_with_the_least(record: Json) -> None:
    need, request = drafts_of(record)
    assert (need.person_id, need.zone) == (None, None)
    assert need.case_code == request.fields["case_code"] == primero.case_code_of(UUID(CASE))
    assert request.block == contracts.PersonBlock(notes="Control prenatal.\nSegunda visita.")
    assert request.fields["shares"] == ["needs"]
    assert not {"person_id", "need_id"} & request.fields.keys()


def test_one_confidential_service_does_not_show_whose_it_is() -> None:
    registered, need, request = drafts_of(
        record_of(service={"service_type": "safehouse_service", "service_implementing_agency": "Casa de la Mujer"})
    )
    assert registered.contract is contracts.PersonRegistered
    assert need.person_id is None
    assert "person_id" not in request.fields
    assert request.block.given_names is None
    assert registered.fields["person_id"] not in json.dumps(request.fields)


def test_a_childs_caregiver_is_sealed_and_the_latest_one() -> None:
    earlier = {
        "name_caregiver": "Otra",
        "relationship_caregiver": "aunt",
        "care_arrangement_started_date": "2020-01-01",
    }
    now = {"name_caregiver": "Rosa", "relationship_caregiver": "mother", "care_arrangement_started_date": "2025-01-01"}
    request = request_in(record_of(age=9, date_of_birth=None, care_arrangements_section=[now, earlier]))
    assert request.block.caregiver == contracts.Caregiver(name="Rosa", relation=codes.Relation.MOTHER)
    assert request.fields["minor"] == {
        "caregiver_is_sealed": True,
        "unaccompanied": False,
        "best_interest_assessed": False,
    }


def test_that_nobody_answers_for_a_child_is_said_and_never_concluded() -> None:
    child: Json = {"age": None, "date_of_birth": "2015-03-03"}
    alone = request_in(record_of(**child, protection_status="unaccompanied"))
    assert alone.fields["minor"]["unaccompanied"] is True
    assert refusal(lambda: drafts_of(record_of(**child))) == ("missing", "care_arrangements_section.name_caregiver")


@pytest.mark.parametrize(("moment", "child"), [("2026-03-03T04:59:00Z", True), ("2026-03-03T05:00:00Z", False)])
def test_somebody_comes_of_age_when_the_birthday_begins_in_colombia(moment: str, child: bool) -> None:
    born: Json = {"age": None, "date_of_birth": "2008-03-03", "protection_status": "unaccompanied"}
    asked = request_in(record_of(service={"service_response_day_time": moment}, **born))
    assert ("minor" in asked.fields) is child


def test_every_service_type_that_has_a_meaning_is_a_need_of_the_network() -> None:
    shipped = set(primero.WORDS["service_types"])
    assert shipped == {  # lookup-service-type in db/configuration/lookups/lookups.rb, without those that say too little
        *("safehouse_service", "health_medical_service", "psychosocial_service", "legal_assistance_service"),
        *("livelihoods_service", "child_protection_service", "family_mediation_service"),
        *("family_seunification_service", "education_service", "nfi_clothes_shoes_service"),
        *("water_sanitation_service", "registration_service", "food_service"),
    }
    for need_code in primero.WORDS["service_types"].values():
        assert examples.need_identified(need_code=need_code, person_id=None, case_code="PR-AAAA").need_code == need_code
    assert {codes.Urgency(meaning) for meaning in primero.WORDS["timeframes"].values()} == {"emergency", "urgent"}
    assert {codes.Relation(meaning) for meaning in primero.WORDS["relations"].values()}
    assert {codes.Sex(meaning) for meaning in primero.WORDS["sexes"].values()}


def test_a_partners_own_words_go_before_those_that_primero_ships_with() -> None:
    own = {"service_types": {"health_medical_service": "health.psychosocial"}, "language": "guc"}
    words = primero.words_with({**OWN, **own})
    assert words["service_types"]["food_service"] == "food_security.food_basket"
    drafts = primero.case_to_drafts(RECORD, consent_id=examples.CONSENT_ID, words=words).data
    request = drafts[2]
    assert isinstance(request, Unsealed)
    assert (request.fields["need_code"], request.fields["contact"]["language"]) == ("health.psychosocial", "guc")


SECRET = "Yuleisy 4815162"
AT = "services_section.1"

CHILD: Json = {"age": None, "date_of_birth": "2015-03-03"}

REFUSED: dict[str, tuple[Json, str, str | None]] = {
    "a_page_of_cases": ({"data": [RECORD["data"]]}, "several_cases", "data"),
    "a_referral": ({"data": {"type": "Referral", "record_type": "case"}}, "not_a_case", "record_type"),
    "a_transfer": ({"type": "Transfer"}, "not_a_case", "type"),
    "a_deleted_case": (record_of(record_state=False), "not_active", "record_state"),
    "a_disabled_case": (record_of(enabled=False), "not_active", "enabled"),
    "a_closed_case": (record_of(status="closed"), "not_active", "status"),
    "a_case_that_is_another": (record_of(status="duplicate"), "not_active", "status"),
    "a_status_in_capitals": (record_of(status="CLOSED"), "not_active", "status"),
    "a_service_given_in_capitals": (
        record_of(service={"service_implemented": "IMPLEMENTED"}),
        "unknown_code",
        f"{AT}.service_implemented",
    ),
    "concerns_that_are_objects": (
        record_of(protection_concerns=[{"id": "gbv_survivor"}]),
        "invalid_field",
        "protection_concerns",
    ),
    "a_service_given": (
        record_of(service={"service_implemented": "implemented"}),
        "not_active",
        f"{AT}.service_implemented",
    ),
    "a_service_given_on_a_day": (
        record_of(service={"service_implemented_day_time": "2026-03-05"}),
        "not_active",
        f"{AT}.service_implemented",
    ),
    "nothing_referred": (record_of(service={"service_status_referred": False}), "nothing_referred", "services_section"),
    "a_mark_in_words": (
        record_of(service={"service_status_referred": "true"}),
        "invalid_field",
        f"{AT}.service_status_referred",
    ),
    "a_service_before_the_birth": (
        record_of(date_of_birth="2026-07-01", age=None),
        "invalid_field",
        "date_of_birth",
    ),
    "two_agencies": (
        record_of(service={"service_implementing_agency_external": "Casa de la Mujer"}),
        "repeated",
        f"{AT}.service_implementing_agency",
    ),
    "an_age_years_apart": (record_of(age=31), "contradicts", "age"),
    "no_age": (record_of(age=None, date_of_birth=None), "missing", "age"),
    "an_age_that_is_true": (record_of(age=True, date_of_birth=None), "invalid_field", "age"),
    "an_age_of_a_tree": (record_of(age=400, date_of_birth=None), "invalid_field", "age"),
    "a_childs_caregiver_of_no_relation": (
        record_of(**CHILD, care_arrangements_section=[{"name_caregiver": "Rosa", "relationship_caregiver": SECRET}]),
        "unknown_code",
        "care_arrangements_section.0.relationship_caregiver",
    ),
    "a_childs_caregiver_who_is_a_number": (
        record_of(**CHILD, care_arrangements_section=[{"name_caregiver": "4815162", "relationship_caregiver": "aunt"}]),
        "invalid_field",
        "care_arrangements_section.0.name_caregiver",
    ),
    "two_caregivers_of_one_day": (
        record_of(
            **CHILD,
            care_arrangements_section=[
                {
                    "name_caregiver": name,
                    "relationship_caregiver": "aunt",
                    "care_arrangement_started_date": "2025-01-01",
                }
                for name in ("Rosa", "Luz")
            ],
        ),
        "repeated",
        "care_arrangements_section",
    ),
    "two_caregivers_in_the_family": (
        record_of(
            **CHILD,
            family_details_section=[
                {"relation_name": name, "relation": "aunt", "relation_is_caregiver": True} for name in ("Rosa", "Luz")
            ],
        ),
        "repeated",
        "family_details_section",
    ),
    "a_day_of_care_in_words": (
        record_of(
            **CHILD,
            care_arrangements_section=[
                {"name_caregiver": "Rosa", "relationship_caregiver": "aunt", "care_arrangement_started_date": SECRET}
            ],
        ),
        "invalid_field",
        "care_arrangements_section.0.care_arrangement_started_date",
    ),
    "a_child_in_confidence": (
        record_of(module_id="primeromodule-gbv", age=12, date_of_birth=None),
        "child_in_confidence",
        AT,
    ),
    "no_consent": (record_of(consent_for_services=None), "consent_not_given", "consent_for_services"),
    "no_consent_to_share": (record_of(disclosure_other_orgs=False), "consent_not_given", "disclosure_other_orgs"),
    "no_id": (record_of(id=None), "missing", "id"),
    "an_id_in_words": (record_of(id=SECRET), "invalid_field", "id"),
    "no_services": (record_of(services_section=None), "nothing_referred", "services_section"),
    "services_that_are_no_list": (record_of(services_section={SECRET: 1}), "invalid_field", "services_section"),
    "a_service_that_is_text": (record_of(services_section=[SECRET]), "invalid_field", "services_section"),
    "no_unique_id": (record_of(service={"unique_id": None}), "missing", f"{AT}.unique_id"),
    "no_service_type": (record_of(service={"service_type": ""}), "missing", f"{AT}.service_type"),
    "a_type_of_its_own": (record_of(service={"service_type": SECRET}), "unknown_code", f"{AT}.service_type"),
    "a_type_that_says_too_little": (
        record_of(service={"service_type": "other_service"}),
        "unknown_code",
        f"{AT}.service_type",
    ),
    "a_type_that_is_a_list": (record_of(service={"service_type": [SECRET]}), "invalid_field", f"{AT}.service_type"),
    "a_timeframe_of_its_own": (
        record_of(service={"service_response_timeframe": SECRET}),
        "unknown_code",
        f"{AT}.service_response_timeframe",
    ),
    "no_time": (
        record_of(service={"service_response_day_time": None}),
        "missing",
        f"{AT}.service_response_day_time",
    ),
    "a_time_in_words": (
        record_of(service={"service_response_day_time": SECRET}),
        "invalid_field",
        f"{AT}.service_response_day_time",
    ),
    "a_time_without_zone": (
        record_of(service={"service_response_day_time": "2026-03-02T14:05:15"}),
        "invalid_field",
        f"{AT}.service_response_day_time",
    ),
    **{
        f"a_time_that_is_{name}": (
            record_of(service={"service_response_day_time": text}),
            "invalid_field",
            f"{AT}.service_response_day_time",
        )
        for name, text in {
            "the_first": "0001-01-01T00:00:00+14:00",
            "the_last": "9999-12-31T23:59:59-12:00",
            "of_no_hour": "2026-03-02T24:00:00Z",
            "of_a_leap_second": "2026-03-02T23:59:60Z",
            "with_a_tail": "2026-03-02T14:05:15Z y algo",
            "without_seconds": "2026-03-02T14:05Z",
            "of_a_week": "2026-W10-1",
            "without_marks": "20260302",
        }.items()
    },
    "no_agency": (
        record_of(service={"service_implementing_agency": None}),
        "missing",
        f"{AT}.service_implementing_agency",
    ),
    "an_agency_nobody_knows": (
        record_of(service={"service_implementing_agency": SECRET}),
        "unknown_code",
        f"{AT}.service_implementing_agency",
    ),
    "a_service_it_does_not_offer": (
        record_of(service={"service_type": "food_service"}),
        "service_unknown",
        f"{AT}.service_implementing_agency",
    ),
    "no_registration": (record_of(created_at="", registration_date=None), "missing", "created_at"),
    "a_name_that_is_no_text": (record_of(name_last=[SECRET]), "invalid_field", "name_last"),
    "a_name_too_long": (record_of(name_last=SECRET * 20), "invalid_field", "name_last"),
    "an_age_in_words": (record_of(age=SECRET, date_of_birth=None), "invalid_field", "age"),
    "a_birth_date_in_words": (record_of(date_of_birth=SECRET, age=None), "invalid_field", "date_of_birth"),
    "concerns_that_are_no_list": (record_of(protection_concerns=SECRET), "invalid_field", "protection_concerns"),
    "a_nul": (record_of(name_last="\0"), "nul_character", None),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_what_is_missing_or_malformed_is_refused_with_its_path_and_without_its_content(fault: str) -> None:
    record, code, where = REFUSED[fault]
    assert refusal(lambda: drafts_of(record)) == (code, where)


@pytest.mark.parametrize("instead", [None, [], {}, 7, True, SECRET, [SECRET], {SECRET: SECRET}, [None], 1.5, 10**400])
def test_whatever_stands_in_any_field_has_a_coded_answer(instead: Any) -> None:
    for index, fields in ((None, RECORD["data"]), (1, RECORD["data"]["services_section"][1])):
        for name in fields:
            broken = copy.deepcopy(RECORD)
            (broken["data"] if index is None else broken["data"]["services_section"][index])[name] = instead
            try:
                drafts_of(broken)
            except Untranslatable as refused:
                assert "Yuleisy" not in "".join(traceback.format_exception(refused))  # noqa: PT017 - either is good


def test_all_that_is_wrong_with_a_case_is_told_at_once() -> None:
    record = record_of(
        id=SECRET,
        status="closed",
        consent_for_services=False,
        date_of_birth=SECRET,
        name_last=[SECRET],
        service={"service_type": SECRET, "service_implementing_agency": None, "service_response_day_time": SECRET},
    )
    assert refusals(lambda: drafts_of(record)) == [
        ("not_active", "status"),
        ("consent_not_given", "consent_for_services"),
        ("invalid_field", "id"),
        ("invalid_field", "name_last"),
        ("invalid_field", "date_of_birth"),
        ("unknown_code", f"{AT}.service_type"),
        ("invalid_field", f"{AT}.service_response_day_time"),
        ("missing", f"{AT}.service_implementing_agency"),
    ]


# -- what a referral can do without -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "said", "block_field"),
    [
        ("sex", "unknown", "sex"),
        ("sex", ["female"], "sex"),
        ("nationality", [SECRET], "nationality"),
        ("nationality", SECRET, "nationality"),
        ("nationality", ["venezuela", "colombia"], "nationality"),
        ("nationality", ["venezuela", None], "nationality"),
        ("telephone_current", "no tiene", "phone"),
        ("telephone_current", "481", "phone"),
        ("telephone_current", "300 481 5162 ext 12", "phone"),
        ("telephone_current", {"a": SECRET}, "phone"),
        pytest.param("telephone_current", 10**5000, "phone", id="a_telephone_of_5000_digits"),
        ("address_current", "x" * 201, "address"),
        ("location_current", "VE08001", "place"),
        ("national_id_no", "4.815.16", "documents"),
        ("national_id_no", "1.04E9", "documents"),
        ("service_referral_notes", {SECRET: 1}, "notes"),
        ("service_referral_notes", "x" * 4001, "notes"),
    ],
)
def test_what_cannot_be_read_and_is_not_needed_is_left_out_and_named(field: str, said: Any, block_field: str) -> None:
    is_of_the_service = field.startswith("service_")
    record = record_of(service={field: said}) if is_of_the_service else record_of(**{field: said})
    (request,) = (one for one in read(record).data if isinstance(one, Unsealed) and one.to == "iom")
    assert not getattr(request.block, block_field)
    assert (f"{AT}.{field}" if is_of_the_service else field) in read(record).dropped


@pytest.mark.parametrize(
    ("word", "country"),
    [
        ("venezuela", "VEN"), ("cuba", "CUB"), ("congo", "COG"), ("drc", "COD"), ("cote_divoire", "CIV"),
        ("usa", "USA"), ("uk", "GBR"), ("swaziland", "SWZ"), ("palestine", "PSE"), ("taiwan", "TWN"),
        ("VEN", "VEN"), ("ven", "VEN"), ("VE", "VEN"), ("Trinidad and Tobago", "TTO"),
    ],
)  # fmt: skip
def test_a_country_is_read_by_primeros_word_its_code_or_its_name(word: str, country: str) -> None:
    registered, *_ = drafts_of(record_of(nationality=[word, word]))
    assert registered.block.nationality == country


# lookup-country in db/configuration/lookups/lookups.rb.
PRIMEROS_COUNTRIES = """
    afghanistan albania algeria andorra angola antigua_and_barbuda argentina armenia australia austria azerbaijan
    bahamas bahrain bangladesh barbados belarus belgium belize benin bhutan bolivia bosnia_and_herzegovina botswana
    brazil brunei bulgaria burkina_faso burundi cabo_verde cambodia cameroon canada central_african_republic chad chile
    china colombia comoros congo drc costa_rica cote_divoire croatia cuba cyprus czech_republic denmark djibouti
    dominica dominican_republic ecuador egypt el_salvador equatorial_guinea eritrea estonia ethiopia fiji finland france
    gabon gambia georgia germany ghana greece grenada guatemala guinea guinea_bissau guyana haiti honduras hungary
    iceland india indonesia iran iraq ireland israel italy jamaica japan jordan kazakhstan kenya kiribati kosovo kuwait
    kyrgyzstan laos latvia lebanon lesotho liberia libya liechtenstein lithuania luxembourg macedonia madagascar malawi
    malaysia maldives mali malta marshall_islands mauritania mauritius mexico micronesia moldova monaco mongolia
    montenegro morocco mozambique myanmar namibia nauru nepal netherlands new_zealand nicaragua niger nigeria
    north_korea norway oman pakistan palau palestine panama papua_new_guinea paraguay peru philippines poland portugal
    qatar romania russia rwanda st_kitts_and_nevis st_lucia st_vincent_and_the_grenadines samoa san_marino
    sao_tome_and_principe saudi_arabia senegal serbia seychelles sierra_leone singapore slovakia slovenia
    solomon_islands somalia south_africa south_korea south_sudan spain sri_lanka sudan suriname swaziland sweden
    switzerland syria taiwan tajikistan tanzania thailand timor_leste togo tonga trinidad_and_tobago tunisia turkey
    turkmenistan tuvalu uganda ukraine united_arab_emirates uk usa uruguay uzbekistan vanuatu vatican venezuela vietnam
    yemen zambia zimbabwe
"""


def test_every_country_that_primero_ships_with_is_one_of_iso_3166_and_no_two_are_one() -> None:
    read_as = [primero.WORDS["countries"].get(word) or countries.country(word) for word in PRIMEROS_COUNTRIES.split()]
    assert None not in read_as
    assert len(set(read_as)) == len(PRIMEROS_COUNTRIES.split())
    assert {one.alpha3 for one in iso3166.countries} >= set(read_as)
    assert all(countries.country(one.alpha3) == one.alpha3 for one in iso3166.countries)


def test_hidden_names_are_not_sent() -> None:
    registered, *_ = drafts_of(record_of(hidden_name=True, name="*******", name_first="*******", name_last="*******"))
    assert (registered.block.given_names, registered.block.family_names) == (None, None)


def test_an_adults_caregiver_whose_relation_nobody_knows_is_left_out() -> None:
    record = record_of(care_arrangements_section=[{"name_caregiver": "Rosa", "relationship_caregiver": "neighbour"}])
    assert drafts_of(record)[0].block.caregiver is None
    assert "care_arrangements_section.0" in read(record).dropped


def test_a_service_given_is_left_out_and_the_others_are_asked() -> None:
    record = record_of()
    given = {**record["data"]["services_section"][1], "unique_id": "given", "service_implemented": "implemented"}
    record["data"]["services_section"].append(given)
    assert drafts_of(record) == drafts_of(RECORD)
    assert "services_section.2" in read(record).dropped


@pytest.mark.parametrize(
    "other",
    [
        {"service_type": "psychosocial_service"},
        {"service_status_referred": False},
        {"unique_id": f" {SERVICE} "},  # the same id, and so the same referral
    ],
)
def test_a_service_that_is_there_twice_says_the_same_twice(other: Json) -> None:
    record = record_of()
    services = record["data"]["services_section"]
    services.append(copy.deepcopy(services[1]))
    assert drafts_of(record) == drafts_of(RECORD)
    services[2].update(other)
    assert refusal(lambda: drafts_of(record)) == ("repeated", "services_section.2")


# -- a child ----------------------------------------------------------------------------------------------------------

ALONE: Json = {"protection_status": "unaccompanied"}


@pytest.mark.parametrize(
    ("born", "age", "child"),
    [
        ("2008-02-01", 17, False),  # the age is of before the birthday
        ("2008-06-01", 18, True),
        ("2008-06-01", None, True),
        ("2008-06-01T00:00:00.000Z", None, True),
        ("2008-06-01", SECRET, True),
        (None, 17, True),
        (None, "17", True),
        (None, 18, False),
    ],
)
def test_the_birth_date_decides_who_is_a_child_on_the_day_of_the_service(born: Any, age: Any, child: bool) -> None:
    asked = request_in(record_of(date_of_birth=born, age=age, **ALONE))
    assert ("minor" in asked.fields) is child
    assert asked.block.birth_date is None if born is None else asked.block.age is None


@pytest.mark.parametrize(("age", "is_told"), [(33, True), (34, True), (35, True), (32, False), (36, False)])
def test_an_age_may_lag_a_year_behind_the_birth_date(age: int, is_told: bool) -> None:
    record = record_of(age=age)  # born 1991-07-24: 34 on the day of the service
    if is_told:
        assert drafts_of(record) == drafts_of(RECORD)
    else:
        assert refusal(lambda: drafts_of(record)) == ("contradicts", "age")


def test_a_childs_caregiver_is_found_in_the_family() -> None:
    family = [
        {"relation_name": "Luz", "relation": "mother", "relation_is_caregiver": True, "relation_telephone": 3004815162},
        {"relation_name": "Rosa", "relation": "aunt"},
        {"relation_name": "Ana", "relation": "grandmother", "relation_is_caregiver": True, "relation_is_alive": "dead"},
    ]
    request = request_in(record_of(**CHILD, family_details_section=family))
    assert request.block.caregiver == contracts.Caregiver(
        name="Luz", relation=codes.Relation.MOTHER, phone="+573004815162"
    )
    assert request.fields["minor"]["caregiver_is_sealed"] is True


def test_the_arrangement_of_care_goes_before_the_family() -> None:
    now = [{"name_caregiver": "Rosa", "relationship_caregiver": "aunt"}]
    family = [{"relation_name": "Luz", "relation": "mother", "relation_is_caregiver": True}]
    request = request_in(record_of(**CHILD, care_arrangements_section=now, family_details_section=family))
    assert request.block.caregiver is not None
    assert request.block.caregiver.name == "Rosa"


# -- the readers that everybody uses ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "nationality", "number"),
    [
        ("04121234567", "venezuela", "+584121234567"),
        ("04121234567", "colombia", None),
        (3005550199, "venezuela", "+573005550199"),
        (3005550199.0, "venezuela", "+573005550199"),
        ("1234567", "venezuela", None),
        ("300 555 0199", "venezuela", "+573005550199"),
        ("+58 412 1234567", "colombia", "+584121234567"),
    ],
)
def test_a_telephone_is_read_as_in_attendance_lists(text: Any, nationality: str, number: str | None) -> None:
    registered, *_ = drafts_of(record_of(telephone_current=text, nationality=[nationality]))
    assert registered.block.phone == number


# -- out --------------------------------------------------------------------------------------------------------------


def status_of(state: State, **overrides: Any) -> contracts.ReferralStatus:
    return contracts.ReferralStatus(
        **{
            "referral_id": examples.REFERRAL_ID,
            "state": state,
            "changed_at": examples.NOW,
            "changed_by": examples.RECIPIENT,
            "sender": examples.SENDER,
            "recipient": examples.RECIPIENT,
            "service_id": examples.SERVICE_ID,
            **overrides,
        }
    )


class Primero:
    """What `app/models/referral.rb` does with a call: a call it does not expect, it ignores without a word."""

    def __init__(self, standing: str, version: str) -> None:
        self.standing = standing
        self.version = version

    def answer(self, call: Call) -> None:
        if call.method == "DELETE":
            self.standing = "revoked"
            return
        assert call.body is not None
        data = call.body["data"]
        asked = data["status"]
        if self.version == "2.16":  # what the controller permits; nothing else arrives
            assert data.keys() <= {"status", "rejected_reason", "rejection_note"}
        if asked == "rejected":
            assert data["rejected_reason"]
        if asked == "done" and self.version == "success_status":
            assert data["success_status"] in ("successful", "not_successful")
            assert data["service_implemented"] in ("implemented", "not_implemented")
            assert (data["success_status"] == "not_successful") == ("reason_not_successful" in data)
        if (asked, self.standing) in {("accepted", "in_progress"), ("rejected", "in_progress"), ("done", "accepted")}:
            self.standing = asked


REASONS = {  # REASON_NOT_SUCCESSFUL_DEFAULT_VALUES in app/models/referral.rb
    *("client_refused_services", "lack_of_capacity", "other", "services_no_longer_needed"),
    *("unable_to_contact_client", "unable_to_contact_referred_to_organization"),
}
FROM_IN_PROGRESS = {
    **dict.fromkeys((State.SENT, State.RECEIVED, State.INFO_REQUESTED, State.WAITLISTED), "in_progress"),
    State.CANCEL_REQUESTED: "in_progress",
    **dict.fromkeys(
        (State.ACCEPTED, State.SCHEDULED, State.NO_SHOW, State.VISIT_CANCELLED, State.IN_SERVICE), "accepted"
    ),
    **dict.fromkeys((State.DECLINED, State.REDIRECTED, State.EXPIRED), "rejected"),
    **dict.fromkeys((State.COMPLETED, State.CLOSED), "done"),
    **dict.fromkeys((State.CANCELLED, State.CONSENT_WITHDRAWN, State.ENTERED_IN_ERROR), "revoked"),
}
# What was accepted there cannot be taken back or refused any more, only done.
FROM_ACCEPTED = {
    state: {"in_progress": "accepted", "rejected": "done"}.get(standing, standing)
    for state, standing in FROM_IN_PROGRESS.items()
}


def comes_to_stand(state: State, *, standing: str, version: str = "success_status") -> str:
    """Where Primero's referral stands once it has been told of a state."""
    theirs = Primero(standing, version)
    for call in primero_status.status_to_primero(status_of(state), standing=standing, version=version):
        theirs.answer(call)
    return theirs.standing


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("version", primero_status.VERSIONS)
@pytest.mark.parametrize(("standing", "expected"), [("in_progress", FROM_IN_PROGRESS), ("accepted", FROM_ACCEPTED)])
def test_primero_comes_to_stand_where_the_referral_does(
    standing: str, expected: Mapping[State, str], version: str, state: State
) -> None:
    assert comes_to_stand(state, standing=standing, version=version) == expected[state]
    assert primero_status.status_to_primero(status_of(state), standing=expected[state], version="success_status") == []


def test_no_two_states_can_be_swapped_unseen(monkeypatch: pytest.MonkeyPatch) -> None:
    right = primero_status.STANDING
    for one, other in itertools.combinations(right, 2):
        if right[one] != right[other]:
            swapped = {**right, one: right[other], other: right[one]}
            monkeypatch.setattr(primero_status, "STANDING", swapped)
            assert any(comes_to_stand(state, standing="in_progress") != FROM_IN_PROGRESS[state] for state in State)


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("standing", ["rejected", "done", "revoked"])
def test_what_is_over_in_primero_stays_over(standing: str, state: State) -> None:
    assert primero_status.status_to_primero(status_of(state), standing=standing, version="2.16") == []


def test_a_refusal_gives_its_reason() -> None:
    declined = status_of(State.DECLINED, decline_reason=codes.DeclineReason.OUTSIDE_AREA)
    assert primero_status.status_to_primero(declined, standing="in_progress", version="2.16") == [
        Call("PATCH", {"data": {"status": "rejected", "rejected_reason": "outside_area"}})
    ]


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (status_of(State.DECLINED, decline_reason=codes.DeclineReason.NO_CAPACITY), "lack_of_capacity"),
        (status_of(State.DECLINED, decline_reason=codes.DeclineReason.SAFETY), "other"),
        (
            status_of(
                State.CLOSED,
                outcome=codes.Outcome.NOT_MET,
                not_met_reason=codes.NotMetReason.COULD_NOT_CONTACT,
            ),
            "unable_to_contact_client",
        ),
        (status_of(State.COMPLETED, outcome=codes.Outcome.PERSON_WITHDREW), "client_refused_services"),
        (status_of(State.COMPLETED, outcome=codes.Outcome.REFERRED_ONWARD), "other"),
    ],
)
def test_what_did_not_succeed_gives_primeros_own_reason(status: contracts.ReferralStatus, reason: str) -> None:
    (call,) = primero_status.status_to_primero(status, standing="accepted", version="success_status")
    assert call.body is not None
    assert call.body["data"]["reason_not_successful"] == reason
    assert set(primero_status.NOT_SUCCESSFUL.values()) <= REASONS


def test_a_need_met_is_a_service_implemented() -> None:
    met = status_of(State.CLOSED, outcome=codes.Outcome.NEED_MET)
    assert primero_status.status_to_primero(met, standing="accepted", version="success_status") == [
        Call(
            "PATCH",
            {"data": {"status": "done", "success_status": "successful", "service_implemented": "implemented"}},
        )
    ]


def test_a_standing_that_primero_has_not_is_refused() -> None:
    status = status_of(State.SENT)
    assert refusal(lambda: primero_status.status_to_primero(status, standing=SECRET, version="2.16")) == (
        "unknown_code",
        "status",
    )


NOT_MET = status_of(State.COMPLETED, outcome=codes.Outcome.NOT_MET, not_met_reason=codes.NotMetReason.NO_CAPACITY)


def test_where_a_referral_has_no_outcome_a_need_not_met_is_told_in_the_note() -> None:
    (call,) = primero_status.status_to_primero(NOT_MET, standing="accepted", version="2.16")
    assert call.body == {
        "data": {"status": "done", "rejection_note": "La necesidad no se atendió. No hay cupo"},
    }
    met = status_of(State.CLOSED, outcome=codes.Outcome.PARTLY_MET)
    (call,) = primero_status.status_to_primero(met, standing="accepted", version="2.16")
    assert call.body == {"data": {"status": "done"}}


@pytest.mark.parametrize("outcome", codes.Outcome)
@pytest.mark.parametrize("state", [State.COMPLETED, State.CLOSED])
def test_no_outcome_turns_into_its_opposite_without_a_note(state: State, outcome: codes.Outcome) -> None:
    (call,) = primero_status.status_to_primero(status_of(state, outcome=outcome), standing="accepted", version="2.16")
    assert call.body is not None
    assert ("rejection_note" in call.body["data"]) is (outcome not in ("need_met", "partly_met"))


def test_a_version_that_nobody_knows_is_refused() -> None:
    status = status_of(State.SENT)
    refused = refusal(lambda: primero_status.status_to_primero(status, standing="accepted", version="3.0"))
    assert refused == ("unknown_code", "version")


@pytest.mark.parametrize(
    ("own", "where"),
    [
        ({"agencies": "iom"}, "words.agencies"),
        ({"agencies": {"agency-oim": 1}}, "words.agencies"),
        ({"services": {"iom": str(examples.SERVICE_ID)}}, "words.services"),
        ({"services": {"iom": {"health.consultation": 1}}}, "words.services"),
        ({"confidential_concerns": "gbv_survivor"}, "words.confidential_concerns"),
        ({"active_statuses": [True]}, "words.active_statuses"),
        ({"language": ["es"]}, "words.language"),
        ({"agency": {}}, "words.agency"),  # misspelt: what it says would be dropped
        ({SECRET: {}}, "words"),
    ],
)
def test_a_partners_file_that_holds_no_words_is_refused(own: Json, where: str) -> None:
    assert refusal(lambda: primero.words_with(own)) == ("invalid_field", where)


def test_words_that_mean_nothing_in_the_network_are_blamed_where_they_are_used() -> None:
    wrong = {
        "agencies": {"agency-oim": "No es una organización"},
        "services": {"No es una organización": {"health.consultation": SECRET}},
        "timeframes": {"3_days": SECRET},
        "sexes": {"female": SECRET},
    }
    told = refusals(
        lambda: primero.case_to_drafts(RECORD, consent_id=examples.CONSENT_ID, words=primero.words_with(wrong))
    )
    assert set(told) == {
        ("invalid_field", "sex"),
        ("invalid_field", f"{AT}.service_response_timeframe"),
        ("invalid_field", f"{AT}.service_implementing_agency"),
    }


@pytest.mark.parametrize("nothing", [None, "", "  ", []])
def test_a_form_that_is_left_empty_says_nothing(nothing: Any) -> None:
    fields = ("record_state", "status", "protection_concerns", "name_middle", "age", "care_arrangements_section", "x")
    expected = drafts_of(record_of(name_middle=None, age=None))
    record = record_of(
        service={"service_implemented_day_time": nothing, "service_implemented": nothing}
        if nothing is not None
        else None
    )
    record["data"] |= dict.fromkeys(fields, nothing)
    assert drafts_of(record) == expected
    assert not {*fields, "services_section.1.service_implemented"} & set(read(record).dropped)


def test_a_status_is_read_in_capitals() -> None:
    assert drafts_of(record_of(status="Open")) == drafts_of(RECORD)
