"""Needs are told of, triaged and referred for their organisations."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import contracts
from contracts import Message, codes, sealing, uuid7
from services.intake import rules
from tests.examples import (
    ANOTHER,
    CONSENT_ID,
    COORDINATOR,
    NEED_ID,
    NOW,
    PERSON,
    PERSON_ID,
    RECIPIENT,
    REFERRAL_ID,
    SENDER,
    SERVICE_ID,
    consent_granted,
    consent_withdrawn,
    need_identified,
    person_registered,
)
from tests.examples_intake import BATCH_ID, CHILD, CHILD_ID, need_referred, need_triaged, needs_referred
from tests.services.conftest import ServiceUnderTest

DAY = timedelta(days=1)
CONFIDENTIAL: dict[str, Any] = {"person_id": None, "case_code": "GBV-0001", "need_code": "gbv.case_management"}


@pytest.fixture
def recipient_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> sealing.Key:
    """The recipient's private key; its public part, and the hub's, are in the directory."""
    key = sealing.new_key()
    known = {name: {"name": name, "public_key": sealing.public_part(key)} for name in ("hub", SENDER, RECIPIENT)}
    (tmp_path / "directory.json").write_text(json.dumps({"organisations": known}))
    monkeypatch.setenv("RUTA_DIRECTORY_FILE", str(tmp_path / "directory.json"))
    return key


@pytest.fixture
def in_need(intake: ServiceUnderTest, hub_key: sealing.Key, recipient_key: sealing.Key) -> ServiceUnderTest:
    """Intake, knowing the examples' person, a need of theirs, and a consent."""
    intake.hear(person_registered(sealing.public_part(hub_key)), source=SENDER)
    intake.hear(consent_granted(), source=SENDER)
    intake.hear(need_identified(), source=SENDER)
    return intake


def codes_of(messages: list[Message[Any]]) -> list[str]:
    """Why needs were not referred."""
    return [message.data.code for message in messages if isinstance(message.data, contracts.NeedNotReferred)]


def opened(request: Message[Any], key: sealing.Key) -> dict[str, Any]:
    """What the recipient reads of the person."""
    block = sealing.open_sealed(request.data.sealed, key)
    contracts.read_block(contracts.PersonBlock, block)
    return block


# -- identified, and triaged ------------------------------------------------------------------------------------------


def test_a_need_is_told_to_the_hubs_services(intake: ServiceUnderTest, hub_key: sealing.Key) -> None:
    intake.hear(person_registered(sealing.public_part(hub_key)), source=SENDER)
    (recorded,) = intake.hear(need_identified(), source=SENDER)
    assert recorded.recipient is None
    assert recorded.data == contracts.NeedRecorded(
        need_id=NEED_ID,
        person_id=PERSON_ID,
        organisation=SENDER,
        need_code="health.consultation",
        urgency=codes.Urgency.NORMAL,
        identified_at=NOW,
        zone="08001",
    )


@pytest.mark.parametrize("by", [SENDER, COORDINATOR])
def test_a_triage_by_who_identified_the_need_or_a_coordinator_is_kept_and_told(
    in_need: ServiceUnderTest, by: str
) -> None:
    (recorded,) = in_need.hear(need_triaged(), source=by)
    assert (recorded.data.urgency, recorded.data.organisation) == ("urgent", SENDER)
    assert (recorded.data.triaged_by, recorded.data.triaged_at) == (by, NOW)
    assert "pregnant" not in recorded.to_json().decode()  # nobody but intake needs to know why
    assert in_need.rows("select urgency, vulnerabilities, triaged_by from need") == [
        {"urgency": "urgent", "vulnerabilities": ["pregnant"], "triaged_by": by}
    ]


def test_a_newer_triage_replaces_the_one_before(in_need: ServiceUnderTest) -> None:
    in_need.hear(need_triaged(), source=SENDER)
    calm = need_triaged(urgency=codes.Urgency.NORMAL, vulnerabilities=(), triaged_at=NOW + DAY)
    (recorded,) = in_need.hear(calm, source=COORDINATOR)
    assert recorded.data.urgency == "normal"
    assert in_need.rows("select vulnerabilities from need") == [{"vulnerabilities": []}]


@pytest.mark.parametrize(
    ("source", "triaged_at", "code"),
    [
        (SENDER, NOW, "already_triaged"),
        (SENDER, NOW - DAY, "superseded"),
        (ANOTHER, NOW + DAY, "identified_by_another"),
    ],
)
def test_a_repeated_an_older_and_anothers_triage_change_nothing(
    in_need: ServiceUnderTest, source: str, triaged_at: Any, code: str
) -> None:
    in_need.hear(need_triaged(), source=SENDER)
    with pytest.raises(rules.Refused, match=rf"^{code}$"):
        in_need.hear(need_triaged(triaged_at=triaged_at, urgency=codes.Urgency.EMERGENCY), source=source)
    assert in_need.rows("select urgency from need") == [{"urgency": "urgent"}]


def test_nobody_but_its_organisation_triages_a_confidential_need(
    intake: ServiceUnderTest, recipient_key: sealing.Key
) -> None:
    intake.hear(need_identified(**CONFIDENTIAL), source=SENDER)
    with pytest.raises(rules.Refused, match=r"^identified_by_another$"):
        intake.hear(need_triaged(), source=COORDINATOR)
    (recorded,) = intake.hear(need_triaged(), source=SENDER)
    assert recorded.data.person_id is None


# -- referred ---------------------------------------------------------------------------------------------------------


def test_a_need_that_is_referred_is_asked_for_in_the_organisations_name_with_what_intake_knows(
    in_need: ServiceUnderTest, recipient_key: sealing.Key
) -> None:
    in_need.hear(need_triaged(), source=SENDER)
    (request,) = in_need.hear(needs_referred(), source=SENDER)
    assert (request.source, request.recipient) == (SENDER, None)
    asked = request.data
    assert isinstance(asked, contracts.ReferralRequestedV2)
    assert (asked.referral_id, asked.recipient, asked.service_id) == (REFERRAL_ID, RECIPIENT, SERVICE_ID)
    assert (asked.person_id, asked.need_id, asked.need_code) == (PERSON_ID, NEED_ID, "health.consultation")
    assert (asked.consent_id, asked.urgency, asked.minor) == (CONSENT_ID, "urgent", None)
    assert asked.contact == contracts.Contact(channel=codes.ContactChannel.PHONE, language="es")


def test_what_goes_of_the_person_is_what_the_consent_covers_and_nothing_else(
    in_need: ServiceUnderTest, recipient_key: sealing.Key
) -> None:
    (request,) = in_need.hear(needs_referred(), source=SENDER)
    covered = ("given_names", "family_names", "birth_date", "sex", "phone")
    assert opened(request, recipient_key) == {name: PERSON[name] for name in covered}
    assert set(request.data.shares) == {"identity", "contact", "needs"}


def test_all_that_is_known_goes_when_the_consent_covers_all_but_notes_never_do(
    intake: ServiceUnderTest, hub_key: sealing.Key, recipient_key: sealing.Key
) -> None:
    known = {**PERSON, "language": "guc", "contact_channel": "whatsapp", "address": "Calle 17 # 4-21"}
    block = {**known, "notes": "She told us something"}
    intake.hear(person_registered(sealing.public_part(hub_key), person=block), source=SENDER)
    intake.hear(consent_granted(field_groups=tuple(codes.FieldGroup)), source=SENDER)
    intake.hear(need_identified(), source=SENDER)
    (request,) = intake.hear(needs_referred(), source=SENDER)
    assert opened(request, recipient_key) == known
    assert set(request.data.shares) == {
        *("identity", "documents", "contact", "place", "profile"),
        *("needs", "health"),  # which the need itself is of
    }
    assert request.data.contact == contracts.Contact(channel=codes.ContactChannel.WHATSAPP, language="guc")


def test_a_child_is_referred_with_who_answers_for_it(
    intake: ServiceUnderTest, hub_key: sealing.Key, recipient_key: sealing.Key
) -> None:
    intake.hear(person_registered(sealing.public_part(hub_key), person=CHILD), source=SENDER)
    intake.hear(consent_granted(given_by=codes.ConsentGivenBy.CAREGIVER), source=SENDER)
    intake.hear(need_identified(), source=SENDER)
    (request,) = intake.hear(needs_referred(), source=SENDER)
    assert opened(request, recipient_key)["caregiver"] == CHILD["caregiver"]
    assert request.data.minor == contracts.Minor(
        caregiver_is_sealed=True, unaccompanied=False, best_interest_assessed=False
    )
    assert request.data.contact.channel == "through_caregiver"


def test_one_need_that_cannot_be_referred_does_not_hold_up_the_others(in_need: ServiceUnderTest) -> None:
    food, unheard_of, other = uuid7(), uuid7(), uuid7()
    in_need.hear(need_identified(need_id=food, need_code="food_security.food_basket"), source=SENDER)
    answers = in_need.hear(
        needs_referred(
            need_referred(),
            need_referred(referral_id=other, need_id=unheard_of),
            need_referred(referral_id=uuid7(), need_id=food),
        ),
        source=SENDER,
    )
    assert [type(answer.data) for answer in answers].count(contracts.ReferralRequestedV2) == 2
    (told,) = [answer for answer in answers if isinstance(answer.data, contracts.NeedNotReferred)]
    assert told.recipient == SENDER
    assert told.data == contracts.NeedNotReferred(
        batch_id=BATCH_ID, referral_id=other, need_id=unheard_of, code="need_unknown"
    )
    assert len(in_need.rows("select 1 from need_referral")) == 2


def test_needs_that_are_referred_twice_are_asked_for_once(in_need: ServiceUnderTest) -> None:
    first = in_need.hear(needs_referred(need_referred(), need_referred()), source=SENDER)
    assert codes_of(first) == ["already_referred"]
    assert codes_of(in_need.hear(needs_referred(), source=SENDER)) == ["already_referred"]
    assert len(in_need.rows("select 1 from need_referral")) == 1


# What is wrong with the one need that is referred, by whom, and the answer.
WRONG: list[tuple[str, dict[str, Any], str, str]] = [
    ("to nobody in the directory", {"recipient": "unheard-of"}, SENDER, "recipient_unknown"),
    ("to the hub", {"recipient": "hub"}, SENDER, "recipient_unknown"),
    ("to oneself", {"recipient": SENDER}, SENDER, "recipient_is_sender"),
    ("by who has not identified it", {}, ANOTHER, "identified_by_another"),
    ("by a coordinator without a consent of its own", {}, COORDINATOR, "consent_not_granted_to_you"),
    ("without a consent", {"consent_id": NEED_ID}, SENDER, "consent_unknown"),
]


@pytest.mark.parametrize(("wrong", "source", "code"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_a_need_is_not_referred(in_need: ServiceUnderTest, wrong: dict[str, Any], source: str, code: str) -> None:
    assert codes_of(in_need.hear(needs_referred(need_referred(**wrong)), source=source)) == [code]
    assert in_need.rows("select 1 from need_referral") == []


# What is wrong with the consent under which it is referred, and the answer.
WRONG_CONSENT: list[tuple[str, dict[str, Any], str]] = [
    ("of somebody else", {"person_id": CHILD_ID}, "consent_of_another_person"),
    ("from tomorrow on", {"valid_from": NOW + DAY}, "consent_not_valid_yet"),
    ("for something else", {"purposes": (codes.ConsentPurpose.REPORT,)}, "consent_not_for_purpose"),
    ("for another recipient", {"recipients": (ANOTHER,)}, "consent_not_for_recipient"),
    ("for nothing that is known", {"field_groups": (codes.FieldGroup.EMPLOYMENT,)}, "nothing_to_share"),
]


@pytest.mark.parametrize(("terms", "code"), [row[1:] for row in WRONG_CONSENT], ids=[row[0] for row in WRONG_CONSENT])
def test_a_need_is_not_referred_under_a_consent(
    in_need: ServiceUnderTest, hub_key: sealing.Key, terms: dict[str, Any], code: str
) -> None:
    in_need.hear(person_registered(sealing.public_part(hub_key), person_id=CHILD_ID), source=SENDER)
    other = uuid7()
    in_need.hear(consent_granted(consent_id=other, **terms), source=SENDER)
    assert codes_of(in_need.hear(needs_referred(need_referred(consent_id=other)), source=SENDER)) == [code]


def test_nobody_has_the_hub_give_out_what_another_organisation_has_registered_but_a_coordinator(
    in_need: ServiceUnderTest,
) -> None:
    for by in (ANOTHER, COORDINATOR):
        need, consent = uuid7(), uuid7()
        in_need.hear(need_identified(need_id=need), source=by)
        in_need.hear(consent_granted(consent_id=consent), source=by)
        asked = need_referred(referral_id=uuid7(), need_id=need, consent_id=consent)
        answers = in_need.hear(needs_referred(asked), source=by)
        assert codes_of(answers) == ([] if by == COORDINATOR else ["registered_by_another"])


def test_a_need_is_not_referred_under_a_consent_that_was_taken_back(in_need: ServiceUnderTest) -> None:
    in_need.hear(consent_withdrawn(), source=SENDER)
    assert codes_of(in_need.hear(needs_referred(), source=SENDER)) == ["consent_withdrawn"]


def test_a_need_is_not_referred_under_a_consent_that_another_organisation_says_was_taken_back(
    in_need: ServiceUnderTest,
) -> None:
    in_need.hear(consent_withdrawn(), source=ANOTHER)
    assert codes_of(in_need.hear(needs_referred(), source=SENDER)) == ["consent_suspended"]


def test_a_need_is_not_referred_under_a_consent_whose_time_is_over_whether_or_not_that_was_noticed(
    in_need: ServiceUnderTest,
) -> None:
    in_need.clock.now = NOW + 365 * DAY
    assert codes_of(in_need.hear(needs_referred(), source=SENDER)) == ["consent_expired"]
    in_need.tick("end_lapsed_consents")
    assert codes_of(in_need.hear(needs_referred(), source=SENDER)) == ["consent_expired"]


def test_a_confidential_need_is_referred_by_its_organisation_alone(
    intake: ServiceUnderTest, recipient_key: sealing.Key
) -> None:
    intake.hear(need_identified(**CONFIDENTIAL), source=SENDER)
    intake.hear(consent_granted(person_id=None, case_code="GBV-0001"), source=SENDER)
    assert codes_of(intake.hear(needs_referred(), source=SENDER)) == ["confidential_case"]


def test_a_child_is_not_referred_where_its_caregiver_may_not_be_named(
    intake: ServiceUnderTest, hub_key: sealing.Key, recipient_key: sealing.Key
) -> None:
    intake.hear(person_registered(sealing.public_part(hub_key), person=CHILD), source=SENDER)
    only_names = consent_granted(given_by=codes.ConsentGivenBy.CAREGIVER, field_groups=(codes.FieldGroup.IDENTITY,))
    intake.hear(only_names, source=SENDER)
    intake.hear(need_identified(), source=SENDER)
    assert codes_of(intake.hear(needs_referred(), source=SENDER)) == ["caregiver_not_shared"]
