"""Jornadas are planned, confirmed, held, reported or cancelled."""

from datetime import timedelta
from typing import Any

import pytest

import contracts
from contracts import Message, codes
from services.events import rules
from tests.examples import DAY, NOW
from tests.examples_events import (
    ENDS,
    ORGANISER,
    PARTNER,
    STARTS,
    STRANGER,
    attendance_recorded,
    attendance_struck_out,
    jornada_cancelled,
    jornada_confirmed,
    jornada_held,
    jornada_planned,
    jornada_reported,
    partner_confirmed,
)
from tests.services.conftest import ServiceUnderTest


@pytest.fixture
def planned(events: ServiceUnderTest) -> ServiceUnderTest:
    events.hear(jornada_planned(), source=ORGANISER)
    return events


@pytest.fixture
def confirmed(planned: ServiceUnderTest) -> ServiceUnderTest:
    planned.hear(jornada_confirmed(), source=ORGANISER)
    return planned


def told(said: list[Message[Any]]) -> list[tuple[str, str | None, int | None, str]]:
    return [(one.type, one.recipient, one.sequence, one.data.state) for one in said]


def to_all(state: str, number: int) -> list[tuple[str, str | None, int | None, str]]:
    return [
        ("jornada.status.v1", PARTNER, number, state),
        ("jornada.status.v1", ORGANISER, number, state),
        ("jornada.recorded.v1", None, number, state),
    ]


# -- done: everybody is told, with the next number ---------------------------------------------------------------------


def test_a_plan_is_kept_and_told_to_all_who_take_part(events: ServiceUnderTest) -> None:
    said = events.hear(jornada_planned(), source=ORGANISER)
    assert told(said) == to_all("planned", 1)
    status = said[0].data
    assert (status.place, status.starts_at) == ("Polideportivo La Playa", STARTS)
    assert status.contributions == tuple(sorted(jornada_planned().contributions, key=lambda one: one.organisation))
    assert events.rows("select organiser, state, zone from jornada") == [
        {"organiser": ORGANISER, "state": "planned", "zone": "08001"}
    ]


def test_from_plan_to_report_each_change_has_the_next_number(planned: ServiceUnderTest) -> None:
    assert told(planned.hear(partner_confirmed(), source=PARTNER)) == to_all("planned", 2)
    assert told(planned.hear(jornada_confirmed(), source=ORGANISER)) == to_all("confirmed", 3)
    held = planned.hear(jornada_held(), source=ORGANISER)
    assert told(held) == to_all("held", 4)
    assert (held[-1].data.held_at, held[-1].data.confirmed_by) == (ENDS, (PARTNER,))
    assert told(planned.hear(jornada_reported(), source=ORGANISER)) == to_all("reported", 5)
    assert planned.rows("select what, organisation, sequence from history order by history_id") == [
        {"what": what, "organisation": organisation, "sequence": sequence}
        for sequence, (what, organisation) in enumerate(
            [
                ("planned", ORGANISER),
                ("partner_confirmed", PARTNER),
                ("confirmed", ORGANISER),
                ("held", ORGANISER),
                ("reported", ORGANISER),
            ],
            1,
        )
    ]


def test_a_changed_plan_takes_the_place_of_the_first_and_a_dropped_partner_is_told(planned: ServiceUnderTest) -> None:
    planned.hear(partner_confirmed(), source=PARTNER)
    alone = jornada_planned(planned_at=NOW, place="Casa distrital", contributions=())
    said = planned.hear(alone, source=ORGANISER)
    assert told(said) == to_all("planned", 3)
    assert (said[0].data.place, said[0].data.contributions, said[0].data.confirmed_by) == ("Casa distrital", (), ())
    with pytest.raises(rules.Refused, match=r"^not_a_partner$"):
        planned.hear(partner_confirmed(), source=PARTNER)


def test_a_cancelled_jornada_is_told_to_every_partner_with_the_reason(confirmed: ServiceUnderTest) -> None:
    said = confirmed.hear(jornada_cancelled(), source=ORGANISER)
    assert told(said) == to_all("cancelled", 3)
    assert {one.data.cancel_reason for one in said} == {codes.JornadaCancelReason.WEATHER}
    (kept,) = confirmed.rows("select reason from history where what = 'cancelled'")
    assert kept == {"reason": "weather"}


def test_an_older_plan_changes_nothing(confirmed: ServiceUnderTest) -> None:
    with pytest.raises(rules.Refused, match=r"^superseded$"):
        confirmed.hear(jornada_planned(planned_at=NOW - 11 * DAY), source=ORGANISER)
    assert confirmed.rows("select sequence from jornada") == [{"sequence": 2}]


# -- refused ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "source", "code"),
    [
        (jornada_planned(planned_at=NOW), PARTNER, "not_yours"),
        (jornada_planned(planned_at=NOW, organiser=PARTNER), PARTNER, "not_yours"),
        (partner_confirmed(), STRANGER, "not_a_partner"),
        (jornada_confirmed(), PARTNER, "not_yours"),
        (jornada_held(), PARTNER, "not_yours"),
        (jornada_held(), ORGANISER, "not_while_planned"),
        (jornada_reported(), ORGANISER, "not_while_planned"),
        (jornada_cancelled(), PARTNER, "not_yours"),
    ],
)
def test_what_is_not_theirs_or_not_its_time_is_refused(
    planned: ServiceUnderTest, data: Any, source: str, code: str
) -> None:
    with pytest.raises(rules.Refused, match=rf"^{code}$"):
        planned.hear(data, source=source)
    assert planned.rows("select state, sequence from jornada") == [{"state": "planned", "sequence": 1}]


def test_it_is_not_held_before_it_starts(confirmed: ServiceUnderTest) -> None:
    with pytest.raises(rules.Refused, match=r"^not_started$"):
        confirmed.hear(jornada_held(held_at=STARTS - timedelta(seconds=1)), source=ORGANISER)


def test_it_is_not_cancelled_while_somebody_counts_as_present(confirmed: ServiceUnderTest) -> None:
    confirmed.hear(attendance_recorded(), source=ORGANISER)
    with pytest.raises(rules.Refused, match=r"^has_attendance$"):
        confirmed.hear(jornada_cancelled(), source=ORGANISER)
    confirmed.hear(attendance_struck_out(), source=ORGANISER)
    assert confirmed.hear(jornada_cancelled(), source=ORGANISER)[0].data.state == "cancelled"


def test_a_jornada_says_nothing_of_any_person() -> None:
    assert not contracts.contract_of(contracts.JornadaRecorded).personal_data
