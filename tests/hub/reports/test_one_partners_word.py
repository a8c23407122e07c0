"""What one organisation makes up moves no figure but those that say that nobody has confirmed them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contracts import uuid7
from hub.reports import report
from tests.examples_reports import (
    HELD_AT,
    a_case,
    an_id,
    attended,
    delivered,
    erased,
    identified,
    in_need,
    jornada,
    participation,
    placement,
    profiled,
    published,
    referred,
    says,
    stepped,
)
from tests.hub.reports.conftest import TODAY, Reports

LIAR = "fuvadis"
ROW = ("organisation", "reached", "f", "m", "other", "children", "unconfirmed")
REGISTERED = "as of 2022"
AT_EVENTS = "at those events"
CASE: dict[str, Any] = {"person_id": None, "case_code": "GBV-0001"}


# -- whom nobody knows ------------------------------------------------------------------------------------------------


def invented(count: int, **overrides: Any) -> list[Any]:
    """Services delivered to people whom nobody has registered."""
    return [delivered(uuid7(), delivered_by=LIAR, **overrides) for _ in range(count)]


@pytest.mark.parametrize(
    "overrides",
    [{}, {"programme": "employment_pilot"}, {"jornada_id": an_id("of nobody")}, {"referral_id": an_id("of nobody")}],
    ids=["alone", "in a programme", "at a jornada", "by a referral"],
)
def test_three_hundred_invented_people_are_not_reached(reports: Reports, overrides: dict[str, Any]) -> None:
    assert reports.hear(*invented(300, **overrides), source=LIAR) == []
    assert reports.rows(report.who_does_what, *ROW) == [(LIAR, 0, 0, 0, 0, 0, 300)]


def test_invented_case_codes_are_not_reached_either(reports: Reports) -> None:
    cases = [
        delivered(number, "gbv.case_management", delivered_by=LIAR, **{**CASE, "case_code": f"GBV-{number:04}"})
        for number in range(300)
    ]
    reports.hear(*cases, source=LIAR)
    assert reports.rows(report.who_does_what, *ROW) == [(LIAR, 0, 0, 0, 0, 0, 300)]


@pytest.mark.parametrize(
    "known_by",
    [
        [profiled("ana")],
        [in_need("ana")],
        [stepped("ana")],
        [jornada("soledad"), attended("ana", "soledad")],
        [profiled("ana at iom"), identified("n", "ana", "ana at iom")],
        [profiled("ana"), erased("ana")],
        [erased("ana")],
    ],
    ids=["registered", "in need", "a step", "at a jornada", "linked", "erased since", "erased"],
)
@pytest.mark.parametrize("known_first", [True, False])
def test_who_is_known_is_reached_whichever_comes_first(
    reports: Reports, known_by: list[Any], known_first: bool
) -> None:
    words = [*known_by, says(delivered("ana"), source="redcross")]
    for word in words if known_first else reversed(words):
        reports.hear(word)
    assert reports.rows(report.who_does_what, "reached", "unconfirmed") == [(1, 0)]


@pytest.mark.parametrize(
    "unknown_by",
    [
        [attended("ana", "soledad")],  # at no jornada that there is
        [jornada("soledad"), attended("ana", "soledad", present=False)],
        [participation("ana"), placement("ana")],
        [identified("n", "ana", "luis")],
        [says(jornada("soledad", organiser=LIAR), source=LIAR), attended("ana", "soledad")],
    ],
    ids=["no jornada", "struck out", "takes part", "linked with nobody", "another's jornada"],
)
def test_who_is_not_known_to_intake_nor_at_a_jornada_is_not_reached(reports: Reports, unknown_by: list[Any]) -> None:
    reports.hear(*unknown_by)
    reports.hear(delivered("ana"), source="redcross")
    assert reports.rows(report.who_does_what, "reached", "unconfirmed") == [(0, 1)]


def test_a_case_is_reached_once_intake_holds_a_consent_of_it_given_to_this_organisation(reports: Reports) -> None:
    reports.hear(delivered("case", "gbv.case_management", **CASE), source="redcross")
    reports.hear(delivered("other", "gbv.case_management", delivered_by="iom", **CASE), source="iom")
    of_somebody = a_case(consent_id=uuid7(), person_id=an_id("luis"), case_code=None)
    reports.hear(a_case(), of_somebody)
    assert reports.rows(report.who_does_what, "organisation", "reached", "unconfirmed") == [
        ("iom", 0, "<5"),
        ("redcross", "<5", 0),
    ]


def test_the_unconfirmed_move_neither_the_pilots_figures_nor_needs(reports: Reports) -> None:
    need = "protection.documentation"
    reports.hear(*(profiled(one) for one in range(9)), *(participation(one) for one in range(9)))
    reports.hear(*(delivered(one, need, programme="employment_pilot") for one in range(9)), source="redcross")
    before = reports.counted("legal documentation")
    lies = [delivered(uuid7(), need, delivered_by=LIAR, programme="employment_pilot") for _ in range(20)]
    reports.hear(*lies, source=LIAR)
    assert reports.counted("legal documentation") == before == 9


# -- where and when nothing can be ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lie", "code"),
    [
        ({"zone": "99999"}, "zone_unknown"),
        ({"zone": "08000"}, "zone_unknown"),
        ({"delivered_at": datetime(2998, 5, 1, tzinfo=UTC)}, "said_in_the_future"),
        ({"delivered_at": TODAY + timedelta(hours=2)}, "said_in_the_future"),
        ({"delivered_at": datetime(2001, 5, 1, tzinfo=UTC)}, "too_long_ago"),
    ],
)
def test_nothing_is_delivered_nowhere_or_on_a_day_that_cannot_be(
    reports: Reports, lie: dict[str, Any], code: str
) -> None:
    reports.hear(profiled("ana"))
    assert reports.hear(delivered("ana", delivered_by=LIAR, **lie), source=LIAR) == [code]
    assert reports.tables()["delivery"] == []


@pytest.mark.parametrize(
    ("said", "source", "code"),
    [
        (published("a service", zones=("08001", "99999")), LIAR, "zone_unknown"),
        (jornada("soledad", organiser=LIAR, starts_at=datetime(2999, 1, 1, tzinfo=UTC)), LIAR, "too_far_ahead"),
        (placement("ana", organisation=LIAR, starts_on=datetime(2999, 1, 1, tzinfo=UTC).date()), LIAR, "too_far_ahead"),
    ],
)
def test_nothing_else_stands_nowhere_or_in_another_century(reports: Reports, said: Any, source: str, code: str) -> None:
    assert reports.hear(said, source=source) == [code]


def test_a_need_that_was_found_nowhere_stands_under_no_municipality(reports: Reports) -> None:
    reports.hear(in_need("ana", zone="99999"))
    assert reports.rows(report.needs_unmet, "adm2_code", "identified") == [("", 1)]


# -- under the ids of others ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "one by one"])
@pytest.mark.parametrize(
    "lie",
    [{"zones": ("08758",)}, {"need_codes": ("shelter.rent",)}, {"active": False}],
    ids=["where", "what", "no more"],
)
def test_a_service_under_anothers_id_is_not_kept(reports: Reports, lie: dict[str, Any], together: bool) -> None:
    later = HELD_AT + timedelta(days=1)
    words = [says(published("a service"), source="iom"), says(published("a service", **lie), source=LIAR, time=later)]
    refused = reports.hear(*words) if together else [code for one in words for code in reports.hear(one)]
    assert refused == ["service_of_another"]
    reports.hear(in_need("ana"))
    (kept,) = reports.tables()["service"]
    assert (kept["said_by"], kept["zones"], kept["active"]) == ("iom", ["08001"], True)
    assert reports.rows(report.needs_unmet, "services") == [(1,)]


def test_its_own_service_an_organisation_says_anew(reports: Reports) -> None:
    reports.hear(published("a service"), source="iom")
    reports.hear(published("a service", zones=("08758",)), source="iom", time=HELD_AT + timedelta(days=1))
    (kept,) = reports.tables()["service"]
    assert kept["zones"] == ["08758"]


OF_LIAR: dict[str, Any] = {"organisation": LIAR}


def test_a_step_with_anothers_person_is_kept_as_whose_word_it_is_and_counts_for_nobody(reports: Reports) -> None:
    reports.hear(profiled("ana"), stepped("ana", **OF_LIAR))
    assert reports.counted(REGISTERED) == 0
    assert [row["organisation"] for row in reports.tables()["etpv_step"]] == [LIAR]


def test_a_step_with_anothers_person_at_anothers_jornada_does_not_count_there(reports: Reports) -> None:
    reports.hear(jornada("soledad"), profiled("ana"), attended("ana", "soledad"))
    reports.hear(stepped("ana", jornada_id=an_id("soledad"), **OF_LIAR))
    assert (reports.counted(AT_EVENTS), reports.counted(REGISTERED)) == (0, 0)


def test_not_even_a_step_of_ones_own_person_counts_at_a_jornada_in_which_one_takes_no_part(reports: Reports) -> None:
    reports.hear(jornada("soledad"), profiled("ana", **OF_LIAR), attended("ana", "soledad"))
    reports.hear(says(jornada("soledad", organiser=LIAR), source=LIAR))  # under the true one's id
    reports.hear(stepped("ana", jornada_id=an_id("soledad"), **OF_LIAR))
    assert (reports.counted(AT_EVENTS), reports.counted(REGISTERED)) == (0, 1)


@pytest.mark.parametrize(
    "acquainted_by",
    [
        [profiled("ana", **OF_LIAR)],
        [profiled("ana"), profiled("ana at fuvadis", **OF_LIAR), identified("n", "ana", "ana at fuvadis")],
        [profiled("ana"), jornada("soledad"), attended("ana", "soledad", recorded_by=LIAR)],
        [profiled("ana"), says(referred("ana", "accepted", recipient=LIAR), number=2)],
    ],
    ids=["registered", "linked", "at a jornada", "referred"],
)
@pytest.mark.parametrize("step_first", [True, False])
def test_a_step_of_who_has_to_do_with_the_person_counts(
    reports: Reports, acquainted_by: list[Any], step_first: bool
) -> None:
    words = [*acquainted_by, stepped("ana", **OF_LIAR)]
    for word in reversed(words) if step_first else words:
        reports.hear(word)
    assert reports.counted(REGISTERED) == 1


@pytest.mark.parametrize("state", ["sent", "received", "declined", "expired"])
def test_whom_one_was_merely_asked_to_help_does_not_count(reports: Reports, state: str) -> None:
    reports.hear(profiled("ana"), says(referred("ana", state, recipient=LIAR), number=2), stepped("ana", **OF_LIAR))
    assert reports.counted(REGISTERED) == 0


def test_an_erased_persons_step_of_a_stranger_goes_on_counting_for_nobody(reports: Reports) -> None:
    reports.hear(profiled("ana"), stepped("ana", **OF_LIAR), erased("ana"))
    assert reports.counted(REGISTERED) == 0
