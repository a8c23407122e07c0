"""Employers, agreements and vacancies."""

import pytest

from contracts import uuid7
from tests.examples import ANOTHER, NOW
from tests.examples_employment import (
    DAY,
    EMPLOYER_ID,
    OURS,
    PILOT,
    VACANCY_ID,
    agreement_signed,
    employer_registered,
    vacancy_closed,
    vacancy_opened,
)
from tests.services.employment.conftest import EmploymentUnderTest
from tests.services.employment.stories import VACANCY, refused, tell, waits


def test_an_employer_is_kept_and_recorded_as_number_one(employment: EmploymentUnderTest) -> None:
    (recorded,) = tell(employment, employer_registered())
    assert (recorded.sequence, recorded.source, recorded.recipient) == (1, "hub", None)
    assert (recorded.data.employer_id, recorded.data.organisation, recorded.data.programmes) == (EMPLOYER_ID, OURS, ())


def test_a_newer_word_corrects_an_employer_and_keeps_its_agreements(employment: EmploymentUnderTest) -> None:
    tell(employment, employer_registered(), agreement_signed())
    (recorded,) = tell(employment, employer_registered(registered_at=NOW + DAY, economic_sector="retail"))
    assert (recorded.sequence, recorded.data.economic_sector, recorded.data.programmes) == (3, "retail", (PILOT,))
    assert employment.rows("select economic_sector from employer") == [{"economic_sector": "retail"}]


@pytest.mark.parametrize(
    ("source", "when", "code"),
    [
        (OURS, NOW, "already_registered"),
        (OURS, NOW - DAY, "superseded"),
        (ANOTHER, NOW + DAY, "registered_by_another"),
    ],
)
def test_a_repeat_an_older_word_and_anothers_word_change_nothing(
    employment: EmploymentUnderTest, source: str, when: object, code: str
) -> None:
    tell(employment, employer_registered())
    refused(employment, employer_registered(registered_at=when, name="Otra"), code, source=source)
    assert employment.rows("select name from employer") == [{"name": "Panadería La Espiga Dorada"}]


def test_an_agreement_adds_its_programme_once(employment: EmploymentUnderTest) -> None:
    tell(employment, employer_registered(), agreement_signed())
    renewed = agreement_signed(agreement_id=uuid7(), programme="cafes_por_la_integracion")
    recorded = tell(employment, renewed, agreement_signed(agreement_id=uuid7()))
    assert [(one.sequence, one.data.programmes) for one in recorded] == [
        (3, ("cafes_por_la_integracion", PILOT)),
        (4, ("cafes_por_la_integracion", PILOT)),
    ]


def test_an_employer_agrees_to_fifty_programmes_at_most(employment: EmploymentUnderTest) -> None:
    tell(employment, employer_registered())
    for number in range(50):
        tell(employment, agreement_signed(agreement_id=uuid7(), programme=f"programme_{number}"))
    refused(employment, agreement_signed(agreement_id=uuid7(), programme="one_more"), "too_many_programmes")
    assert len(employment.rows("select 1 from agreement")) == 50


@pytest.mark.parametrize("said", [agreement_signed(), vacancy_opened()], ids=["agreement", "vacancy"])
def test_what_overtook_its_employer_waits_and_anothers_employer_is_like_none(
    employment: EmploymentUnderTest, said: object
) -> None:
    assert waits(employment, said, "employer_unknown") == str(EMPLOYER_ID)
    tell(employment, employer_registered())
    assert waits(employment, said, "employer_unknown", source=ANOTHER) == str(EMPLOYER_ID)


def test_a_vacancy_is_opened_and_closed(employment: EmploymentUnderTest) -> None:
    tell(employment, employer_registered())
    assert tell(employment, vacancy_opened(places=3), vacancy_closed()) == []
    (kept,) = employment.rows("select organisation, places, placed, closed_at from vacancy")
    assert kept == {"organisation": OURS, "places": 3, "placed": 0, "closed_at": NOW + 10 * DAY}


def test_a_vacancy_is_opened_once_and_closed_once(employment: EmploymentUnderTest) -> None:
    tell(employment, *VACANCY)
    refused(employment, vacancy_opened(places=9), "already_opened")
    tell(employment, vacancy_closed())
    refused(employment, vacancy_closed(closed_at=NOW + 20 * DAY), "already_closed")
    assert employment.rows("select places, closed_at from vacancy") == [{"places": 1, "closed_at": NOW + 10 * DAY}]


def test_a_closing_that_overtook_its_vacancy_waits(employment: EmploymentUnderTest) -> None:
    assert waits(employment, vacancy_closed(), "vacancy_unknown") == str(VACANCY_ID)
    tell(employment, *VACANCY)
    waits(employment, vacancy_closed(), "vacancy_unknown", source=ANOTHER)
