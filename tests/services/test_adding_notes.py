"""Who sees to a referral writes to the others who do: sealed for each, in whatever state, and told as a bare fact."""

import json
from datetime import timedelta
from typing import Any

import pytest

import contracts
from contracts import codes, uuid7
from contracts.codes import Power
from contracts.transitions import NOTED_IN
from services.referrals import rules
from tests.examples import (
    ANOTHER,
    CONSENT_ID,
    COORDINATOR,
    NOW,
    PERSON_ID,
    RECIPIENT,
    SENDER,
    confidential_request,
    consent_recorded,
    organisation_recorded,
    referral_requested,
    sealed_with_header,
    service_published,
)
from tests.services import stories
from tests.services.conftest import ReferralsUnderTest
from tests.services.stories import R, bring_to, prepare, state_of
from tests.services.test_recording_referrals import noted

HOUR = timedelta(hours=1)
ERASED = contracts.PersonErased(person_id=PERSON_ID, erased_at=NOW)
NAMING: dict[str, Any] = {"recipients": (RECIPIENT, COORDINATOR)}


def sealed_for(organisation: str) -> str:
    """A block as it looks for an organisation; the gateway has looked to whose key it is sealed."""
    return sealed_with_header(json.dumps({"kid": organisation}))


def a_note(*addressees: str, **more: Any) -> contracts.ReferralNoteAdded:
    notes = tuple(contracts.AddressedNote(addressee=one, sealed=sealed_for(one)) for one in addressees)
    return contracts.ReferralNoteAdded(**R, notes=notes, **more)


def send(referrals: ReferralsUnderTest, *received: stories.Said, **consent: Any) -> None:
    """Send a referral under a consent that says more."""
    referrals.hear(service_published(), source=RECIPIENT)
    referrals.hear(consent_recorded(**consent), source="hub")
    referrals.hear(referral_requested(), source=SENDER)
    for data, source in received:
        referrals.hear(data, source=source)


def refused(referrals: ReferralsUnderTest, note: Any, source: str) -> str:
    before = referrals.rows("select * from history order by history_id")
    with pytest.raises(rules.Refused) as refusal:
        referrals.hear(note, source=source)
    assert referrals.rows("select * from history order by history_id") == before
    return refusal.value.code


@pytest.mark.parametrize("state", sorted(stories.TO))
@pytest.mark.parametrize(("by", "to"), [(SENDER, RECIPIENT), (RECIPIENT, SENDER), (COORDINATOR, SENDER)])
def test_a_note_is_brought_to_its_reader_in_every_state_but_where_the_consent_ended(
    referrals: ReferralsUnderTest, state: str, by: str, to: str
) -> None:
    bring_to(referrals, state)
    if state not in NOTED_IN:
        assert refused(referrals, a_note(to), by) == f"not_while_{state}"
        return
    (brought,) = referrals.hear(a_note(to), source=by)
    assert (brought.type, brought.recipient, brought.sequence) == ("referral.note_brought.v1", to, None)
    assert (brought.data.noted_by, brought.data.kind, brought.data.sealed) == (by, "note", sealed_for(to))
    assert state_of(referrals) == state
    fact = noted(referrals)[-1].data
    assert (fact.what, fact.noted_by, fact.addressees, fact.note_kind) == ("note_added", by, (to,), "note")
    assert sealed_for(to) not in noted(referrals)[-1].to_json().decode()


def test_each_reader_is_brought_its_own_block_and_when_to_call_back(referrals: ReferralsUnderTest) -> None:
    send(referrals, **NAMING)
    call = a_note(RECIPIENT, COORDINATOR, kind=codes.NoteKind.CALL, call_back_at=NOW + HOUR)
    told = referrals.hear(call, source=SENDER)
    assert {one.recipient: one.data.sealed for one in told} == {
        RECIPIENT: sealed_for(RECIPIENT), COORDINATOR: sealed_for(COORDINATOR),
    }  # fmt: skip
    assert {(one.data.kind, one.data.call_back_at) for one in told} == {("call", NOW + HOUR)}
    (kept,) = referrals.rows("select organisation, actor, details from history where what = 'note_added'")
    details = {"kind": "call", "addressees": f"{RECIPIENT} {COORDINATOR}"}
    assert kept == {"organisation": SENDER, "actor": "sender", "details": details}


@pytest.mark.parametrize(
    ("note", "source", "code"),
    [
        (a_note(SENDER), SENDER, "note_to_yourself"),
        (a_note(RECIPIENT, ANOTHER), SENDER, "addressee_not_party"),
        (a_note(COORDINATOR), SENDER, "consent_not_for_coordinator"),
        (a_note(RECIPIENT, kind=codes.NoteKind.CALL, call_back_at=NOW + timedelta(days=900)), SENDER, "too_far_ahead"),
    ],
)
def test_what_is_not_written_to_whom_it_may_be_is_refused_as_a_whole(
    referrals: ReferralsUnderTest, note: Any, source: str, code: str
) -> None:
    bring_to(referrals, "received")
    assert refused(referrals, note, source) == code


def test_a_stranger_hears_what_it_hears_of_a_referral_that_is_not_there(referrals: ReferralsUnderTest) -> None:
    bring_to(referrals, "received")
    for said in (a_note(SENDER), a_note(SENDER).model_copy(update={"referral_id": uuid7()})):
        with pytest.raises(rules.MissingPrerequisite) as waits:
            referrals.hear(said, source=ANOTHER)
        assert waits.value.code == "not_a_party"


def test_nothing_is_written_under_a_consent_that_is_suspended_or_has_ended(referrals: ReferralsUnderTest) -> None:
    send(referrals, stories.received)
    suspended = contracts.ConsentSuspended(consent_id=CONSENT_ID, suspended_at=NOW)
    referrals.hear(suspended, source="hub")
    assert refused(referrals, a_note(RECIPIENT), SENDER) == "consent_suspended"
    referrals.hear(contracts.ConsentResumed(consent_id=CONSENT_ID, resumed_at=NOW), source="hub")
    referrals.hear(*stories.declined[:1], source=RECIPIENT)
    referrals.hear(*stories.withdrawn[:1], source="hub")
    assert refused(referrals, a_note(RECIPIENT), SENDER) == "not_while_consent_withdrawn"
    for party in (SENDER, RECIPIENT):
        referrals.hear(*stories.purged[:1], source=party)
    assert refused(referrals, a_note(RECIPIENT), SENDER) == "consent_withdrawn"


def test_a_coordinator_that_was_written_to_owes_a_receipt_once_the_consent_ends(referrals: ReferralsUnderTest) -> None:
    send(referrals, stories.received, **NAMING)
    referrals.hear(a_note(COORDINATOR), source=SENDER)
    told = referrals.hear(*stories.withdrawn[:1], source="hub")
    asked = [one for one in told if one.recipient == COORDINATOR]
    assert [(one.type, one.data.waits_for) for one in asked] == [("referral.reminder.v1", "purge")]
    assert {*noted(referrals)[-1].data.awaited} == {SENDER, RECIPIENT, COORDINATOR}
    for party in (SENDER, RECIPIENT, COORDINATOR):
        referrals.hear(*stories.purged[:1], source=party)
    assert noted(referrals)[-1].data.awaited == ()
    assert refused(referrals, *stories.purged[:1], COORDINATOR) == "already_purged"


def test_a_coordinator_that_was_written_nothing_owes_none(referrals: ReferralsUnderTest) -> None:
    send(referrals, stories.received, **NAMING)
    told = referrals.hear(*stories.withdrawn[:1], source="hub")
    assert [one for one in told if one.recipient == COORDINATOR] == []
    with pytest.raises(rules.MissingPrerequisite):
        referrals.hear(*stories.purged[:1], source=COORDINATOR)


def test_a_coordinator_gives_its_receipt_though_it_coordinates_no_longer(referrals: ReferralsUnderTest) -> None:
    send(referrals, stories.received, **NAMING)
    referrals.hear(a_note(COORDINATOR), source=SENDER)
    referrals.hear(*stories.withdrawn[:1], source="hub")
    referrals.hear(organisation_recorded(COORDINATOR, number=9), source="hub")
    referrals.hear(*stories.purged[:1], source=COORDINATOR)
    assert {*noted(referrals)[-1].data.awaited} == {SENDER, RECIPIENT}


@pytest.mark.parametrize("is_told_twice", [False, True])
def test_a_coordinator_that_was_written_to_owes_a_receipt_once_the_person_is_erased(
    referrals: ReferralsUnderTest, is_told_twice: bool
) -> None:
    send(referrals, stories.received, **NAMING)
    referrals.hear(a_note(COORDINATOR), source=SENDER)
    referrals.hear(*stories.declined[:1], source=RECIPIENT)
    told = referrals.hear(ERASED, source="hub")
    asked = [(one.recipient, one.type, one.data.waits_for) for one in told]
    assert asked == [(COORDINATOR, "referral.reminder.v1", "purge")]
    fact = noted(referrals)[-1].data
    assert (fact.what, fact.awaited, state_of(referrals)) == ("purge_owed", (COORDINATOR,), "declined")
    referrals.hear(*stories.purged[:1], source=COORDINATOR)
    assert noted(referrals)[-1].data.awaited == ()
    if is_told_twice:
        assert referrals.hear(ERASED, source="hub") == []


def test_who_was_asked_for_a_receipt_is_not_asked_again_once_the_person_is_erased(
    referrals: ReferralsUnderTest,
) -> None:
    send(referrals, stories.received, **NAMING)
    referrals.hear(a_note(COORDINATOR), source=SENDER)
    referrals.hear(*stories.withdrawn[:1], source="hub")
    for party in (SENDER, RECIPIENT, COORDINATOR):
        referrals.hear(*stories.purged[:1], source=party)
    assert referrals.hear(ERASED, source="hub") == []


def test_a_note_on_a_confidential_case_goes_to_no_screen_and_is_told_as_nothing_but_a_note(
    referrals: ReferralsUnderTest,
) -> None:
    prepare(referrals)
    case: dict[str, Any] = {"consent_id": uuid7(), "person_id": None, "case_code": "GBV-0001"}
    shared = (codes.FieldGroup.CONTACT, codes.FieldGroup.PROTECTION)
    referrals.hear(consent_recorded(**case, **NAMING, field_groups=shared), source="hub")
    referrals.hear(confidential_request(consent_id=case["consent_id"]), source=SENDER)
    referrals.hear(a_note(RECIPIENT, COORDINATOR), source=SENDER)
    told = {name for name, value in noted(referrals)[-1].data.model_dump(exclude_none=True).items() if value != ()}
    assert told == {"referral_id", "what", "noted_at", "noted_by", "state", "confidential"}

    powers = (Power.COORDINATE, Power.USES_SCREENS)
    referrals.hear(organisation_recorded(COORDINATOR, number=9, powers=powers), source="hub")
    assert refused(referrals, a_note(RECIPIENT, COORDINATOR), SENDER) == "confidential_needs_own_key"
