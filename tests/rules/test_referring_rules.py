"""What of a person goes with a referral: no more than the consent covers."""

from dataclasses import fields, replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

import contracts
from contracts import codes, uuid7
from services.intake.rules import Refused
from services.intake.rules.consents import Consent
from services.intake.rules.needs import Need
from services.intake.rules.people import Person
from services.intake.rules.referring import COVERED_BY, FIELDS, REACHED_BY, Asked, Known, Referral, refer

NOW = datetime(2026, 3, 2, tzinfo=UTC)
PERSON_ID, NEED_ID, CONSENT_ID = uuid7(), uuid7(), uuid7()

PERSON = Person(
    person_id=PERSON_ID,
    registered_by="redcross",
    registered_at=NOW,
    given_names="Yuleisy",
    documents=(("PT", "4815162"),),
    birth_date=date(1991, 7, 24),
    phone="+573004815162",
    notes="She told us something",
)
CHILD = replace(PERSON, birth_date=None, age=0, caregiver={"name": "Yuleisy", "relation": "mother", "phone": None})


def referred(person: Person, *groups: str, need_code: str = "health.consultation", at: datetime = NOW) -> Referral:
    """What is decided of a need of this person, under a consent for these groups of fields."""
    asked = Asked(uuid7(), NEED_ID, "iom", uuid7(), CONSENT_ID, "no_capacity")
    need = Need(NEED_ID, PERSON_ID, None, need_code, "normal", "redcross", NOW, None)
    consent = Consent(
        consent_id=CONSENT_ID,
        person_id=PERSON_ID,
        case_code=None,
        granted_to="redcross",
        purposes={"refer"},
        recipients={"iom"},
        field_groups=set(groups),
        valid_from=NOW,
        valid_until=None,
        given_by="caregiver",
        manner="signed",
        language="en",
        evidence_sha256=None,
    )
    known = Known({NEED_ID: need}, {CONSENT_ID: consent}, {PERSON_ID: person}, set(), {"iom"})
    return refer(asked, known, by="redcross", coordinators=set(), at=at)


def test_every_field_of_a_person_block_is_covered_by_a_group_but_notes_by_none() -> None:
    covered = {name for names in FIELDS.values() for name in names}
    assert covered == contracts.PersonBlock.model_fields.keys() - {"notes"}
    assert covered <= {field.name for field in fields(Person)}
    assert FIELDS.keys() <= set(codes.FieldGroup)


def test_a_field_goes_when_its_group_is_covered_and_something_is_known() -> None:
    decided = referred(PERSON, "identity", "place", "health")
    assert (decided.fields, decided.groups) == ({"given_names", "birth_date"}, {"identity", "health"})
    assert referred(PERSON, *codes.FieldGroup).fields == {"given_names", "birth_date", "documents", "phone"}


@pytest.mark.parametrize(
    ("need_code", "group"),
    [
        ("health.consultation", "health"),
        ("nutrition.supplement", "health"),
        ("protection.legal_advice", "protection"),
        ("child_protection.safe_space", "protection"),
        ("education.training", "education"),
        ("integration.employment", "employment"),
        ("shelter.rent", "needs"),
        ("health.consultation", "needs"),
    ],
)
def test_a_need_goes_under_a_consent_for_its_own_group_alone_and_the_person_is_reached_through_the_sender(
    need_code: str, group: str
) -> None:
    decided = referred(PERSON, group, need_code=need_code)
    assert (decided.fields, decided.groups, decided.channel) == (set(), {group}, "through_sender")


@pytest.mark.parametrize(
    ("need_code", "group"),
    [("shelter.rent", "health"), ("health.consultation", "employment"), ("wash.water", "education")],
)
def test_under_a_consent_for_another_group_nothing_goes(need_code: str, group: str) -> None:
    with pytest.raises(Refused, match=r"^nothing_to_share$"):
        referred(PERSON, group, need_code=need_code)


def test_every_group_covers_something() -> None:
    assert FIELDS.keys() | set(COVERED_BY.values()) | {"needs"} == set(codes.FieldGroup)


def test_of_a_baby_the_age_goes_too() -> None:
    assert "age" in referred(CHILD, "identity", "household").fields


@pytest.mark.parametrize("group", ["contact", "household"])
def test_a_caregiver_is_how_a_child_is_reached_and_of_its_household(group: str) -> None:
    decided = referred(CHILD, group)
    assert (decided.minor, decided.channel, decided.groups) == (True, "through_caregiver", {group})


@pytest.mark.parametrize(("hour", "minute", "minor"), [(4, 59, True), (5, 0, False)])
def test_somebody_is_a_child_until_the_birthday_begins_in_colombia(hour: int, minute: int, minor: bool) -> None:
    person = replace(CHILD, birth_date=date(2008, 3, 2), age=None)
    assert referred(person, "household", at=datetime(2026, 3, 2, hour, minute, tzinfo=UTC)).minor is minor


@pytest.mark.parametrize(
    ("person", "groups"), [(CHILD, ["identity"]), (replace(CHILD, caregiver=None), list(codes.FieldGroup))]
)
def test_no_child_goes_without_who_answers_for_it(person: Person, groups: list[str]) -> None:
    with pytest.raises(Refused, match=r"^caregiver_not_shared$"):
        referred(person, *groups)


@pytest.mark.parametrize(
    ("details", "groups", "channel"),
    [
        ({}, ["contact"], "phone"),
        ({}, ["identity"], "through_sender"),
        ({"phone": None, "email": "ana@example.org"}, ["contact"], "through_sender"),
        ({"email": "ana@example.org", "contact_channel": "email"}, ["contact"], "email"),
        ({"contact_channel": "email"}, ["contact"], "through_sender"),
        ({"contact_channel": "through_sender"}, ["contact"], "through_sender"),
        ({"contact_channel": "home_visit", "address": "Calle 17"}, ["contact", "place"], "home_visit"),
        ({"contact_channel": "home_visit", "address": "Calle 17"}, ["contact"], "through_sender"),
    ],
)
def test_a_person_is_reached_as_they_said_if_what_that_takes_is_shared(
    details: dict[str, Any], groups: list[str], channel: str
) -> None:
    assert referred(replace(PERSON, **details), *groups).channel == channel


def test_every_channel_is_decided() -> None:
    assert {*REACHED_BY, "through_sender"} == set(codes.ContactChannel)


def test_the_language_is_the_persons_own_or_else_the_one_that_the_consent_was_explained_in() -> None:
    assert referred(PERSON, "identity").language == "en"
    assert referred(replace(PERSON, language="guc"), "identity").language == "guc"


def test_what_goes_never_shows_in_print() -> None:
    decided = referred(PERSON, "identity")
    assert "Yuleisy" not in f"{decided} {decided!r} {[decided]}"
