"""The state machine of a referral, held against the table that the domain experts keep."""

from itertools import product

import pytest

from services.referrals import rules
from services.referrals.rules import Actor, State

# As agreed with the organisations: from | to | who. "open" is every state before an end, "any" every state but drafts.
AGREED = """
    draft                                                            | sent                                                           | sender
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
    "open": {state.value for state in State} - ENDS - {"draft"},
    "any": {state.value for state in State} - {"draft", "entered_in_error"},
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
