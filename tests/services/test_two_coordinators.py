"""Where two organisations coordinate they share every case: both are asked and told, either may answer, once."""

from typing import Any
from uuid import uuid4

import pytest

import contracts
from contracts import codes, sealing
from contracts.codes import Power
from services.intake import rules
from services.intake.rules.links import match_id_of, pair_of
from tests.examples import (
    ANOTHER,
    COORDINATOR,
    NOW,
    PERSON,
    PERSON_ID,
    RECIPIENT,
    SENDER,
    organisation_recorded,
    person_registered,
)
from tests.examples_rights import rights_answered, rights_requested
from tests.services import stories
from tests.services.conftest import ServiceUnderTest
from tests.services.stories import bring_to, state_of
from tests.services.test_deadlines import DAY, HOUR, let_time_pass, said

BOTH = frozenset({COORDINATOR, ANOTHER})
OTHER_ID = uuid4()
PAIR = pair_of(PERSON_ID, OTHER_ID)
MATCH: dict[str, Any] = {"match_id": match_id_of(PAIR), "person_ids": PAIR}


@pytest.fixture(autouse=True)
def _two(intake: ServiceUnderTest, referrals: ServiceUnderTest) -> None:
    """`referrals` before, which has one."""
    for service in (referrals, intake):
        service.hear(organisation_recorded(ANOTHER, powers=(Power.COORDINATE,)), source="hub")


@pytest.fixture
def asked(intake: ServiceUnderTest, hub_key: sealing.Key) -> ServiceUnderTest:
    """Intake, which has asked whether two registrations are of one person."""
    for person_id, by in ((PERSON_ID, SENDER), (OTHER_ID, RECIPIENT)):
        intake.hear(person_registered(sealing.public_part(hub_key), person=PERSON, person_id=person_id), source=by)
    proposed = intake.tick("propose_matches")
    assert [(one.type, one.recipient) for one in proposed] == [("match.proposed.v1", one) for one in sorted(BOTH)]
    return intake


@pytest.mark.parametrize("by", sorted(BOTH))
@pytest.mark.parametrize(
    ("decision", "answer"), [("linked", contracts.MatchLinked), ("rejected", contracts.MatchRejected)]
)
def test_what_one_decides_of_two_registrations_the_other_is_told_and_need_not_say(
    asked: ServiceUnderTest, by: str, decision: str, answer: Any
) -> None:
    (other,) = BOTH - {by}
    told = [one for one in asked.hear(answer(**MATCH), source=by) if one.recipient is not None]

    assert [(one.type, one.recipient) for one in told] == [("match.decided.v1", other)]
    data = told[0].data
    assert (data.match_id, data.person_ids, data.decided_by, data.decided_at) == (*MATCH.values(), by, NOW)
    assert data.decision == decision
    with pytest.raises(rules.Refused, match=f"^already_{decision}$"):
        asked.hear(answer(**MATCH), source=other)


def test_what_one_has_decided_the_other_may_undo_and_the_first_is_told(asked: ServiceUnderTest) -> None:
    asked.hear(contracts.MatchRejected(**MATCH), source=COORDINATOR)
    undone = contracts.MatchUndone(match_id=MATCH["match_id"])
    (told,) = asked.hear(undone, source=ANOTHER)

    assert (told.recipient, told.data.decision, told.data.decided_by) == (COORDINATOR, "undone", ANOTHER)


def test_both_are_told_of_what_escalates(referrals: ServiceUnderTest) -> None:
    bring_to(referrals, "cancel_requested")
    heard = let_time_pass(referrals, until=60 * DAY, every=6 * HOUR)
    assert said(heard) == [("reminder", RECIPIENT), *(("escalated", one) for one in sorted(BOTH))]


@pytest.mark.parametrize("by", sorted(BOTH))
def test_either_may_reopen_what_is_closed(referrals: ServiceUnderTest, by: str) -> None:
    bring_to(referrals, "closed")
    data, _ = stories.reopened
    referrals.hear(data, source=by)
    assert state_of(referrals) == "in_service"


@pytest.mark.parametrize("by", sorted(BOTH))
def test_either_may_answer_for_everybody_when_somebody_asks_to_be_erased(asked: ServiceUnderTest, by: str) -> None:
    asked.hear(rights_requested(kind=codes.RightsKind.ERASURE), source=SENDER)
    assert "person.erased.v1" in {one.type for one in asked.hear(rights_answered(), source=by)}
