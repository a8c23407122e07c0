"""The hub says that its console was away: what waited for whoever answers by nothing else has longer, and says why."""

from datetime import timedelta
from typing import Any, Final

import pytest

from contracts import ConsoleWasAway, Message, ReferralRecorded, uuid7
from contracts.codes import Urgency
from services.referrals import store
from services.referrals.rules import Refused
from services.referrals.store import away as waited
from tests.examples import ANOTHER, NOW, RECIPIENT, REFERRAL_ID, SENDER, was_away
from tests.services.conftest import ReferralsUnderTest
from tests.services.stories import bring_to, state_of

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
BEGAN, ENDED = NOW + HOUR, NOW + 2 * HOUR - MINUTE


def away(**overrides: Any) -> ConsoleWasAway:
    return was_away(**{"absence_id": uuid7(), "began_at": BEGAN, "ended_at": ENDED, **overrides})


def tell(referrals: ReferralsUnderTest, *absences: ConsoleWasAway) -> list[Message]:
    referrals.clock.now = max(referrals.clock.now, ENDED)
    return [told for one in absences for told in referrals.hear(one, source="hub")]


def emergency(referrals: ReferralsUnderTest) -> None:
    bring_to(referrals, "sent", urgency=Urgency.EMERGENCY)


def deadline(referrals: ReferralsUnderTest) -> dict[str, Any]:
    (row,) = referrals.rows(
        "select deadline_at, deadline_length, deadline_stage, due_at, answer_by, extended from referral"
    )
    return dict(row)


def test_both_parties_and_the_hubs_services_hear_until_when_and_history_why(referrals: ReferralsUnderTest) -> None:
    emergency(referrals)
    told = tell(referrals, away())
    until = ENDED + (ENDED - BEGAN)
    statuses = [one for one in told if one.type == "referral.status.v1"]
    assert [(one.recipient, one.sequence, one.data.due_at) for one in statuses] == [
        (SENDER, 2, until),
        (RECIPIENT, 2, until),
    ]
    recorded = referrals.facts[-1].data
    assert isinstance(recorded, ReferralRecorded)
    assert (recorded.state, recorded.due_at, recorded.changed_by, recorded.extension_reason) == (
        "sent",
        until,
        "hub",
        "system_down",
    )
    assert recorded.answer_by == NOW + 24 * HOUR
    assert len(told) == 2
    step = store.history_of(referrals.tx, REFERRAL_ID)[-1]
    assert (step["what"], step["organisation"], step["reason"]) == ("deadline_extended", "hub", "system_down")
    assert deadline(referrals)["extended"] == 0


@pytest.mark.parametrize("times", [1, 2, 3])
def test_said_again_under_another_id_it_changes_nothing(referrals: ReferralsUnderTest, times: int) -> None:
    emergency(referrals)
    assert len(tell(referrals, *(away() for _ in range(times)))) == 2
    assert deadline(referrals)["deadline_at"] == ENDED + (ENDED - BEGAN)


def test_of_absences_that_overlap_the_order_does_not_matter(referrals: ReferralsUnderTest) -> None:
    emergency(referrals)
    later = away(began_at=BEGAN + HOUR / 2, ended_at=ENDED + MINUTE)
    tell(referrals, later, away(), later)
    assert deadline(referrals)["deadline_at"] == ENDED + (ENDED - BEGAN)
    assert referrals.rows("select count(*) as number from away") == [{"number": 2}]


def test_it_is_answered_in_the_time_that_is_given_and_expires_behind_it(referrals: ReferralsUnderTest) -> None:
    emergency(referrals)
    tell(referrals, away())
    referrals.clock.now = ENDED + (ENDED - BEGAN) - MINUTE
    referrals.tick()
    assert state_of(referrals) == "sent"
    for _ in range(10):
        referrals.clock.now += 10 * MINUTE
        referrals.tick()
    assert state_of(referrals) == "expired"


def test_what_expired_before_anybody_was_told_stays_so(referrals: ReferralsUnderTest) -> None:
    emergency(referrals)
    for _ in range(60):
        referrals.clock.now += 5 * MINUTE
        referrals.tick()
    assert state_of(referrals) == "expired"
    assert tell(referrals, away()) == []
    assert state_of(referrals) == "expired"


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"ended_at": BEGAN - MINUTE}, "absence_impossible"),
        ({"began_at": ENDED - timedelta(days=400)}, "absence_impossible"),
        ({"ended_at": ENDED + 2 * HOUR}, "absence_impossible"),
        ({"organisations": ("nobody",)}, "organisation_unknown"),
    ],
    ids=["from after to", "longer than a year", "not over", "of nobody"],
)
def test_what_cannot_be_is_refused_and_moves_nothing(
    referrals: ReferralsUnderTest, said: dict[str, Any], code: str
) -> None:
    emergency(referrals)
    before = deadline(referrals)
    with pytest.raises(Refused, match=f"^{code}"):
        tell(referrals, away(**said))
    assert deadline(referrals) == before


def test_another_organisations_referrals_wait_as_before(referrals: ReferralsUnderTest) -> None:
    emergency(referrals)
    before = deadline(referrals)
    assert tell(referrals, away(organisations=(ANOTHER,)), away(organisations=(SENDER,))) == []
    assert deadline(referrals) == before


def test_one_that_nobody_knows_takes_nothing_from_the_others(referrals: ReferralsUnderTest) -> None:
    emergency(referrals)
    assert len(tell(referrals, away(organisations=("nobody", RECIPIENT)))) == 2
    assert deadline(referrals)["deadline_at"] == ENDED + (ENDED - BEGAN)
    assert referrals.rows("select organisation from away") == [{"organisation": RECIPIENT}]


def test_of_a_question_the_sender_has_longer(referrals: ReferralsUnderTest) -> None:
    bring_to(referrals, "info_requested", urgency=Urgency.EMERGENCY)
    ends_at = deadline(referrals)["deadline_at"]
    absence = {"began_at": ends_at - HOUR, "ended_at": ends_at + HOUR}
    referrals.clock.now = ends_at + HOUR
    assert tell(referrals, away(**absence)) == []
    assert [one.data.due_at for one in tell(referrals, away(organisations=(SENDER,), **absence))] == [
        ends_at + 3 * HOUR
    ] * 2


COPY: Final = """
    insert into referral
    select copied.* from referral, generate_series(1, 6) as number,
        overlay(referral_id::text placing '00' || number from 1) as id,
        jsonb_build_object('referral_id', id, 'person_id', id) as theirs,
        jsonb_populate_record(null::referral, to_jsonb(referral) || theirs) as copied
    where referral.referral_id = %s returning referral_id
"""


def test_of_very_many_that_waited_each_is_moved_once_some_at_a_time(
    referrals: ReferralsUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waited, "AT_ONCE", 3)
    emergency(referrals)
    everybody = {REFERRAL_ID, *(row["referral_id"] for row in referrals.rows(COPY, REFERRAL_ID))}
    assert len(everybody) == 7

    told = [tell(referrals, away())]
    assert len(referrals.rows("select referral_id from referral where deadline_at > %s", NOW + 2 * HOUR)) == 3
    told += [tell(referrals, away())]  # said again meanwhile
    told += [referrals.tick("make_up_for_what_is_left") for _ in range(4)]

    assert [len(one) for one in told] == [6, 6, 2, 0, 0, 0]
    heard = [one.data.referral_id for some in told for one in some if one.recipient == RECIPIENT]
    assert sorted(heard) == sorted(everybody)
    until = ENDED + (ENDED - BEGAN)
    assert referrals.rows("select distinct deadline_at, sequence from referral") == [
        {"deadline_at": until, "sequence": 2}
    ]
    assert referrals.rows("select moved_to from away") == [{"moved_to": None}]
