"""Every consent has a receipt, and ends when its time is over."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import contracts
from contracts import codes, sealing, uuid7
from services.intake import rules, store
from tests.examples import (
    ANOTHER,
    CONSENT_ID,
    NOW,
    SENDER,
    consent_granted,
    consent_withdrawn,
    person_registered,
    receipt_asked,
    withdrawal_contested,
)
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
    assert isinstance(receipt.data, contracts.ConsentReceiptIssuedV1)
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
    registered.hear(consent_withdrawn(), source=SENDER)
    registered.clock.now = NOW + YEAR
    assert registered.tick("end_lapsed_consents") == []


def test_a_consent_that_lapsed_is_not_there_to_be_taken_back(registered: ServiceUnderTest) -> None:
    registered.hear(consent_granted(), source=SENDER)
    registered.clock.now = NOW + YEAR
    registered.tick("end_lapsed_consents")
    with pytest.raises(rules.Refused, match=r"^already_lapsed$"):
        registered.hear(consent_withdrawn(), source=SENDER)


def test_who_gave_a_consent_and_how_is_told_of_a_person_and_of_no_case_under_a_code(
    registered: ServiceUnderTest,
) -> None:
    recorded, _ = registered.hear(consent_granted(), source=SENDER)
    assert (recorded.data.given_by, recorded.data.manner, recorded.data.language) == ("person", "signed", "es")

    case: dict[str, Any] = {"consent_id": uuid7(), "person_id": None, "case_code": "GBV-0001"}
    recorded, _ = registered.hear(consent_granted(**case), source=SENDER)
    assert (recorded.data.given_by, recorded.data.manner, recorded.data.language) == (None, None, None)
    (ended,) = registered.hear(consent_withdrawn(consent_id=case["consent_id"]), source=SENDER)
    assert ended.data == contracts.ConsentEnded(
        consent_id=case["consent_id"], reason=codes.ConsentEnd.WITHDRAWN, ended_at=NOW, confidential=True
    )


def test_a_claim_on_the_consent_of_a_case_under_a_code_is_marked_so_and_so_is_its_end(
    registered: ServiceUnderTest,
) -> None:
    consent_id = uuid7()
    registered.hear(consent_granted(consent_id=consent_id, person_id=None, case_code="GBV-0001"), source=SENDER)
    suspended, *_ = registered.hear(consent_withdrawn(consent_id=consent_id), source=ANOTHER)
    resumed, *_ = registered.hear(withdrawal_contested(consent_id=consent_id), source=SENDER)
    registered.hear(consent_withdrawn(consent_id=consent_id), source=STRANGER)
    (ended,) = at(registered, THE_DAY_AFTER)
    assert [one.data.confidential for one in (suspended, resumed, ended)] == [True] * 3
    assert (ended.data.withdrawn_by, ended.data.withdrawn_through) == (None, None)


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
    assert ended.data == contracts.ConsentEnded(
        consent_id=CONSENT_ID,
        reason=codes.ConsentEnd.WITHDRAWN,
        ended_at=NOW,
        withdrawn_by=codes.ConsentGivenBy.PERSON,
        manner=codes.ConsentManner.SPOKEN_AND_WITNESSED,
        withdrawn_at=NOW - DAY,
        withdrawn_through=ANOTHER,
    )
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


# -- withdrawn through another organisation than the one that it was granted to ---------------------------------------

LAST_DAY = datetime(2026, 3, 4, 15, tzinfo=UTC)  # two working days after NOW, a Monday
THE_DAY_AFTER = LAST_DAY + DAY
STRANGER = "iom" if ANOTHER != "iom" else "fuvadis"


@pytest.fixture
def granted(registered: ServiceUnderTest) -> ServiceUnderTest:
    registered.hear(consent_granted(), source=SENDER)
    return registered


@pytest.fixture
def claimed(granted: ServiceUnderTest) -> ServiceUnderTest:
    """ANOTHER organisation says that the person has taken the consent back that was granted to SENDER."""
    granted.hear(consent_withdrawn(withdrawn_at=NOW - DAY), source=ANOTHER)
    return granted


def holds(intake: ServiceUnderTest) -> bool:
    return intake.rows("select 1 from consent where ended_at is null") != []


def at(intake: ServiceUnderTest, moment: datetime) -> list[Any]:
    """Let it be a moment, and what is due happen."""
    intake.clock.now = moment
    return intake.tick("end_claimed_consents")


def test_through_another_organisation_the_consent_is_suspended_and_both_are_told(granted: ServiceUnderTest) -> None:
    suspended, *told = granted.hear(consent_withdrawn(), source=ANOTHER)
    assert suspended.recipient is None
    assert suspended.data == contracts.ConsentSuspended(consent_id=CONSENT_ID, suspended_at=NOW)
    assert {one.recipient for one in told} == {SENDER, ANOTHER}
    assert {(one.data.claimed_by, one.data.answer_by, one.data.may_be_contested) for one in told} == {
        (ANOTHER, LAST_DAY.date(), True)
    }
    assert holds(granted)


def test_nothing_new_leaves_under_a_consent_whose_withdrawal_is_claimed(claimed: ServiceUnderTest) -> None:
    consent = store.consents.find_consent(claimed.tx, CONSENT_ID)
    assert consent is not None
    assert not rules.consents.holds(consent, at=NOW)
    need = rules.needs.Need(uuid7(), consent.person_id, None, "health.consultation", "normal", SENDER, NOW, None)
    with pytest.raises(rules.Refused, match=r"^consent_suspended$"):
        rules.referring.check_consent(consent, need, by=SENDER, recipient=next(iter(consent.recipients)), at=NOW)


def test_it_ends_when_whom_it_was_granted_to_confirms_it(claimed: ServiceUnderTest) -> None:
    (ended,) = claimed.hear(consent_withdrawn(), source=SENDER)
    assert isinstance(ended.data, contracts.ConsentEnded)
    assert at(claimed, THE_DAY_AFTER) == []


def test_it_ends_by_itself_after_two_working_days_with_what_was_said(claimed: ServiceUnderTest) -> None:
    assert at(claimed, LAST_DAY) == []
    (ended,) = at(claimed, THE_DAY_AFTER)
    assert ended.data == contracts.ConsentEnded(
        consent_id=CONSENT_ID,
        reason=codes.ConsentEnd.WITHDRAWN,
        ended_at=THE_DAY_AFTER,
        withdrawn_by=codes.ConsentGivenBy.PERSON,
        manner=codes.ConsentManner.SIGNED,
        withdrawn_at=NOW - DAY,
        withdrawn_through=ANOTHER,
    )
    (row,) = claimed.rows("select withdrawn_at, ended_through from consent where ended_at is not null")
    assert row == {"withdrawn_at": NOW - DAY, "ended_through": ANOTHER}
    assert at(claimed, THE_DAY_AFTER) == []


def test_the_receipt_ends_it_at_once_whoever_claims_it(claimed: ServiceUnderTest) -> None:
    (row,) = claimed.rows("select receipt_code from consent")
    (ended,) = claimed.hear(withdrawn_by_receipt(row["receipt_code"]), source=STRANGER)
    assert isinstance(ended.data, contracts.ConsentEnded)


def test_contested_it_holds_again_and_its_claimant_does_not_claim_it_again(claimed: ServiceUnderTest) -> None:
    (resumed,) = claimed.hear(withdrawal_contested(), source=SENDER)
    assert resumed.data == contracts.ConsentResumed(consent_id=CONSENT_ID, resumed_at=NOW)
    assert at(claimed, THE_DAY_AFTER) == []
    assert holds(claimed)
    with pytest.raises(rules.Refused, match=r"^withdrawal_contested$"):
        claimed.hear(consent_withdrawn(), source=ANOTHER)


def test_nobody_keeps_the_person_from_their_right_a_second_time(claimed: ServiceUnderTest) -> None:
    claimed.hear(withdrawal_contested(), source=SENDER)
    _, *told = claimed.hear(consent_withdrawn(), source=STRANGER)
    assert {one.data.may_be_contested for one in told} == {False}
    with pytest.raises(rules.Refused, match=r"^already_contested$"):
        claimed.hear(withdrawal_contested(), source=SENDER)
    assert len(at(claimed, THE_DAY_AFTER)) == 1
    assert not holds(claimed)


@pytest.mark.parametrize(
    ("said", "by", "code"),
    [
        (consent_withdrawn(), ANOTHER, "already_claimed"),
        (consent_withdrawn(), STRANGER, "already_claimed"),
        (withdrawal_contested(), ANOTHER, "consent_not_granted_to_you"),
        (withdrawal_contested(), STRANGER, "consent_not_granted_to_you"),
    ],
)
def test_a_claim_is_made_once_and_contested_by_no_other(
    claimed: ServiceUnderTest, said: Any, by: str, code: str
) -> None:
    with pytest.raises(rules.Refused, match=rf"^{code}$"):
        claimed.hear(said, source=by)
    assert len(at(claimed, THE_DAY_AFTER)) == 1


def test_what_nobody_claims_is_not_contested(granted: ServiceUnderTest) -> None:
    with pytest.raises(rules.Refused, match=r"^not_claimed$"):
        granted.hear(withdrawal_contested(), source=SENDER)


# -- once more --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("purposes", [("refer",), ("refer", "coordinate")])
def test_a_receipt_comes_once_more_as_it_came_to_whom_the_consent_was_granted(
    registered: ServiceUnderTest, purposes: tuple[str, ...]
) -> None:
    granted = consent_granted(purposes=tuple(codes.ConsentPurpose(one) for one in purposes))
    _, first = registered.hear(granted, source=SENDER)
    registered.clock.now = NOW + DAY
    (again,) = registered.hear(receipt_asked(), source=SENDER)
    assert (again.data, again.recipient, again.subject) == (first.data, SENDER, str(CONSENT_ID))


@pytest.mark.parametrize("by", [ANOTHER, STRANGER])
def test_nobody_else_is_told_the_code_of_a_receipt(registered: ServiceUnderTest, by: str) -> None:
    registered.hear(consent_granted(), source=SENDER)
    with pytest.raises(rules.Refused, match=r"^consent_not_granted_to_you$"):
        registered.hear(receipt_asked(), source=by)


def test_there_is_no_receipt_of_what_has_ended_or_is_not_known(registered: ServiceUnderTest) -> None:
    with pytest.raises(rules.MissingPrerequisite, match="consent"):
        registered.hear(receipt_asked(), source=SENDER)
    registered.hear(consent_granted(), source=SENDER)
    registered.hear(consent_withdrawn(), source=SENDER)
    with pytest.raises(rules.Refused, match=r"^already_withdrawn$"):
        registered.hear(receipt_asked(), source=SENDER)
