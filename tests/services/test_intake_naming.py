"""Who coordinates is told a name under a consent of that purpose, and asked to delete it when the consent ends."""

from datetime import timedelta
from typing import Any

import pytest

import contracts
from contracts import codes, sealing, uuid7
from contracts.codes import Power
from services.intake import rules
from tests.examples import (
    ANOTHER,
    CONSENT_ID,
    COORDINATOR,
    NOW,
    PERSON_ID,
    RECIPIENT,
    SENDER,
    consent_granted,
    consent_withdrawn,
    organisation_recorded,
    person_registered,
    withdrawal_contested,
)
from tests.examples_intake import coordination_allowed, name_for, person_named
from tests.examples_rights import rights_answered, rights_requested
from tests.services.conftest import ServiceUnderTest

YEAR = timedelta(days=365)
PURPOSE = codes.ConsentPurpose


@pytest.fixture
def registered(intake: ServiceUnderTest, hub_key: sealing.Key) -> ServiceUnderTest:
    """Intake, knowing the examples' person, and two organisations that coordinate."""
    for one in (COORDINATOR, ANOTHER):
        intake.hear(organisation_recorded(one, powers=(Power.COORDINATE,)), source="hub")
    intake.hear(organisation_recorded(RECIPIENT, powers=()), source="hub")
    intake.hear(person_registered(sealing.public_part(hub_key)), source=SENDER)
    return intake


def refused(intake: ServiceUnderTest, **overrides: Any) -> str:
    with pytest.raises(rules.Refused) as refusal:
        intake.hear(person_named(**overrides), source=SENDER)
    return refusal.value.code


def ended(messages: list[contracts.Message[Any]]) -> list[tuple[str | None, contracts.PersonNameEnded]]:
    return [(one.recipient, one.data) for one in messages if isinstance(one.data, contracts.PersonNameEnded)]


NAME_ENDED = contracts.PersonNameEnded(person_id=PERSON_ID, consent_id=CONSENT_ID, ended_at=NOW)


def test_a_name_is_brought_to_the_coordinator_that_the_consent_names_as_it_was_sealed(
    registered: ServiceUnderTest,
) -> None:
    registered.hear(coordination_allowed(), source=SENDER)
    (brought,) = registered.hear(person_named(), source=SENDER)
    assert (brought.recipient, brought.subject) == (COORDINATOR, str(PERSON_ID))
    assert brought.data == contracts.PersonNameBrought(
        person_id=PERSON_ID, consent_id=CONSENT_ID, named_by=SENDER, named_at=NOW, sealed=name_for(COORDINATOR)
    )


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        ({"purposes": (PURPOSE.REFER, PURPOSE.FOLLOW_UP)}, "consent_not_to_coordinate"),
        ({"recipients": (ANOTHER,)}, "consent_not_to_coordinate"),
        ({"field_groups": (codes.FieldGroup.CONTACT,)}, "consent_not_to_coordinate"),
        ({"person_id": None, "case_code": "GBV-0001"}, "consent_of_another_person"),
        ({"valid_from": NOW + YEAR, "valid_until": None}, "consent_not_valid_yet"),
    ],
)
def test_no_name_is_brought_under_a_consent_that_does_not_allow_it(
    registered: ServiceUnderTest, terms: dict[str, Any], code: str
) -> None:
    registered.hear(coordination_allowed(**terms), source=SENDER)
    assert refused(registered) == code


def test_no_name_is_brought_to_who_does_not_coordinate_whatever_the_consent_says(registered: ServiceUnderTest) -> None:
    registered.hear(coordination_allowed(recipients=(COORDINATOR, RECIPIENT)), source=SENDER)
    assert refused(registered, recipient=RECIPIENT, sealed=name_for(RECIPIENT)) == "not_a_coordinator"


def test_only_whom_the_consent_was_given_to_tells_the_name(registered: ServiceUnderTest) -> None:
    registered.hear(coordination_allowed(), source=ANOTHER)
    assert refused(registered) == "consent_not_granted_to_you"


def test_nothing_is_brought_while_somebody_says_that_it_was_taken_back_nor_once_it_was(
    registered: ServiceUnderTest,
) -> None:
    registered.hear(coordination_allowed(), source=SENDER)
    assert ended(registered.hear(consent_withdrawn(), source=ANOTHER)) == []
    assert refused(registered) == "consent_suspended"
    registered.hear(withdrawal_contested(), source=SENDER)
    assert len(registered.hear(person_named(), source=SENDER)) == 1
    assert ended(registered.hear(consent_withdrawn(), source=SENDER)) == [(COORDINATOR, NAME_ENDED)]
    assert refused(registered) == "consent_withdrawn"


def test_who_coordinates_is_asked_to_delete_the_name_when_the_consent_lapses_also_where_it_may_no_longer_coordinate(
    registered: ServiceUnderTest,
) -> None:
    registered.hear(coordination_allowed(), source=SENDER)
    registered.hear(consent_granted(consent_id=uuid7()), source=SENDER)
    registered.hear(organisation_recorded(COORDINATOR, powers=(), number=3), source="hub")
    registered.clock.now = NOW + YEAR
    told = registered.tick("end_lapsed_consents")
    assert [type(one.data).__name__ for one in told].count("ConsentEnded") == 2
    ((recipient, said),) = ended(told)
    assert (recipient, said.consent_id) == (COORDINATOR, CONSENT_ID)
    assert refused(registered) == "not_a_coordinator"


def test_of_a_consent_by_its_receipt_and_of_one_that_is_claimed_the_end_is_told_as_well(
    registered: ServiceUnderTest,
) -> None:
    _, receipt = registered.hear(coordination_allowed(), source=SENDER)
    assert isinstance(receipt.data, contracts.ConsentReceiptIssuedV2)
    registered.hear(consent_withdrawn(), source=ANOTHER)
    registered.clock.now = NOW + timedelta(days=30)
    ((recipient, _),) = ended(registered.tick("end_claimed_consents"))
    assert recipient == COORDINATOR


def test_who_coordinates_is_asked_to_erase_whom_it_was_told_the_name_of_and_is_told_none_after_it(
    registered: ServiceUnderTest,
) -> None:
    registered.hear(coordination_allowed(), source=SENDER)
    registered.hear(rights_requested(kind=codes.RightsKind.ERASURE), source=SENDER)
    told = registered.hear(rights_answered(), source=SENDER)
    asked = {one.recipient for one in told if isinstance(one.data, contracts.PersonErasureAsked)}
    assert COORDINATOR in asked
    assert refused(registered) == "person_erased"
