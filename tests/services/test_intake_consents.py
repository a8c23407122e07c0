"""Every consent has a receipt, and ends when its time is over."""

import re
from datetime import timedelta

import pytest

import contracts
from contracts import codes, sealing, uuid7
from services.intake import rules
from tests.examples import ANOTHER, CONSENT_ID, NOW, SENDER, consent_granted, consent_withdrawn, person_registered
from tests.examples_intake import withdrawn_by_receipt
from tests.services.conftest import ServiceUnderTest

DAY = timedelta(days=1)
YEAR = 365 * DAY


@pytest.fixture
def registered(intake: ServiceUnderTest, hub_key: sealing.Key) -> ServiceUnderTest:
    """Intake, knowing the examples' person."""
    intake.hear(person_registered(sealing.public_part(hub_key)), source=SENDER)
    return intake


def test_the_receipt_of_a_consent_goes_to_who_asked_for_it_and_says_what_was_allowed(
    registered: ServiceUnderTest,
) -> None:
    said = consent_granted()
    _, receipt = registered.hear(said, source=SENDER)
    assert isinstance(receipt.data, contracts.ConsentReceiptIssued)
    assert (receipt.recipient, receipt.data.granted_to, receipt.data.recorded_at) == (SENDER, SENDER, NOW)
    for name in ("consent_id", "recipients", "purposes", "valid_from", "valid_until", "given_by", "manner", "language"):
        assert getattr(receipt.data, name) == getattr(said, name)
    assert set(receipt.data.field_groups) == set(said.field_groups)


def test_no_two_receipts_have_one_code_and_none_is_made_of_its_consents_id_alone(
    registered: ServiceUnderTest,
) -> None:
    said = [consent_granted(consent_id=uuid7()) for _ in range(20)]
    issued = [registered.hear(one, source=SENDER)[1].data.receipt_code for one in said]
    assert len(set(issued)) == 20
    assert issued != [rules.consents.receipt_code(one.consent_id, secret=b"a guess") for one in said]
    assert registered.rows("select 1 from consent where receipt_code = any(%s)", issued) != []


def test_a_code_is_the_same_whenever_it_is_derived_and_of_letters_that_are_not_mistaken() -> None:
    code = rules.consents.receipt_code(CONSENT_ID, secret=b"secret")
    assert code == rules.consents.receipt_code(CONSENT_ID, secret=b"secret")
    assert re.fullmatch("[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){2}", code)


def test_a_consent_whose_time_is_over_lapses_once_and_the_others_hold(registered: ServiceUnderTest) -> None:
    registered.hear(consent_granted(), source=SENDER)
    registered.hear(consent_granted(consent_id=uuid7(), valid_until=None), source=SENDER)
    registered.hear(consent_granted(consent_id=uuid7(), valid_until=NOW + 2 * YEAR), source=SENDER)
    registered.clock.now = NOW + YEAR - timedelta(seconds=1)
    assert registered.tick("end_lapsed_consents") == []
    registered.clock.now = NOW + YEAR
    (ended,) = registered.tick("end_lapsed_consents")
    assert ended.recipient is None
    assert ended.data == contracts.ConsentEnded(
        consent_id=CONSENT_ID, reason=codes.ConsentEnd.LAPSED, ended_at=NOW + YEAR
    )
    assert registered.tick("end_lapsed_consents") == []


def test_a_consent_that_was_taken_back_does_not_lapse_as_well(registered: ServiceUnderTest) -> None:
    registered.hear(consent_granted(), source=SENDER)
    registered.hear(consent_withdrawn(), source=ANOTHER)
    registered.clock.now = NOW + YEAR
    assert registered.tick("end_lapsed_consents") == []


def test_a_consent_that_lapsed_is_not_there_to_be_taken_back(registered: ServiceUnderTest) -> None:
    registered.hear(consent_granted(), source=SENDER)
    registered.clock.now = NOW + YEAR
    registered.tick("end_lapsed_consents")
    with pytest.raises(rules.Refused, match=r"^already_lapsed$"):
        registered.hear(consent_withdrawn(), source=SENDER)


# -- withdrawn with nothing but the code -----------------------------------------------------------------------------


@pytest.fixture
def receipt_code(registered: ServiceUnderTest) -> str:
    """What stands on the receipt of the examples' consent."""
    return str(registered.hear(consent_granted(), source=SENDER)[1].data.receipt_code)


def test_the_code_of_a_receipt_ends_its_consent_and_no_other_at_any_organisation(
    registered: ServiceUnderTest, receipt_code: str
) -> None:
    registered.hear(consent_granted(consent_id=uuid7()), source=SENDER)
    (ended,) = registered.hear(withdrawn_by_receipt(receipt_code, withdrawn_at=NOW - DAY), source=ANOTHER)
    assert (ended.recipient, ended.subject) == (None, str(CONSENT_ID))
    assert ended.data == contracts.ConsentEnded(consent_id=CONSENT_ID, reason=codes.ConsentEnd.WITHDRAWN, ended_at=NOW)
    assert registered.rows(
        "select consent_id, withdrawn_at, withdrawn_manner, ended_through from consent where ended_at is not null"
    ) == [
        {
            "consent_id": CONSENT_ID,
            "withdrawn_at": NOW - DAY,
            "withdrawn_manner": "spoken_and_witnessed",
            "ended_through": ANOTHER,
        }
    ]


def test_what_was_taken_back_by_its_receipt_is_not_taken_back_again(
    registered: ServiceUnderTest, receipt_code: str
) -> None:
    registered.hear(withdrawn_by_receipt(receipt_code), source=ANOTHER)
    for said in (withdrawn_by_receipt(receipt_code), consent_withdrawn()):
        with pytest.raises(rules.Refused, match=r"^already_withdrawn$"):
            registered.hear(said, source=SENDER)


def test_a_consent_that_lapsed_is_not_taken_back_by_its_receipt(
    registered: ServiceUnderTest, receipt_code: str
) -> None:
    registered.clock.now = NOW + YEAR
    registered.tick("end_lapsed_consents")
    with pytest.raises(rules.Refused, match=r"^already_lapsed$"):
        registered.hear(withdrawn_by_receipt(receipt_code), source=SENDER)


def test_a_code_that_stands_on_no_receipt_is_refused_at_once_and_ends_nothing(
    registered: ServiceUnderTest, receipt_code: str
) -> None:
    other = rules.consents.receipt_code(CONSENT_ID, secret=b"a guess")
    with pytest.raises(rules.Refused, match=r"^receipt_unknown$"):
        registered.hear(withdrawn_by_receipt(other), source=SENDER)
    assert registered.rows("select 1 from consent where ended_at is not null") == []
