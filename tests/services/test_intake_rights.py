"""What people ask of those who hold their data: kept, extended, answered, and told of when it is due."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest

import contracts
from contracts import Message, codes, sealing, uuid7
from services.intake import rules
from services.intake.rules.links import match_id_of, pair_of
from services.referrals.rules import ENDED
from tests.examples import ANOTHER, COORDINATOR, DAY, NOW, PERSON_ID, RECIPIENT, SENDER, person_registered, say
from tests.examples_rights import REQUEST_ID, rights_answered, rights_extended, rights_requested
from tests.examples_route import referral_recorded
from tests.services.conftest import ServiceUnderTest

ELSEWHERE_ID = uuid7()


@pytest.fixture
def registered(intake: ServiceUnderTest, hub_key: sealing.Key) -> ServiceUnderTest:
    """Intake, knowing the examples' person, whom SENDER has registered."""
    intake.hear(person_registered(sealing.public_part(hub_key)), source=SENDER)
    return intake


@pytest.fixture
def asked(registered: ServiceUnderTest) -> ServiceUnderTest:
    """The person has asked ANOTHER organisation what is held of them."""
    registered.hear(rights_requested(), source=ANOTHER)
    return registered


def on(intake: ServiceUnderTest, day: date) -> list[Message[Any]]:
    """Let it be a day, and the clocks run; return what is said then."""
    intake.clock.now = datetime(day.year, day.month, day.day, 15, tzinfo=UTC)
    drafts = intake.service.remind_of_requests(intake.tx, intake.clock.now)  # type: ignore[attr-defined]
    intake.tx.keep()
    return [contracts.stamp(draft, source="hub", time=intake.clock.now) for draft in drafts]


def told(said: list[Message[Any]]) -> list[tuple[str | None, date, bool]]:
    assert all(isinstance(one.data, contracts.RightsDue) for one in said)
    return [(one.recipient, one.data.answer_by, one.data.overdue) for one in said]


# -- kept -------------------------------------------------------------------------------------------------------------


def test_whoever_the_person_goes_to_is_told_by_when_to_answer(registered: ServiceUnderTest) -> None:
    (due,) = registered.hear(rights_requested(), source=ANOTHER)
    assert told([due]) == [(ANOTHER, date(2026, 3, 16), False)]
    assert (due.data.request_id, due.data.kind, due.data.organisation) == (REQUEST_ID, "enquiry", ANOTHER)


def test_what_is_told_of_only_when_it_is_overdue_is_told_to_the_coordinators_at_once(
    registered: ServiceUnderTest,
) -> None:
    late = registered.hear(rights_requested(received_at=NOW - 60 * DAY), source=ANOTHER)
    assert told(late) == [(COORDINATOR, date(2026, 1, 16), True), (ANOTHER, date(2026, 1, 16), True)]
    assert on(registered, date(2026, 3, 4)) == []


def test_the_same_request_again_changes_nothing(asked: ServiceUnderTest) -> None:
    with pytest.raises(rules.Refused, match=r"^already_requested$"):
        asked.hear(rights_requested(received_at=NOW - DAY), source=ANOTHER)
    assert asked.rows("select received_at from rights_request") == [{"received_at": NOW}]


# -- extended ---------------------------------------------------------------------------------------------------------


def test_an_extension_sets_the_last_day_on(asked: ServiceUnderTest) -> None:
    assert told(asked.hear(rights_extended(), source=ANOTHER)) == [(ANOTHER, date(2026, 3, 24), False)]
    assert on(asked, date(2026, 3, 17)) == []


# -- answered ---------------------------------------------------------------------------------------------------------


def test_an_answer_ends_the_clock(asked: ServiceUnderTest) -> None:
    assert asked.hear(rights_answered(), source=ANOTHER) == []
    assert asked.rows("select answer, due_on from rights_request") == [{"answer": "granted", "due_on": None}]
    assert on(asked, date(2026, 12, 1)) == []


@pytest.mark.parametrize("said", [rights_extended(), rights_answered()], ids=["extended", "answered"])
def test_what_has_been_answered_is_neither_extended_nor_answered_again(asked: ServiceUnderTest, said: Any) -> None:
    asked.hear(rights_answered(answer=codes.RightsAnswer.DENIED), source=ANOTHER)
    with pytest.raises(rules.Refused, match=r"^already_answered$"):
        asked.hear(said, source=ANOTHER)
    assert asked.rows("select answer from rights_request") == [{"answer": "denied"}]


# -- erasure: by who registered the person, or a coordinator ----------------------------------------------------------


@pytest.fixture
def erasure_asked(registered: ServiceUnderTest, hub_key: sealing.Key) -> ServiceUnderTest:
    """The person, whom RECIPIENT has registered as well, has asked ANOTHER organisation to be erased."""
    key = sealing.public_part(hub_key)
    registered.hear(person_registered(key, person_id=ELSEWHERE_ID), source=RECIPIENT)
    pair = pair_of(PERSON_ID, ELSEWHERE_ID)
    registered.hear(contracts.MatchLinked(match_id=match_id_of(pair), person_ids=pair), source=COORDINATOR)
    registered.hear(rights_requested(kind=codes.RightsKind.ERASURE), source=ANOTHER)
    return registered


def known_as(said: list[Message[Any]]) -> dict[str | None, UUID]:
    return {one.recipient: one.data.person_id for one in said}


EVERYBODY = {ANOTHER: PERSON_ID, SENDER: PERSON_ID, COORDINATOR: PERSON_ID, RECIPIENT: ELSEWHERE_ID}


def test_who_registered_the_person_and_the_coordinators_hear_of_an_erasure_when_it_is_kept_and_when_it_is_due(
    erasure_asked: ServiceUnderTest,
) -> None:
    second = rights_requested(request_id=uuid7(), kind=codes.RightsKind.ERASURE)
    assert known_as(erasure_asked.hear(second, source=ANOTHER)) == EVERYBODY
    assert known_as(erasure_asked.hear(rights_extended(), source=ANOTHER)) == EVERYBODY
    assert known_as(on(erasure_asked, date(2026, 3, 20))) == EVERYBODY


OWN = {SENDER: PERSON_ID, RECIPIENT: ELSEWHERE_ID}
OTHERS = {SENDER: RECIPIENT, RECIPIENT: SENDER}
TEN_DAYS_ON, THE_DAY_AFTER = date(2026, 3, 16), date(2026, 3, 17)


def erased(intake: ServiceUnderTest) -> set[UUID]:
    return {row["person_id"] for row in intake.rows("select person_id from person where erased_at is not null")}


def ended(intake: ServiceUnderTest) -> str | None:
    (row,) = intake.rows("select answer from rights_request")
    answer: str | None = row["answer"]
    return answer


def test_a_coordinator_grants_an_erasure_for_everybody(erasure_asked: ServiceUnderTest) -> None:
    said = erasure_asked.hear(rights_answered(), source=COORDINATOR)
    assert {one.data.person_id for one in said} == {PERSON_ID, ELSEWHERE_ID}
    assert erased(erasure_asked) == {PERSON_ID, ELSEWHERE_ID}
    assert ended(erasure_asked) == "granted"


@pytest.mark.parametrize("by", OWN)
def test_who_registered_the_person_grants_what_it_registered_itself_and_the_others_hear_by_when_to_answer(
    erasure_asked: ServiceUnderTest, by: str
) -> None:
    said = erasure_asked.hear(rights_answered(), source=by)
    due = [one for one in said if isinstance(one.data, contracts.RightsDue)]
    gone = [one.data.person_id for one in said if isinstance(one.data, contracts.PersonErased)]
    assert (set(gone), erased(erasure_asked)) == ({OWN[by]}, {OWN[by]})
    assert known_as(due)[OTHERS[by]] == OWN[OTHERS[by]]
    assert {one.data.answer_by for one in due} == {TEN_DAYS_ON}
    assert {one.recipient: one.data.granted_by for one in due} == dict.fromkeys(EVERYBODY, (by,)) | {ANOTHER: ()}
    assert ended(erasure_asked) is None


def test_who_is_asked_to_grant_an_erasure_sees_the_open_referrals_of_others(erasure_asked: ServiceUnderTest) -> None:
    """An older word that comes late opens nothing again; whoever is a party of a referral knows of it."""
    going, gone = uuid7(), uuid7()
    for referral_id, state, number in ((going, "sent", 1), (gone, "closed", 2), (gone, "sent", 1)):
        recorded = referral_recorded(
            referral_id=referral_id,
            person_id=ELSEWHERE_ID,
            sender=RECIPIENT,
            recipient=ANOTHER,
            state=codes.ReferralState(state),
            outcome=None,
        )
        message = say(recorded, source="hub").model_copy(update={"sequence": number})
        erasure_asked.service.meet_need(erasure_asked.tx, message)  # type: ignore[attr-defined]
        erasure_asked.tx.keep()
    said = erasure_asked.hear(rights_answered(), source=SENDER)
    told = {one.recipient: one.data.open_referrals for one in said if isinstance(one.data, contracts.RightsDue)}
    assert told == {SENDER: (going,), COORDINATOR: (going,), RECIPIENT: (), ANOTHER: ()}


def test_who_registered_nothing_learns_neither_of_open_referrals_nor_who_registered_the_person(
    erasure_asked: ServiceUnderTest,
) -> None:
    """Anybody can say that a person, whose id it has from an offer, wants to be erased."""
    recorded = referral_recorded(
        person_id=ELSEWHERE_ID, sender=RECIPIENT, recipient=SENDER, state=codes.ReferralState("sent"), outcome=None
    )
    erasure_asked.service.meet_need(  # type: ignore[attr-defined]
        erasure_asked.tx, say(recorded, source="hub").model_copy(update={"sequence": 1})
    )
    erasure_asked.tx.keep()
    second = rights_requested(request_id=uuid7(), kind=codes.RightsKind.ERASURE)
    said = [
        *erasure_asked.hear(second, source=ANOTHER),
        *erasure_asked.hear(rights_extended(), source=ANOTHER),
        *erasure_asked.hear(rights_answered(), source=SENDER),
        *on(erasure_asked, date(2026, 3, 20)),
    ]
    heard = [one.data for one in said if one.recipient == ANOTHER and isinstance(one.data, contracts.RightsDue)]
    assert len(heard) >= 3
    assert {(one.open_referrals, one.granted_by) for one in heard} == {((), ())}


@pytest.mark.parametrize("answer", ["denied", "partly_granted"])
@pytest.mark.parametrize("by", OWN)
def test_nobody_keeps_from_being_erased_what_others_registered(
    erasure_asked: ServiceUnderTest, by: str, answer: str
) -> None:
    """A copy of another's person would answer for the other, at once, and the person's request were over."""
    assert erasure_asked.hear(rights_answered(answer=codes.RightsAnswer(answer)), source=by) == []
    assert (ended(erasure_asked), erased(erasure_asked)) == (None, set())
    with pytest.raises(rules.Refused, match=r"^already_answered$"):
        erasure_asked.hear(rights_answered(), source=by)
    assert known_as(on(erasure_asked, date(2026, 3, 20))) == EVERYBODY
    erasure_asked.hear(rights_answered(), source=OTHERS[by])
    assert (ended(erasure_asked), erased(erasure_asked)) == ("partly_granted", {OWN[OTHERS[by]]})


def test_what_nobody_grants_is_denied_when_all_have_answered(erasure_asked: ServiceUnderTest) -> None:
    for by in OWN:
        assert ended(erasure_asked) is None
        erasure_asked.hear(rights_answered(answer=codes.RightsAnswer.DENIED), source=by)
    assert (ended(erasure_asked), erased(erasure_asked)) == ("denied", set())


def test_what_intake_takes_for_ended_is_what_referrals_does() -> None:
    assert rules.rights.ENDED_REFERRALS == ENDED


@pytest.mark.parametrize("by", OWN)
def test_when_every_other_that_registered_the_person_assents_the_request_ends(
    erasure_asked: ServiceUnderTest, by: str
) -> None:
    erasure_asked.hear(rights_answered(), source=by)
    said = erasure_asked.hear(rights_answered(), source=OTHERS[by])
    assert {one.data.person_id for one in said} == {OWN[OTHERS[by]]}
    assert erased(erasure_asked) == {PERSON_ID, ELSEWHERE_ID}
    assert ended(erasure_asked) == "granted"


@pytest.mark.parametrize("by", OWN)
def test_after_ten_working_days_without_an_answer_it_is_granted_for_the_others_once(
    erasure_asked: ServiceUnderTest, by: str
) -> None:
    erasure_asked.hear(rights_answered(), source=by)
    assert on(erasure_asked, TEN_DAYS_ON) == []
    assert erased(erasure_asked) == {OWN[by]}
    said = on(erasure_asked, THE_DAY_AFTER)
    assert {one.data.person_id for one in said} == {OWN[OTHERS[by]]}
    assert erased(erasure_asked) == {PERSON_ID, ELSEWHERE_ID}
    assert (ended(erasure_asked), on(erasure_asked, date(2026, 12, 1))) == ("granted", [])


@pytest.mark.parametrize("answer", [codes.RightsAnswer.DENIED, codes.RightsAnswer.PARTLY_GRANTED])
@pytest.mark.parametrize("by", OWN)
def test_what_another_keeps_stays_and_a_coordinator_may_still_be_asked_anew(
    erasure_asked: ServiceUnderTest, by: str, answer: codes.RightsAnswer
) -> None:
    erasure_asked.hear(rights_answered(), source=by)
    assert erasure_asked.hear(rights_answered(answer=answer), source=OTHERS[by]) == []
    assert (ended(erasure_asked), erased(erasure_asked)) == ("partly_granted", {OWN[by]})
    assert on(erasure_asked, THE_DAY_AFTER) == []


@pytest.mark.parametrize("by", OWN)
@pytest.mark.parametrize("again", codes.RightsAnswer)
def test_nobody_answers_twice_for_the_others(erasure_asked: ServiceUnderTest, by: str, again: Any) -> None:
    erasure_asked.hear(rights_answered(), source=by)
    for said in (rights_answered(answer=again), rights_extended()):
        with pytest.raises(rules.Refused, match=r"^already_answered$"):
            erasure_asked.hear(said, source=by)
    assert erased(erasure_asked) == {OWN[by]}


def test_nobody_makes_the_term_longer_in_which_others_assent(erasure_asked: ServiceUnderTest) -> None:
    erasure_asked.hear(rights_answered(), source=SENDER)
    with pytest.raises(rules.Refused, match=r"^already_answered$"):
        erasure_asked.hear(rights_extended(), source=RECIPIENT)


def test_a_coordinator_may_grant_the_rest_before_the_others_have_answered(erasure_asked: ServiceUnderTest) -> None:
    erasure_asked.hear(rights_answered(), source=SENDER)
    erasure_asked.hear(rights_answered(), source=COORDINATOR)
    assert (ended(erasure_asked), erased(erasure_asked)) == ("granted", {PERSON_ID, ELSEWHERE_ID})


def test_where_only_who_grants_it_has_registered_the_person_it_is_granted_at_once(registered: ServiceUnderTest) -> None:
    registered.hear(rights_requested(kind=codes.RightsKind.ERASURE), source=SENDER)
    said = registered.hear(rights_answered(), source=SENDER)
    assert [one.data for one in said if isinstance(one.data, contracts.RightsDue)] == []
    assert (ended(registered), erased(registered)) == ("granted", {PERSON_ID})


@pytest.mark.parametrize("by", [ANOTHER, "americares"])
@pytest.mark.parametrize("answer", codes.RightsAnswer)
def test_nobody_else_answers_an_erasure_even_if_the_person_went_there(
    erasure_asked: ServiceUnderTest, by: str, answer: codes.RightsAnswer
) -> None:
    with pytest.raises(rules.Refused, match=r"^not_yours_to_answer$"):
        erasure_asked.hear(rights_answered(answer=answer), source=by)
    assert erasure_asked.rows("select answer from rights_request") == [{"answer": None}]
    assert erasure_asked.rows("select 1 from person where erased_at is not null") == []


def test_a_registration_that_is_not_linked_any_more_gives_no_say(erasure_asked: ServiceUnderTest) -> None:
    match_id = match_id_of(pair_of(PERSON_ID, ELSEWHERE_ID))
    erasure_asked.hear(contracts.MatchUndone(match_id=match_id), source=COORDINATOR)
    with pytest.raises(rules.Refused, match=r"^not_yours_to_answer$"):
        erasure_asked.hear(rights_answered(), source=RECIPIENT)


@pytest.mark.parametrize("by", [SENDER, RECIPIENT, COORDINATOR])
def test_who_is_to_answer_may_take_longer(erasure_asked: ServiceUnderTest, by: str) -> None:
    assert known_as(erasure_asked.hear(rights_extended(), source=by)) == EVERYBODY
    with pytest.raises(rules.Refused, match=r"^received_by_another$"):
        erasure_asked.hear(rights_extended(), source="americares")


# -- due --------------------------------------------------------------------------------------------------------------


def test_it_is_told_two_working_days_before_and_when_it_is_overdue_once_each(asked: ServiceUnderTest) -> None:
    assert on(asked, date(2026, 3, 11)) == []
    assert told(on(asked, date(2026, 3, 12))) == [(ANOTHER, date(2026, 3, 16), False)]
    assert on(asked, date(2026, 3, 12)) == on(asked, date(2026, 3, 16)) == []
    assert told(on(asked, date(2026, 3, 17))) == [
        (COORDINATOR, date(2026, 3, 16), True),
        (ANOTHER, date(2026, 3, 16), True),
    ]
    assert on(asked, date(2026, 3, 17)) == on(asked, date(2026, 12, 1)) == []


def test_after_an_outage_only_what_is_still_true_is_told(asked: ServiceUnderTest) -> None:
    assert [overdue for _, _, overdue in told(on(asked, date(2026, 3, 20)))] == [True, True]
    assert on(asked, date(2026, 3, 20)) == []
