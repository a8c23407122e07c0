"""Whose word counts: who reports what another has delivered is believed where both have a part in it, and not else."""

from itertools import permutations
from typing import Any

import pytest

import contracts
from contracts import codes
from hub.reports import report
from tests.examples_reports import (
    an_id,
    delivered,
    employer,
    jornada,
    participation,
    profiled,
    says,
    struck_out,
)
from tests.hub.reports.conftest import Reports

ROW = ("organisation", "partner", "activity", "reached")
AT: dict[str, Any] = {"jornada_id": an_id("soledad")}
TRAINING = "education.training"
PLANS = [(1, ("redcross",)), (2, ("redcross", "iom")), (3, ("redcross",))]
"""Numbers and partners of what an organiser says of a jornada, one after the other."""


@pytest.fixture
def reports(reports: Reports) -> Reports:
    """Where everybody is registered: here it is asked whose word counts, not of whom."""
    reports.hear(*(profiled(one) for one in ("ana", "luis", "eva")))
    return reports


def partners(*names: str) -> tuple[contracts.Contribution, ...]:
    return tuple(contracts.Contribution(organisation=name, brings=()) for name in names)


@pytest.mark.parametrize("source", ["barranquilla", "iom"], ids=["the organiser", "a partner"])
@pytest.mark.parametrize("jornada_first", [True, False])
def test_who_takes_part_in_a_jornada_reports_what_another_delivered_there(
    reports: Reports, source: str, jornada_first: bool
) -> None:
    held = says(jornada("soledad", contributions=partners("redcross", "iom")))
    words = [held, says(delivered("ana", **AT), source=source)]
    for word in words if jornada_first else reversed(words):
        assert reports.hear(word) == []
    assert reports.rows(report.who_does_what, *ROW) == [("redcross", "barranquilla", "etpv_registration", 1)]


def test_until_the_jornada_is_known_what_another_delivered_there_waits(reports: Reports) -> None:
    assert reports.hear(delivered("ana", **AT), source="barranquilla") == []
    assert reports.rows(report.who_does_what, *ROW) == []
    assert (reports.tables()["delivery"], reports.waiting()) == ([], [("jornada_unknown", str(an_id("soledad")))])


def test_in_one_batch_the_newest_word_on_a_jornada_decides(reports: Reports) -> None:
    """What is asked of the database once for a whole batch must know what the batch has changed since."""
    held = [says(jornada("soledad", contributions=partners(*names)), number=number) for number, names in PLANS]
    served = [says(delivered(one, **AT), source="iom") for one in ("ana", "luis", "eva")]
    batch = [held[0], served[0], held[1], served[1], held[2], served[2]]
    assert reports.hear(*batch) == ["not_a_partner", "not_a_partner"]
    assert [row["person_id"] for row in reports.tables()["delivery"]] == [an_id("luis")]


def test_a_partner_that_is_no_longer_named_is_not_believed(reports: Reports) -> None:
    reports.hear(jornada("soledad", contributions=partners("redcross", "iom")), delivered("ana", **AT), source="hub")
    reports.hear(delivered("luis", **AT), source="iom")
    assert reports.rows(report.who_does_what, "reached") == [(2,)]
    reports.hear(jornada("soledad"), number=2)
    assert reports.rows(report.who_does_what, "reached") == [(1,)]


@pytest.mark.parametrize("programme", [None, "employment_pilot"])
def test_a_planted_lie_of_what_another_delivered_at_somebody_elses_jornada_is_refused(
    reports: Reports, programme: str | None
) -> None:
    reports.hear(jornada("soledad"))
    lie = {**AT, "programme": programme}
    assert reports.hear(delivered("ana", **lie), source="fuvadis") == ["not_a_partner"]
    nobodys = delivered("luis", delivered_by="fuvadis", **lie)  # who takes no part in it
    assert reports.hear(nobodys, source="barranquilla") == ["not_a_partner"]
    assert (reports.tables()["delivery"], reports.waiting()) == ([], [])


def test_an_organisations_own_word_on_a_jornada_has_nobody_refused(reports: Reports) -> None:
    """Else it could have what is true refused, by a jornada of its own under another's id."""
    lie = says(jornada("soledad", organiser="fuvadis", contributions=()), source="fuvadis")
    assert reports.hear(lie, says(delivered("ana", **AT), source="barranquilla")) == []
    reports.hear(jornada("soledad"))
    assert reports.rows(report.who_does_what, *ROW) == [("redcross", "barranquilla", "etpv_registration", 1)]


@pytest.mark.parametrize("order", range(0, 24, 5))
def test_a_planted_jornada_under_anothers_id_lends_no_belief_and_hides_nothing(reports: Reports, order: int) -> None:
    lie = says(jornada("soledad", organiser="fuvadis", kind="outreach_trip", contributions=()), source="fuvadis")
    true = says(jornada("soledad"))
    served = says(delivered("ana", **AT), source="barranquilla")
    claimed = says(delivered("luis", **AT), source="fuvadis")
    for word in list(permutations([lie, true, served, claimed]))[order]:
        reports.hear(word)
    assert reports.rows(report.who_does_what, *ROW) == [("redcross", "barranquilla", "etpv_registration", 1)]
    assert reports.counted("Outreach events") == 1


def test_what_an_organisation_delivered_by_itself_counts_though_not_as_done_at_a_jornada_of_others(
    reports: Reports,
) -> None:
    reports.hear(jornada("soledad"))
    reports.hear(delivered("ana", delivered_by="fuvadis", **AT), source="fuvadis")
    assert reports.rows(report.who_does_what, *ROW) == [("fuvadis", None, "service", 1)]


@pytest.mark.parametrize("participation_first", [True, False])
def test_of_its_participant_an_organisation_reports_what_another_delivered(
    reports: Reports, participation_first: bool
) -> None:
    words = [
        says(participation("ana")),
        says(delivered("ana", TRAINING, programme="employment_pilot"), source="barranquilla"),
    ]
    for word in words if participation_first else reversed(words):
        reports.hear(word)
    assert reports.rows(report.who_does_what, *ROW) == [("redcross", None, "employment_pilot", 1)]


@pytest.mark.parametrize(
    ("whose", "lie"),
    [
        (participation("ana"), {"source": "fuvadis"}),  # another organisation's participant
        (participation("luis"), {"source": "barranquilla"}),  # another person
        (participation("ana", programme="cafes_por_la_integracion"), {"source": "barranquilla"}),
        (participation("ana", state=codes.ParticipationState.STRUCK_OUT), {"source": "barranquilla"}),
    ],
)
def test_a_planted_lie_of_what_another_delivered_in_a_programme_counts_under_nobody(
    reports: Reports, whose: Any, lie: dict[str, str]
) -> None:
    reports.hear(whose)
    assert reports.hear(delivered("ana", TRAINING, programme="employment_pilot"), **lie) == []
    assert reports.rows(report.who_does_what, *ROW) == []


def test_a_planted_delivery_or_employer_under_anothers_id_hides_and_adds_nothing(reports: Reports) -> None:
    reports.hear(delivered("ana", delivered_by="fuvadis"), struck_out("ana"), source="fuvadis")
    reports.hear(delivered("ana"), source="redcross")
    assert reports.rows(report.who_does_what, *ROW) == [("redcross", None, "service", 1)]
    reports.hear(employer("a café", organisation="fuvadis"), source="fuvadis")
    reports.hear(employer("a café"), source="hub")
    assert reports.counted("Employers") == 1
