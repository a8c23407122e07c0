"""The state machine of a referral, held against the table that the domain experts keep."""

from collections.abc import Callable
from datetime import timedelta
from itertools import product
from typing import Any

import pytest

from contracts import CONTRACTS, transitions, uuid7
from contracts.deadlines import LENGTHS
from services.referrals import rules
from services.referrals.messages.notices import WAITS_FOR
from services.referrals.rules import Actor, Referral, State, deadlines
from tests.examples import ANOTHER, COORDINATOR, NOW, a_sent_referral

# As agreed with the organisations: from | to | who. "open" is every state before an end, "any" every state. What is not
# sent yet is its sender's own affair.
AGREED = """
    sent                                                             | received                                                       | recipient
    received                                                         | accepted declined waitlisted redirected                        | recipient
    received                                                         | info_requested                                                 | recipient
    info_requested                                                   | received                                                       | sender
    waitlisted                                                       | accepted declined                                              | recipient
    waitlisted                                                       | waitlisted                                                     | hub
    sent received info_requested waitlisted                          | expired                                                        | hub
    accepted                                                         | scheduled in_service completed                                 | recipient
    scheduled                                                        | scheduled no_show visit_cancelled in_service completed         | recipient
    no_show                                                          | scheduled visit_cancelled                                      | recipient
    visit_cancelled                                                  | scheduled                                                      | recipient
    in_service                                                       | in_service scheduled visit_cancelled completed                 | recipient
    accepted scheduled no_show visit_cancelled in_service            | declined                                                       | recipient
    sent received info_requested waitlisted accepted scheduled no_show in_service visit_cancelled | cancel_requested                  | sender
    cancel_requested                                                 | cancelled                                                      | recipient hub
    cancel_requested                                                 | completed                                                      | recipient
    completed                                                        | closed                                                         | sender hub
    closed                                                           | in_service                                                     | hub
    open                                                             | consent_withdrawn                                              | person
    any                                                              | entered_in_error                                               | sender hub
"""  # noqa: E501 - a table is read across

CODE = "^(not_yours|already_[a-z_]+|not_while_[a-z_]+)$"
ENDS = {"declined", "redirected", "expired", "cancelled", "closed", "consent_withdrawn", "entered_in_error"}
GROUPS = {
    "open": {state.value for state in State} - ENDS,
    "any": {state.value for state in State} - {"entered_in_error"},
}


def agreed_moves() -> set[tuple[str, str, str]]:
    moves: set[tuple[str, str, str]] = set()
    for line in AGREED.strip().splitlines():
        states, targets, actors = (cell.split() for cell in line.split("|"))
        states = [one for state in states for one in GROUPS.get(state, {state})]
        moves |= set(product(states, targets, actors))
    return moves


def test_exactly_the_agreed_transitions_are_allowed_and_every_other_is_refused_with_a_code() -> None:
    moves = agreed_moves()
    for state, target, actor in product(State, State, Actor):
        if (state.value, target.value, actor.value) in moves:
            rules.check_move(state, target, actor)
        else:
            with pytest.raises((rules.Refused, rules.MissingPrerequisite), match=CODE):
                rules.check_move(state, target, actor)


def test_nothing_leaves_an_end_except_a_reopening_and_an_error() -> None:
    leaving = {(state, target) for state, target, _ in rules.MOVES if state in rules.ENDED}
    errors = {(state, State.ENTERED_IN_ERROR) for state in rules.ENDED - {State.ENTERED_IN_ERROR}}
    assert leaving == errors | {(State.CLOSED, State.IN_SERVICE)}


def test_every_open_state_leads_to_an_end() -> None:
    for state in rules.OPEN:
        assert any(source == state and target in rules.ENDED for source, target, _ in rules.MOVES)


@pytest.mark.parametrize(
    ("state", "target"),
    [
        (State.SENT, State.ACCEPTED),  # its receipt is still on the way
        (State.RECEIVED, State.COMPLETED),
        (State.ACCEPTED, State.NO_SHOW),
        (State.WAITLISTED, State.SCHEDULED),
        (State.IN_SERVICE, State.NO_SHOW),
    ],
)
def test_what_the_recipients_own_messages_may_have_overtaken_waits(state: State, target: State) -> None:
    with pytest.raises(rules.MissingPrerequisite) as out_of_order:
        rules.check_move(state, target, Actor.RECIPIENT, key="R-1")
    assert (out_of_order.value.key, out_of_order.value.code) == ("R-1", f"not_while_{state}")


@pytest.mark.parametrize(
    ("state", "target", "actor", "code"),
    [
        (State.SENT, State.ACCEPTED, Actor.SENDER, "not_yours"),
        (State.COMPLETED, State.CLOSED, Actor.RECIPIENT, "not_yours"),
        (State.CLOSED, State.IN_SERVICE, Actor.SENDER, "not_yours"),
        (State.ACCEPTED, State.ACCEPTED, Actor.RECIPIENT, "already_accepted"),
        (State.DECLINED, State.DECLINED, Actor.RECIPIENT, "already_declined"),
        (State.ENTERED_IN_ERROR, State.ENTERED_IN_ERROR, Actor.SENDER, "already_entered_in_error"),
        (State.DECLINED, State.ACCEPTED, Actor.RECIPIENT, "not_while_declined"),
        (State.INFO_REQUESTED, State.ACCEPTED, Actor.RECIPIENT, "not_while_info_requested"),
        (State.CANCEL_REQUESTED, State.ACCEPTED, Actor.RECIPIENT, "not_while_cancel_requested"),
        (State.SCHEDULED, State.RECEIVED, Actor.RECIPIENT, "not_while_scheduled"),
        (State.IN_SERVICE, State.CLOSED, Actor.SENDER, "not_while_in_service"),
        (State.CLOSED, State.CANCEL_REQUESTED, Actor.SENDER, "not_while_closed"),
        (State.CLOSED, State.CONSENT_WITHDRAWN, Actor.PERSON, "not_while_closed"),
    ],
)
def test_what_cannot_come_true_by_waiting_is_refused_at_once(
    state: State, target: State, actor: Actor, code: str
) -> None:
    with pytest.raises(rules.Refused) as refused:
        rules.check_move(state, target, actor)
    assert refused.value.code == code


# -- what a screen offers ---------------------------------------------------------------------------------------------

CITY = frozenset({COORDINATOR})
SAID_AS: dict[str, Callable[[Referral, dict[str, Any]], Referral]] = {
    "referral.received": lambda one, by: rules.receive(one, **by),
    "referral.accepted": lambda one, by: rules.accept(one, **by),
    "referral.declined": lambda one, by: rules.decline(one, **by, reason="no_capacity"),
    "referral.waitlisted": lambda one, by: rules.waitlist(one, **by, estimate=None),
    "referral.redirected": lambda one, by: rules.redirect(one, **by, to=ANOTHER, consent_id=uuid7()),
    "referral.info_requested": lambda one, by: rules.request_info(one, **by, topic="documents"),
    "referral.info_provided": lambda one, by: rules.provide_info(one, **by),
    "referral.scheduled": lambda one, by: rules.schedule(one, **by, visit_at=NOW, said_at=NOW),
    "referral.no_show": lambda one, by: rules.report_no_show(one, **by),
    "referral.visit_cancelled": lambda one, by: rules.cancel_visit(one, **by, whose="person"),
    "referral.service_started": lambda one, by: rules.start_service(one, **by),
    "referral.service_noted": lambda one, by: rules.note_service(one, **by),
    "referral.completed": lambda one, by: rules.complete(one, **by, outcome="need_met"),
    "referral.closed": lambda one, by: rules.close(one, **by, outcome="need_met"),
    "referral.reopened": lambda one, by: rules.reopen(
        one, **by, reason="need_returned", coordinators=CITY, use_screens=set()
    ),
    "referral.chased": lambda one, by: rules.chase(
        one, **by, organisation=one.recipient, means="visit", result="needs_time", chased_at=NOW, coordinators=CITY
    ),
    "referral.deadline_extended": lambda one, by: rules.extend_deadline(
        one, **by, until=NOW + timedelta(days=4), reason="closed_days", coordinators=CITY
    ),
    "referral.taken_on": lambda one, by: rules.take_on(one, **by, taken_over_from=None, coordinators=CITY),
    "referral.cancel_requested": lambda one, by: rules.request_cancel(one, **by, reason="safety"),
    "referral.cancelled": lambda one, by: rules.confirm_cancel(one, **by),
    "referral.entered_in_error": lambda one, by: rules.enter_in_error(one, **by, reason="duplicate", coordinators=CITY),
}


def may(act: str, state: State, actor: Actor) -> bool:
    """Whether the rules let an act pass that is said in this state, by whoever plays this part."""
    referral = a_sent_referral(state=state)
    who = {Actor.SENDER: referral.sender, Actor.RECIPIENT: referral.recipient, Actor.HUB: COORDINATOR}
    try:
        SAID_AS[act](referral, {"by": who[actor], "at": NOW})
    except (rules.Refused, rules.MissingPrerequisite):
        return False
    return True


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("actor", [Actor.SENDER, Actor.RECIPIENT, Actor.HUB])
def test_a_screen_offers_exactly_what_the_rules_let_pass(state: State, actor: Actor) -> None:
    assert transitions.acts(state, actor) == {act for act in SAID_AS if may(act, state, actor)}


def test_every_act_is_a_contract_that_a_party_or_a_coordinator_says() -> None:
    said_by = {one.name: one.sent_by for one in CONTRACTS.values()}
    assert SAID_AS.keys() == transitions.ACTS.keys() | transitions.COORDINATED.keys()
    assert {said_by[act] for act in SAID_AS} == {"partner", "coordinator"}
    by_coordinators = {act for act in SAID_AS if said_by[act] == "coordinator"}
    assert by_coordinators == {"referral.reopened", *transitions.COORDINATED}


def test_a_deadline_runs_wherever_somebodys_answer_is_awaited_and_nowhere_else() -> None:
    assert transitions.AWAITED == deadlines.STAGES.keys() == LENGTHS.keys() == WAITS_FOR.keys()


def test_what_the_table_allows_an_organisation_has_an_act_that_says_it() -> None:
    """The person's part and the deadlines' have none: nobody says them."""
    parties = {Actor.SENDER, Actor.RECIPIENT}
    offered = {
        (state, transitions.ACTS[act][0], actor)
        for state, actor in product(State, parties)
        for act in transitions.acts(state, actor)
    }
    assert offered == {move for move in transitions.MOVES if move[2] in parties}


@pytest.mark.parametrize(
    "planted",
    [
        {"referral.accepted": (State.ACCEPTED, {Actor.SENDER})},  # offered to the other party
        {"referral.scheduled": (State.NO_SHOW, {Actor.RECIPIENT})},  # offered in other states
    ],
)
def test_an_act_that_is_offered_wrongly_would_be_noticed(monkeypatch: pytest.MonkeyPatch, planted: Any) -> None:
    monkeypatch.setattr(transitions, "ACTS", {**transitions.ACTS, **planted})
    parts = (Actor.SENDER, Actor.RECIPIENT, Actor.HUB)
    offered = {(state, part): transitions.acts.__wrapped__(state, part) for state, part in product(State, parts)}
    allowed = {
        (state, part): {act for act in SAID_AS if may(act, state, part)} for state, part in product(State, parts)
    }
    assert offered != allowed
