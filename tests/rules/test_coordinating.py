"""What coordinators do about a referral that does not go on: whoever does it, in any order, has one clear result."""

import random
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from contracts.deadlines import EXTENDED_AT_MOST, LENGTHS
from services.referrals import rules
from services.referrals.rules import Referral, State, Urgency
from tests.examples import ANOTHER, COORDINATOR, NOW, RECIPIENT, SENDER, a_sent_referral
from tests.rules.test_referral_deadlines import DAY, HOUR, run, what_happened

BOTH = frozenset({COORDINATOR, ANOTHER})
AWAITED = sorted(LENGTHS)


def standing(state: State, **overrides: Any) -> Referral:
    """A referral brought into a state in which somebody is awaited, an hour after it was sent."""
    by, at = RECIPIENT, NOW + HOUR
    referral = a_sent_referral(**overrides)
    if state != State.SENT:
        referral = rules.receive(referral, by=by, at=at)
    if state in (State.COMPLETED, State.CANCEL_REQUESTED):
        referral = rules.accept(referral, by=by, at=at)
    match state:
        case State.INFO_REQUESTED:
            referral = rules.request_info(referral, by=by, at=at, topic="documents")
        case State.WAITLISTED:
            referral = rules.waitlist(referral, by=by, at=at, estimate=None)
        case State.COMPLETED:
            referral = rules.complete(referral, by=by, at=at, outcome="need_met")
        case State.CANCEL_REQUESTED:
            referral = rules.request_cancel(referral, by=SENDER, at=at, reason="safety")
    assert referral.state == state
    return replace(referral, steps=())


def ends_at(referral: Referral) -> datetime:
    assert referral.deadline is not None
    return referral.deadline.ends_at


def extend(referral: Referral, until: datetime, *, by: str = COORDINATOR, at: datetime = NOW + HOUR) -> Referral:
    return rules.extend_deadline(referral, by=by, at=at, until=until, reason="closed_days", coordinators=BOTH)


def chase(referral: Referral, **overrides: Any) -> Referral:
    said: dict[str, Any] = {"by": COORDINATOR, "at": NOW + HOUR, "organisation": RECIPIENT, "means": "telephone"}
    asked = {"result": "will_answer", "chased_at": NOW + HOUR, "coordinators": BOTH}
    return rules.chase(referral, **{**said, **asked, **overrides})


def take_on(referral: Referral, by: str, taken_over_from: str | None = None) -> Referral:
    return rules.take_on(referral, by=by, at=NOW, taken_over_from=taken_over_from, coordinators=BOTH)


def code_of(error: pytest.ExceptionInfo[Any]) -> str:
    return str(error.value.code)


# -- more time --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", AWAITED)
@pytest.mark.parametrize("urgency", Urgency)
def test_whoever_is_awaited_has_until_then_and_hears_every_stage_anew(state: State, urgency: Urgency) -> None:
    referral = standing(state, urgency=urgency)
    was = what_happened(run(referral, until=NOW + 100 * DAY, every=HOUR / 2))
    until = ends_at(referral) + LENGTHS[state][urgency]
    at = ends_at(referral) - timedelta(minutes=1)  # after its stages but the last
    late = replace(run(referral, until=at, every=HOUR / 2), steps=())

    extended = replace(extended_step := extend(late, until, at=at), steps=())
    (step,) = extended_step.steps
    assert (step.what, step.by, step.sequence, step.reason) == (
        "deadline_extended",
        COORDINATOR,
        referral.sequence + 1,
        "closed_days",
    )
    assert (extended.state, ends_at(extended)) == (state, until)
    now, happened = at, []
    while now <= until + 100 * DAY:
        extended = rules.run_deadline(replace(extended, steps=()), now=now)
        happened += what_happened(extended)
        if extended.deadline is not None:
            assert ends_at(extended) == until
        now += HOUR / 2
    assert happened == was


def test_a_later_receipt_leaves_as_much_time_to_decide() -> None:
    sent = standing(State.SENT)
    extended = extend(sent, ends_at(sent) + 2 * DAY)
    received = rules.receive(extended, by=RECIPIENT, at=ends_at(extended) - HOUR)
    assert rules.decided_by(extended) == ends_at(received) == sent.answer_by + 2 * DAY


def test_the_time_to_decide_that_was_given_stays_while_the_sender_is_asked_something() -> None:
    received = standing(State.RECEIVED)
    until = ends_at(received) + 3 * DAY
    extended = extend(received, until)
    assert rules.decided_by(extended) == until
    asked = rules.request_info(extended, by=RECIPIENT, at=NOW + DAY, topic="documents")
    assert rules.decided_by(asked) == until
    answered = rules.provide_info(asked, by=SENDER, at=NOW + 2 * DAY)
    assert rules.decided_by(answered) == until + DAY


@pytest.mark.parametrize("state", AWAITED)
def test_a_deadline_is_extended_by_no_more_than_it_had_and_three_times(state: State) -> None:
    referral = standing(state)
    length = LENGTHS[state][referral.urgency]
    with pytest.raises(rules.Refused) as refused:
        extend(referral, ends_at(referral) + length + timedelta(microseconds=1))
    assert (code_of(refused), refused.value.where) == ("extension_too_long", "data.due_at")
    for _ in range(EXTENDED_AT_MOST):
        referral = extend(referral, ends_at(referral) + length)
    with pytest.raises(rules.Refused) as refused:
        extend(referral, ends_at(referral) + length)
    assert code_of(refused) == "extended_too_often"


def test_of_what_is_overdue_the_time_counts_from_now() -> None:
    """A cancellation that was escalated waits without a deadline; a hub that was away is late with all of them."""
    confirmed = run(standing(State.CANCEL_REQUESTED), until=NOW + 30 * DAY, every=DAY)
    assert confirmed.deadline is None
    now = NOW + 40 * DAY
    for referral in (confirmed, standing(State.RECEIVED)):
        with pytest.raises(rules.Refused, match="deadline_not_later"):
            extend(referral, now, at=now)
        with pytest.raises(rules.Refused, match="extension_too_long"):
            extend(referral, now + 15 * DAY, at=now)
        assert ends_at(extend(referral, now + 14 * DAY, at=now)) == now + 14 * DAY


@pytest.mark.parametrize("state", AWAITED)
def test_nobody_extends_its_own_deadline(state: State) -> None:
    referral = standing(state)
    (awaited,) = rules.awaited(referral)
    with pytest.raises(rules.Refused, match="own_deadline"):
        rules.extend_deadline(
            referral, by=awaited, at=NOW, until=ends_at(referral) + HOUR, reason="closed_days", coordinators={awaited}
        )


def test_how_long_what_a_person_has_taken_back_is_held_is_not_extended() -> None:
    for state in (State.RECEIVED, State.COMPLETED):
        withdrawn = rules.withdraw_consent(standing(state), by="hub", at=NOW)
        with pytest.raises(rules.Refused, match="purge_not_extended"):
            extend(withdrawn, ends_at(withdrawn) + DAY)


@pytest.mark.parametrize("state", sorted(set(State) - set(LENGTHS)))
def test_where_nobody_is_awaited_nothing_is_extended(state: State) -> None:
    with pytest.raises(rules.Refused, match=f"^not_while_{state}$"):
        extend(a_sent_referral(state=state), NOW + 4 * DAY)


def test_whoever_extends_and_in_whatever_order_the_latest_end_holds_and_no_deadline_moves_back() -> None:
    """Every refusal is one of three codes; a repeat changes nothing; what is said thrice is said in any order."""
    chance = random.Random(11)  # noqa: S311
    for _ in range(200):
        referral = standing(State(chance.choice(AWAITED)), urgency=chance.choice(list(Urgency)))
        length = LENGTHS[referral.state][referral.urgency]
        untils = [ends_at(referral) + length * chance.random() for _ in range(3)]
        said = [(until, chance.choice(sorted(BOTH))) for until in (*untils, *untils)]
        chance.shuffle(said)
        first = ends_at(referral)
        for until, by in said:
            before = referral
            if until > ends_at(before):
                referral = extend(referral, until, by=by)
            else:
                with pytest.raises(rules.Refused) as refused:
                    extend(referral, until, by=by)
                assert code_of(refused) == ("already_extended" if until == ends_at(before) else "deadline_not_later")
            assert ends_at(referral) == max(ends_at(before), until)
            assert referral.extended - before.extended == referral.sequence - before.sequence
        assert first < ends_at(referral) == max(untils)
        assert referral.extended <= EXTENDED_AT_MOST


def test_of_three_extensions_every_order_ends_alike() -> None:
    referral = standing(State.RECEIVED)
    ends = set()
    for order in permutations([DAY, 2 * DAY, 3 * DAY]):
        last = referral
        for more in order:
            with suppress(rules.Refused):
                last = extend(last, ends_at(referral) + more)
        ends.add(ends_at(last))
    assert ends == {ends_at(referral) + 3 * DAY}


# -- asking, and taking on --------------------------------------------------------------------------------------------


def test_who_asked_whom_how_and_what_came_of_it_is_kept_and_changes_nothing() -> None:
    referral = standing(State.RECEIVED)
    chased = chase(chase(referral), by=ANOTHER, means="visit", result="needs_time")
    assert replace(chased, steps=()) == referral
    assert [(step.what, step.by, step.sequence, step.reason) for step in chased.steps] == [
        ("chased", COORDINATOR, None, "will_answer"),
        ("chased", ANOTHER, None, "needs_time"),
    ]
    assert chased.steps[0].details == {
        "organisation": RECIPIENT,
        "means": "telephone",
        "chased_at": (NOW + HOUR).isoformat(),
    }


def test_only_a_party_is_asked_and_not_before_there_was_something_to_ask() -> None:
    with pytest.raises(rules.Refused, match="organisation_not_party"):
        chase(standing(State.RECEIVED), organisation=ANOTHER)
    with pytest.raises(rules.Refused, match="before_it_was_sent"):
        chase(standing(State.RECEIVED), chased_at=NOW - timedelta(seconds=1))


def test_one_coordinator_takes_it_on_and_another_only_from_who_has_it() -> None:
    taken = take_on(standing(State.RECEIVED), COORDINATOR)
    assert taken.taken_on_by == COORDINATOR
    with pytest.raises(rules.Refused, match="already_taken_on"):
        take_on(taken, COORDINATOR)
    for wrong in (None, RECIPIENT, ANOTHER):
        with pytest.raises(rules.Refused, match="taken_on_by_another"):
            take_on(taken, ANOTHER, wrong)
    over = take_on(taken, ANOTHER, COORDINATOR)
    assert (over.taken_on_by, over.steps[-1].details) == (ANOTHER, {"taken_over_from": COORDINATOR})
    with pytest.raises(rules.Refused, match="taken_on_by_another"):
        take_on(over, COORDINATOR)


def test_whoever_no_longer_coordinates_holds_nothing() -> None:
    taken = take_on(standing(State.RECEIVED), COORDINATOR)
    free = rules.take_on(taken, by=ANOTHER, at=NOW, taken_over_from=None, coordinators={ANOTHER})
    assert (free.taken_on_by, free.steps[-1].details) == (ANOTHER, None)


@pytest.mark.parametrize("act", [chase, lambda one: take_on(one, COORDINATOR)])
def test_what_has_ended_is_left_alone_unless_a_purge_is_owed(act: Any) -> None:
    for state in rules.ENDED - {State.CLOSED}:
        with pytest.raises(rules.Refused, match=f"^not_while_{state}$"):
            act(a_sent_referral(state=state))
    with pytest.raises(rules.MissingPrerequisite, match="not_while_closed"):  # its reopening may be on the way
        act(a_sent_referral(state=State.CLOSED))
    for state in {*rules.ENDED, State.RECEIVED} - {State.CONSENT_WITHDRAWN}:
        act(rules.withdraw_consent(a_sent_referral(state=state), by="hub", at=NOW))


def test_what_ends_is_nobodys_any_more_and_opened_again_begins_anew() -> None:
    taken = replace(take_on(standing(State.COMPLETED), COORDINATOR), extended=2)
    closed = rules.close(taken, by=SENDER, at=NOW, outcome="need_met")
    assert (closed.taken_on_by, closed.extended) == (None, 0)
    owed = take_on(rules.withdraw_consent(closed, by="hub", at=NOW), COORDINATOR)
    for holder in (SENDER, RECIPIENT):
        assert owed.taken_on_by == COORDINATOR
        owed = rules.record_purge(owed, by=holder, at=NOW)
    assert owed.taken_on_by is None


@pytest.mark.parametrize("act", ["chase", "extend", "take_on"])
def test_only_a_coordinator_does_any_of_it_and_a_stranger_hears_what_a_stranger_hears(act: str) -> None:
    def do(by: str) -> Referral:
        referral = standing(State.RECEIVED)
        match act:
            case "chase":
                return chase(referral, by=by)
            case "extend":
                return extend(referral, ends_at(referral) + HOUR, by=by)
            case _:
                return take_on(referral, by)

    for party in (SENDER, RECIPIENT):
        with pytest.raises(rules.Refused, match=r"^not_yours$"):
            do(party)
    with pytest.raises(rules.MissingPrerequisite, match=r"^not_a_party$"):
        do("americares")
    for coordinator in BOTH:
        do(coordinator)
