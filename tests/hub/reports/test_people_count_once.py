"""Each person counts once, whoever registered them and in whatever order the facts came."""

from itertools import permutations
from typing import Any

import pytest

from contracts import codes
from hub.reports import report
from tests.examples_reports import (
    an_id,
    attended,
    delivered,
    entrepreneur,
    erased,
    identified,
    jornada,
    participation,
    placement,
    profiled,
    says,
    stepped,
    struck_out,
    unrecorded,
)
from tests.hub.reports.conftest import Reports

AT_EVENTS = "at those events"
AS_OF_2022 = "as of 2022"
REACHED = ("organisation", "need", "reached", "f", "m", "other", "children")
NOT_CONFIRMED = ("need", "reached", "unconfirmed")


def registered_at(event: str, *people: object) -> list[Any]:
    """What is recorded when people are registered for the Statute at an event."""
    return [
        jornada(event),
        *(attended(person, event) for person in people),
        *(stepped(person, jornada_id=an_id(event)) for person in people),
    ]


def test_somebody_whom_three_organisations_registered_counts_once_when_linked(reports: Reports) -> None:
    reports.hear(*registered_at("soledad", "ana at redcross", "ana at iom", "ana at fuvadis", "luis"))
    assert (reports.counted(AT_EVENTS), reports.counted(AS_OF_2022)) == (4, 4)
    reports.hear(identified("ana", "ana at redcross", "ana at iom", "ana at fuvadis"))
    assert (reports.counted(AT_EVENTS), reports.counted(AS_OF_2022)) == (2, 2)


def test_somebody_at_two_events_counts_once_and_the_events_twice(reports: Reports) -> None:
    reports.hear(*registered_at("soledad", "ana"), *registered_at("malambo", "ana"))
    assert (reports.counted(AT_EVENTS), reports.counted("Outreach events")) == (1, 2)


def test_an_undone_link_counts_them_apart_again(reports: Reports) -> None:
    reports.hear(*registered_at("soledad", "ana", "her twin", "luis"))
    reports.hear(identified("n", "ana", "her twin", "luis"))
    assert reports.counted(AT_EVENTS) == 1
    reports.hear(identified("n", "ana", "luis"), identified("other", "her twin"))
    assert reports.counted(AT_EVENTS) == 2
    reports.hear(identified("n", "ana"), identified("third", "luis"))
    assert reports.counted(AT_EVENTS) == 3


def test_a_person_who_is_left_out_of_a_newer_word_is_a_person_by_themselves(reports: Reports) -> None:
    reports.hear(*registered_at("soledad", "ana", "her twin"))
    reports.hear(identified("n", "ana", "her twin"))
    reports.hear(identified("n", "ana"))
    assert reports.counted(AT_EVENTS) == 2


def test_two_networks_that_become_one_count_once(reports: Reports) -> None:
    reports.hear(*registered_at("soledad", "a", "b", "c", "d"))
    reports.hear(identified("n", "a", "b"), identified("m", "c", "d"))
    assert reports.counted(AT_EVENTS) == 2
    reports.hear(identified("n", "a", "b", "c", "d"))
    assert reports.counted(AT_EVENTS) == 1


@pytest.mark.parametrize("order", range(6))
def test_an_older_word_on_who_is_whom_changes_nothing_in_whatever_order_it_comes(reports: Reports, order: int) -> None:
    reports.hear(*registered_at("soledad", "a", "b", "c"))
    words = [says(identified("n", "a", "b")), says(identified("n", "a", "b", "c")), says(identified("n", "a", "c"))]
    reports.hear(*list(permutations(words))[order])
    assert reports.counted(AT_EVENTS) == 2
    (kept,) = reports.tables()["network_identity"]
    assert kept["person_ids"] == [an_id("a"), an_id("c")]


def test_facts_of_people_nobody_has_registered_yet_are_kept_and_join_later(reports: Reports) -> None:
    reports.hear(delivered("ana"), delivered("ana", "food_security.hot_meal"), source="redcross")
    assert reports.rows(report.who_does_what, *NOT_CONFIRMED) == [
        ("food_security.hot_meal", 0, 1),
        ("health.consultation", 0, 1),
    ]
    reports.hear(profiled("ana", birth_year=2004))
    assert reports.rows(report.who_does_what, *NOT_CONFIRMED)[1] == ("health.consultation", 1, 0)
    assert reports.rows(report.who_does_what, *REACHED)[1] == ("redcross", "health.consultation", 1, 1, 0, 0, 1)


def test_of_linked_registrations_each_detail_is_the_newest_that_says_it(reports: Reports) -> None:
    reports.hear(
        delivered("ana"),
        delivered("ana at iom"),
        profiled("ana", birth_year=2015, sex=None),
        profiled("ana at iom", registered_at=says(delivered("x")).time.replace(year=2020), birth_year=1990),
        identified("n", "ana", "ana at iom"),
    )
    assert reports.rows(report.who_does_what, *REACHED) == [("redcross", "health.consultation", 1, 1, 0, 0, 1)]


def test_every_order_of_the_facts_ends_in_the_same_counts(reports: Reports) -> None:
    facts = [
        says(jornada("soledad")),
        says(attended("ana", "soledad", present=False), number=1),
        says(attended("ana", "soledad"), number=2),
        says(stepped("ana at iom", jornada_id=an_id("soledad"))),
        says(identified("n", "ana", "ana at iom")),
    ]
    for order in list(permutations(facts))[::7]:
        reports.hear(*(fact.model_copy(update={"id": fact.id}) for fact in order))
    assert reports.counted(AT_EVENTS) == 1


@pytest.mark.parametrize("amended_first", [False, True])
def test_an_amended_attendance_holds_by_its_number(reports: Reports, amended_first: bool) -> None:
    reports.hear(*registered_at("soledad", "ana", "luis"))
    amended = [says(attended("luis", "soledad"), number=2), says(attended("luis", "soledad", present=False), number=3)]
    for one in reversed(amended) if amended_first else amended:
        reports.hear(one)
    assert reports.counted(AT_EVENTS) == 1


def test_who_was_present_and_took_no_step_there_is_not_registered_there(reports: Reports) -> None:
    reports.hear(jornada("soledad"), attended("ana", "soledad"), stepped("ana"))
    assert (reports.counted(AT_EVENTS), reports.counted(AS_OF_2022)) == (0, 1)


def test_a_cancelled_event_and_its_people_do_not_count(reports: Reports) -> None:
    reports.hear(*registered_at("soledad", "ana"))
    reports.hear(jornada("soledad", state=codes.JornadaState.CANCELLED), number=2)
    assert (reports.counted("Outreach events"), reports.counted(AT_EVENTS)) == (0, 0)


def test_an_account_on_the_portal_is_no_registration_and_what_came_after_2022_is_not_as_of_2022(
    reports: Reports,
) -> None:
    new_year = says(stepped("x")).time.replace(year=2023, month=1, day=1, hour=4)  # still 2022 in Colombia
    reports.hear(
        stepped("ana", "rumv_account"),
        stepped("luis", taken_at=new_year),
        stepped("eva", taken_at=new_year.replace(hour=5)),
    )
    assert reports.counted(AS_OF_2022) == 1


@pytest.mark.parametrize("strike_first", [False, True])
def test_a_step_that_is_struck_out_does_not_count_whichever_comes_first(reports: Reports, strike_first: bool) -> None:
    reports.hear(*registered_at("soledad", "luis"))
    words = [*registered_at("soledad", "ana"), unrecorded("ana")]
    for one in reversed(words) if strike_first else words:
        reports.hear(one)
    assert (reports.counted(AT_EVENTS), reports.counted(AS_OF_2022)) == (1, 1)


def test_who_has_taken_another_step_still_counts_by_that(reports: Reports) -> None:
    reports.hear(stepped("ana"), stepped("ana", "appointment"), unrecorded("ana"))
    assert reports.counted(AS_OF_2022) == 1


@pytest.mark.parametrize("strike_first", [False, True])
def test_a_delivery_that_is_struck_out_does_not_count_whichever_comes_first(
    reports: Reports, strike_first: bool
) -> None:
    words = [says(delivered("ana"), source="redcross"), says(struck_out("ana"), source="redcross")]
    for one in reversed(words) if strike_first else words:
        reports.hear(one)
    assert reports.rows(report.who_does_what, *REACHED) == []


def test_a_stranger_strikes_nothing_out(reports: Reports) -> None:
    reports.hear(delivered("ana"), source="redcross")
    reports.hear(struck_out("ana"), source="iom")
    assert len(reports.rows(report.who_does_what, *REACHED)) == 1


def test_a_person_served_twice_is_reached_once_in_a_row(reports: Reports) -> None:
    reports.hear(profiled("ana"))
    reports.hear(delivered("ana"), delivered("ana", delivery_id=an_id("again")), source="redcross")
    assert reports.rows(report.who_does_what, "reached") == [(1,)]


def test_an_erased_person_goes_on_counting_and_nothing_more_is_learned_of_them(reports: Reports) -> None:
    reports.hear(delivered("ana"), delivered("ana at iom"), profiled("ana"), profiled("ana at iom"), source="hub")
    reports.hear(identified("n", "ana", "ana at iom"))
    before = reports.rows(report.who_does_what, *REACHED)
    reports.hear(erased("ana"), erased("ana at iom"))
    assert (
        reports.rows(report.who_does_what, *REACHED) == before == [("redcross", "health.consultation", 1, 1, 0, 0, 0)]
    )
    reports.hear(profiled("ana", sex=None, birth_year=2001, registered_at=says(delivered("x")).time.replace(year=2024)))
    assert reports.rows(report.who_does_what, *REACHED) == before
    (kept,) = [row for row in reports.tables()["person"] if row["person_id"] == an_id("ana")]
    assert {name for name, value in kept.items() if value is not None} == {
        "person_id",
        "organisation",
        "sex",
        "birth_year",
        "erased_at",
    }


def test_an_erasure_that_overtook_the_profile_holds(reports: Reports) -> None:
    reports.hear(erased("ana"))
    reports.hear(profiled("ana"))
    (kept,) = reports.tables()["person"]
    assert (kept["sex"], kept["birth_year"]) == (None, None)


def test_participants_and_entrepreneurs_count_by_person_and_not_when_struck_out(reports: Reports) -> None:
    reports.hear(
        *(profiled(one) for one in ("ana", "ana at oportunidades", "luis", "eva", "rosa")),
        *(participation(one) for one in ("ana", "ana at oportunidades", "luis", "eva")),
        *(entrepreneur(one) for one in ("ana", "ana at oportunidades", "luis")),
        entrepreneur("eva", mentored=False),
        entrepreneur("rosa", organisation="barranquilla"),
        identified("n", "ana", "ana at oportunidades"),
    )
    reports.hear(
        participation("luis", state=codes.ParticipationState.STRUCK_OUT),
        entrepreneur("luis", stage=codes.EntrepreneurStage.STRUCK_OUT),
        number=2,
    )
    assert (reports.counted("in the employment pilot"), reports.counted("Entrepreneurs")) == (2, 1)


@pytest.mark.parametrize("registered_first", [True, False])
def test_only_who_is_registered_counts_as_a_participant_an_entrepreneur_or_somebody_who_found_work(
    reports: Reports, registered_first: bool
) -> None:
    """An id that intake has never spoken of may be anything: a planted row of them adds nobody."""
    served = {"need": "education.training", "programme": "employment_pilot"}
    people = ("ana", "nobody", "nobody else")
    words: list[list[Any]] = [
        [profiled("ana")],
        [fact(one) for fact in (participation, entrepreneur, placement) for one in people],
    ]
    for batch in words if registered_first else reversed(words):
        reports.hear(*batch)
    reports.hear(*(delivered(one, **served) for one in people), source="redcross")
    assert participants(reports) == (1, 1, 1, 1)
    reports.hear(identified("n", "ana", "nobody"))
    assert participants(reports) == (1, 1, 1, 1)


@pytest.mark.parametrize("erased_first", [True, False])
def test_who_was_registered_and_is_erased_counts_on_as_a_participant(reports: Reports, erased_first: bool) -> None:
    words = [profiled("ana"), erased("ana")]
    reports.hear(*(reversed(words) if erased_first else words))
    reports.hear(*(fact("ana") for fact in (participation, entrepreneur, placement)))
    reports.hear(delivered("ana", "education.training", programme="employment_pilot"), source="redcross")
    assert participants(reports) == (1, 1, 1, 1)


def participants(reports: Reports) -> tuple[Any, ...]:
    labels = ("in the employment pilot", "vocational training", "Entrepreneurs", "found work")
    return tuple(reports.counted(label) for label in labels)
