"""What may happen to a jornada, who may make it happen, and when."""

from datetime import timedelta

import pytest

from services.events.rules import Refused, jornadas
from services.events.rules.jornadas import CANCELLED, CONFIRMED, HELD, PLANNED, REPORTED, Jornada, State
from tests.examples import DAY, NOW
from tests.examples_events import ENDS, JORNADA_ID, ORGANISER, PARTNER, STARTS, STRANGER, a_jornada, a_plan

HOUR = timedelta(hours=1)


def move(jornada: Jornada, target: State, *, by: str = ORGANISER) -> Jornada:
    if target == CONFIRMED:
        return jornadas.confirm(jornada, by=by, at=NOW)
    if target == HELD:
        return jornadas.hold(jornada, ENDS, by=by, at=NOW)
    if target == REPORTED:
        return jornadas.report(jornada, by=by, at=NOW)
    return jornadas.cancel(jornada, "weather", attended=False, by=by, at=NOW)


TARGETS = (CONFIRMED, HELD, REPORTED, CANCELLED)


@pytest.mark.parametrize(
    ("state", "target"),
    [(PLANNED, CONFIRMED), (PLANNED, CANCELLED), (CONFIRMED, HELD), (CONFIRMED, CANCELLED), (HELD, REPORTED)],
)
def test_the_organiser_moves_it_along_the_table_and_each_change_has_the_next_number(
    state: State, target: State
) -> None:
    before = a_jornada(state=state, sequence=4)
    after = move(before, target)
    assert (after.state, after.sequence, after.changed_at) == (target, 5, NOW)


@pytest.mark.parametrize(
    ("state", "target"),
    [(state, target) for state in State for target in TARGETS if target not in jornadas.MOVES[state]],
)
def test_every_other_move_is_refused_with_the_state_it_is_in(state: State, target: State) -> None:
    code = f"already_{target}" if state == target else f"not_while_{state}"
    with pytest.raises(Refused, match=rf"^{code}$"):
        move(a_jornada(state=state), target)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("by", [PARTNER, STRANGER])
def test_nobody_but_the_organiser_moves_it(target: State, by: str) -> None:
    with pytest.raises(Refused, match=r"^not_yours$"):
        move(a_jornada(), target, by=by)


# -- planning ---------------------------------------------------------------------------------------------------------


def test_a_first_plan_is_number_one() -> None:
    planned = jornadas.plan(None, JORNADA_ID, a_plan(), organiser=ORGANISER, by=ORGANISER, at=NOW)
    assert (planned.state, planned.sequence, planned.partners) == (PLANNED, 1, {PARTNER})


def test_nobody_plans_in_anothers_name() -> None:
    with pytest.raises(Refused, match=r"^not_yours$"):
        jornadas.plan(None, JORNADA_ID, a_plan(), organiser=ORGANISER, by=PARTNER, at=NOW)


def test_nobody_takes_over_anothers_jornada() -> None:
    newer = a_plan(planned_at=NOW)
    with pytest.raises(Refused, match=r"^not_yours$"):
        jornadas.plan(a_jornada(), JORNADA_ID, newer, organiser=PARTNER, by=PARTNER, at=NOW)


@pytest.mark.parametrize(
    ("change", "state", "confirmed_by"),
    [
        ({"capacity": 500}, CONFIRMED, {PARTNER}),
        ({"place": "Casa distrital"}, PLANNED, set()),
        ({"starts_at": STARTS - HOUR}, PLANNED, set()),
        ({"zone": "08758"}, PLANNED, set()),
        ({"contributions": {ORGANISER: ()}}, CONFIRMED, set()),
    ],
)
def test_another_day_or_place_is_confirmed_anew(
    change: dict[str, object], state: State, confirmed_by: set[str]
) -> None:
    known = a_jornada(confirmed_by=frozenset({PARTNER}))
    plan = a_plan(planned_at=NOW, **change)
    changed = jornadas.plan(known, JORNADA_ID, plan, organiser=ORGANISER, by=ORGANISER, at=NOW)
    assert (changed.state, changed.confirmed_by, changed.plan) == (state, confirmed_by, plan)


@pytest.mark.parametrize(("days", "code"), [(0, "already_planned"), (-1, "superseded")])
def test_the_same_plan_and_an_older_one_change_nothing(days: int, code: str) -> None:
    plan = a_plan(planned_at=a_plan().planned_at + days * DAY, capacity=1)
    with pytest.raises(Refused, match=rf"^{code}$"):
        jornadas.plan(a_jornada(), JORNADA_ID, plan, organiser=ORGANISER, by=ORGANISER, at=NOW)


@pytest.mark.parametrize("state", [HELD, REPORTED, CANCELLED])
def test_what_is_over_is_not_planned_again(state: State) -> None:
    with pytest.raises(Refused, match=rf"^not_while_{state}$"):
        jornadas.plan(
            a_jornada(state=state), JORNADA_ID, a_plan(planned_at=NOW), organiser=ORGANISER, by=ORGANISER, at=NOW
        )


# -- partners ---------------------------------------------------------------------------------------------------------


def test_a_partner_confirms_what_it_brings() -> None:
    confirmed = jornadas.confirm_partner(a_jornada(state=PLANNED), ("education.workshop",), by=PARTNER, at=NOW)
    assert (confirmed.state, confirmed.confirmed_by) == (PLANNED, {PARTNER})
    assert confirmed.plan.contributions == {
        ORGANISER: ("health.consultation",),
        PARTNER: ("education.workshop",),
    }


def test_a_partner_that_confirms_the_same_again_is_a_repeat_and_something_else_is_news() -> None:
    confirmed = jornadas.confirm_partner(a_jornada(), ("education.workshop",), by=PARTNER, at=NOW)
    with pytest.raises(Refused, match=r"^already_confirmed$"):
        jornadas.confirm_partner(confirmed, ("education.workshop",), by=PARTNER, at=NOW)
    again = jornadas.confirm_partner(confirmed, (), by=PARTNER, at=NOW)
    assert again.plan.contributions[PARTNER] == ()


@pytest.mark.parametrize("by", [STRANGER, ORGANISER])
def test_only_a_partner_confirms_as_one(by: str) -> None:
    with pytest.raises(Refused, match=r"^not_a_partner$"):
        jornadas.confirm_partner(a_jornada(), (), by=by, at=NOW)


@pytest.mark.parametrize("state", [HELD, REPORTED, CANCELLED])
def test_nobody_confirms_what_is_over(state: State) -> None:
    with pytest.raises(Refused, match=rf"^not_while_{state}$"):
        jornadas.confirm_partner(a_jornada(state=state), (), by=PARTNER, at=NOW)


# -- holding, cancelling ----------------------------------------------------------------------------------------------


def test_it_is_not_held_before_it_starts() -> None:
    with pytest.raises(Refused, match=r"^not_started$"):
        jornadas.hold(a_jornada(), STARTS - HOUR, by=ORGANISER, at=NOW)
    assert jornadas.hold(a_jornada(), STARTS, by=ORGANISER, at=NOW).held_at == STARTS


def test_a_jornada_that_somebody_attended_is_not_cancelled() -> None:
    with pytest.raises(Refused, match=r"^has_attendance$"):
        jornadas.cancel(a_jornada(), "weather", attended=True, by=ORGANISER, at=NOW)
    assert jornadas.cancel(a_jornada(), "weather", attended=False, by=ORGANISER, at=NOW).cancel_reason == "weather"
