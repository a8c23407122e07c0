"""The four reports, read from the service's tables."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from contracts import codes, uuid7
from hub.reports import report
from hub.reports.rules.accountability import Figure
from hub.reports.rules.asked import Asked, WronglyAskedError
from tests.examples import was_away
from tests.examples_reports import (
    HELD_AT,
    an_id,
    attended,
    delivered,
    employer,
    entrepreneur,
    identified,
    in_need,
    jornada,
    noted,
    participation,
    placement,
    profiled,
    published,
    referred,
    route,
    says,
    stepped,
)
from tests.hub.reports.conftest import TODAY, Reports

HOUR = timedelta(hours=1)


# -- 5W ---------------------------------------------------------------------------------------------------------------


def test_a_row_says_who_what_where_when_and_for_whom(reports: Reports) -> None:
    reports.hear(jornada("Jornada en Soledad", "outreach_trip", zone="08758"))
    reports.hear(profiled("ana"), profiled("luis", sex=codes.Sex.MALE, birth_year=2004), profiled("eva", sex=None))
    at: dict[str, Any] = {"jornada_id": an_id("Jornada en Soledad"), "zone": "08758"}
    reports.hear(*(delivered(one, **at) for one in ("ana", "luis", "eva")), source="redcross")
    (row,) = reports.ask(report.who_does_what).rows
    assert row == (
        "redcross",
        "barranquilla",
        "health",
        "health.consultation",
        "outreach_trip",
        "Jornada en Soledad",
        "08",
        "Atlántico",
        "08758",
        "Soledad",
        "2021-05",
        "people reached, each once in a row",
        3,
        1,
        1,
        1,
        1,
        0,
    )


def test_who_serves_at_its_own_jornada_has_no_partner_and_a_programme_is_an_activity(reports: Reports) -> None:
    reports.hear(jornada("soledad", organiser="redcross"))
    reports.hear(delivered("ana", jornada_id=an_id("soledad")), source="redcross")
    reports.hear(delivered("luis", "education.training", programme="employment_pilot"), source="redcross")
    assert reports.rows(report.who_does_what, "partner", "activity", "jornada") == [
        (None, "employment_pilot", None),
        (None, "etpv_registration", "soledad"),
    ]


def test_a_month_is_colombias(reports: Reports) -> None:
    new_year = HELD_AT.replace(month=1, day=1, hour=4)
    reports.hear(profiled("ana"), profiled("luis"))
    reports.hear(delivered("ana", delivered_at=new_year), source="redcross")
    reports.hear(delivered("luis", delivered_at=new_year.replace(hour=5)), source="redcross")
    assert reports.rows(report.who_does_what, "month", "reached") == [("2020-12", 1), ("2021-01", 1)]


@pytest.mark.parametrize(
    ("asked", "months"),
    [
        ({}, ["2021-04", "2021-05", "2021-06"]),
        ({"from_month": "2021-05"}, ["2021-05", "2021-06"]),
        ({"from_month": "2021-04", "to_month": "2021-05"}, ["2021-04", "2021-05"]),
        ({"place": "08"}, ["2021-04", "2021-05"]),
        ({"place": "08001"}, ["2021-04"]),
        ({"place": "11"}, []),
    ],
)
def test_a_period_and_a_place_choose_rows(reports: Reports, asked: dict[str, str], months: list[str]) -> None:
    for month, zone in ((4, "08001"), (5, "08758"), (6, "13001")):
        reports.hear(delivered(month, delivered_at=HELD_AT.replace(month=month), zone=zone), source="redcross")
    assert [month for (month,) in reports.rows(report.who_does_what, "month", **asked)] == months


@pytest.mark.parametrize(
    "asked",
    [
        {"from_month": "2021-13"},
        {"to_month": "2021-05-15"},
        {"from_month": "2021-06", "to_month": "2021-05"},
        {"place": "8"},
        {"place": "0800"},
        {"place": "Barranquilla"},
    ],
)
def test_what_is_no_whole_month_and_no_place_is_not_reported_on(asked: dict[str, str]) -> None:
    with pytest.raises(WronglyAskedError):
        Asked(**asked)


def test_few_people_of_a_protection_sector_are_suppressed(reports: Reports) -> None:
    for number in range(7):
        sex = codes.Sex.FEMALE if number < 4 else codes.Sex.MALE
        reports.hear(profiled(number, sex=sex))
        reports.hear(delivered(number, "protection.legal_advice"), source="redcross")
        reports.hear(delivered(number, "food_security.hot_meal"), source="redcross")
    reports.hear(delivered(0, "child_protection.safe_space"), source="redcross")
    assert reports.rows(report.who_does_what, "need", "reached", "f", "m", "other", "children") == [
        ("child_protection.safe_space", "<5", "*", "*", "*", "*"),
        ("food_security.hot_meal", 7, 4, 3, 0, 0),
        ("protection.legal_advice", 7, "*", "*", "*", "*"),
    ]


# -- accountability ---------------------------------------------------------------------------------------------------


def everything() -> list[Any]:
    """A little of all that is counted."""
    return [
        jornada("trip", "outreach_trip"),
        jornada("trip in January", "outreach_trip", starts_at=HELD_AT.replace(month=1)),
        jornada("event"),
        attended("ana", "event"),
        stepped("ana", jornada_id=an_id("event")),
        stepped("luis"),
        profiled("ana"),
        profiled("luis"),
        participation("ana"),
        *(delivered(one, "education.training", programme="employment_pilot") for one in ("ana", "luis")),
        employer("a café"),
        employer("a shop", programmes=("another",)),
        entrepreneur("luis"),
        placement("ana"),
        route("a household"),
        route("another", state=codes.RouteState.PLANNED),
    ]


def test_the_report_counts_each_figure_and_says_which_differ(reports: Reports) -> None:
    reports.hear(*everything())
    result = reports.ask(report.accountability)
    assert [(one.figure.published, one.counted) for one in result.figures] == [
        (25, 1),
        (52, 1),
        (1744, 1),
        (24942, 2),
        (111, 1),
        (None, 1),
        *[(None, 0)] * 5,
        (200, 1),
        (286, 1),
        (None, 1),
        (None, 1),
    ]
    assert not result.equal
    assert {one.equal for one in result.figures} == {False, None}


def test_the_report_is_equal_when_every_published_figure_is_counted(
    reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = (
        Figure("trips", "jornadas", {"kind": "outreach_trip"}, "2021-02", "2021-12", "08001", published=1),
        Figure("registered", "people_registered", {}, None, "2022-12", "08001", published=2),
    )
    monkeypatch.setattr(report, "published", lambda: ("a test", figures))
    reports.hear(*everything())
    assert reports.ask(report.accountability).equal
    reports.hear(identified("n", "ana", "luis"))
    assert not reports.ask(report.accountability).equal


@pytest.mark.parametrize(
    ("asked", "how_many"),
    [
        ({}, (7, 8)),
        ({"from_month": "2021-01", "to_month": "2021-12"}, (1, 6)),
        ({"to_month": "2022-12"}, (2, 6)),
        ({"place": "08"}, (7, 5)),
    ],
)
def test_a_period_and_a_place_choose_figures_and_it_is_said_which_are_left_out(
    reports: Reports, asked: dict[str, str], how_many: tuple[int, int]
) -> None:
    """Published ones are of the period and place; the others are those that can be counted for them."""
    result = reports.ask(report.accountability, **asked)
    published = [one.figure.published is not None for one in result.figures]
    assert (published.count(True), published.count(False)) == how_many
    assert len(result.left_out) == 15 - sum(how_many)
    notes = " ".join(result.sheet().notes)
    assert all(label in notes for label in result.left_out)
    assert ("Left out" in notes) == bool(result.left_out)


@pytest.mark.parametrize(
    "asked", [{"place": "05"}, {"from_month": "2021-03"}, {"to_month": "2021-11"}, {"from_month": "2025-01"}]
)
def test_a_period_or_place_that_no_published_figure_is_of_is_refused(reports: Reports, asked: dict[str, str]) -> None:
    with pytest.raises(WronglyAskedError):
        reports.ask(report.accountability, **asked)


def test_what_was_published_is_counted_as_published_whatever_is_asked(reports: Reports) -> None:
    reports.hear(*everything())
    reports.hear(jornada("next year", "outreach_trip", starts_at=HELD_AT.replace(year=2022)))
    asked = reports.ask(report.accountability, from_month="2021-01", to_month="2022-12")
    assert [one.counted for one in asked.figures if one.figure.count == "jornadas"] == [1]


def test_what_was_not_published_is_counted_for_the_period_and_place(reports: Reports) -> None:
    pilot: dict[str, Any] = {"programme": "employment_pilot"}
    people = {"ana": (2021, "08001"), "luis": (2021, "08758"), "eva": (2022, "08001")}
    for person, (year, zone) in people.items():
        reports.hear(profiled(person), participation(person), placement(person, starts_on=HELD_AT.date().replace(year)))
        reports.hear(
            delivered(person, "education.training", zone=zone, delivered_at=HELD_AT.replace(year), **pilot),
            source="redcross",
        )

    def counted(**asked: str) -> tuple[Any, Any]:
        by_count = {one.figure.label: one.counted for one in reports.ask(report.accountability, **asked).figures}
        return by_count.get("… who received vocational training"), by_count.get(
            "People who found work through the network"
        )

    assert counted() == (3, 3)
    assert counted(from_month="2021-01", to_month="2021-12") == (2, 2)
    assert counted(place="08001") == (2, None)
    assert counted(from_month="2021-01", to_month="2021-12", place="08001") == (1, None)


def test_a_protection_sectors_figure_is_counted_for_no_other_period_or_place(reports: Reports) -> None:
    for asked in ({"to_month": "2022-12"}, {"place": "08001"}):
        assert "… legal documentation" in reports.ask(report.accountability, **asked).left_out


def test_who_is_no_participant_cannot_be_told_from_the_pilots_protection_figure(reports: Reports) -> None:
    """Ten in the 5W sheet, nine in the pilot: one would not be in it."""
    reports.hear(*(profiled(one) for one in range(10)), *(participation(one) for one in range(9)))
    pilot = {"need": "protection.documentation", "programme": "employment_pilot"}
    reports.hear(*(delivered(one, **pilot) for one in range(9)), source="redcross")
    assert reports.counted("legal documentation") == 9
    reports.hear(delivered(9, **pilot), source="redcross")
    assert reports.rows(report.who_does_what, "reached") == [(10,)]
    assert reports.counted("legal documentation") == "*"


def test_what_is_not_shown_month_by_month_is_not_in_the_pilots_sum_either(reports: Reports) -> None:
    pilot = {"need": "protection.documentation", "programme": "employment_pilot"}
    for number in range(8):
        month = 5 if number < 6 else 6
        reports.hear(profiled(number), participation(number))
        reports.hear(delivered(number, delivered_at=HELD_AT.replace(month=month), **pilot), source="redcross")
    assert reports.rows(report.who_does_what, "month", "reached") == [("2021-05", 6), ("2021-06", "<5")]
    assert reports.counted("legal documentation") == "≥6"


# -- partners ---------------------------------------------------------------------------------------------------------


def steps(person: object, *states: tuple[str, int], **overrides: Any) -> list[Any]:
    """What is recorded of a referral that reaches each state so many hours after it was sent."""
    overrides = {"answer_by": HELD_AT + 14 * 24 * HOUR, **overrides}
    return [
        says(referred(person, state, changed_at=HELD_AT + hours * HOUR, **overrides), number=number)
        for number, (state, hours) in enumerate(states, 1)
    ]


PARTNER = ("organisation", "sent", "answered", "accepted", "acceptance_rate", "unanswered", "overdue", "expired")


def test_how_an_organisation_answers_and_how_long_that_takes(reports: Reports) -> None:
    reports.hear(
        *steps("ana", ("sent", 0), ("received", 1), ("accepted", 5), ("in_service", 24), ("completed", 48)),
        *steps("luis", ("sent", 0), ("received", 3), ("declined", 10)),
        *steps("eva", ("sent", 0), ("received", 2)),
        *steps("rosa", ("sent", 0), ("expired", 72)),
        *steps("in error", ("sent", 0), ("entered_in_error", 1)),
    )
    assert reports.rows(report.partner_performance, *PARTNER) == [("iom", 4, 2, 1, 50.0, 1, 1, 1)]
    assert reports.rows(
        report.partner_performance, "receipt_p50", "receipt_p90", "answer_p50", "answer_p90", "service_p50", "withheld"
    ) == [(2.0, 3.0, 5.0, 10.0, 24.0, None)]


def test_steps_in_any_order_give_the_same_times(reports: Reports) -> None:
    said = steps("ana", ("sent", 0), ("received", 1), ("accepted", 5), ("completed", 48))
    for one in reversed(said):
        reports.hear(one)
    assert reports.rows(report.partner_performance, "accepted", "receipt_p50", "answer_p50", "service_p50") == [
        (1, 1.0, 5.0, 48.0)
    ]


@pytest.mark.parametrize(
    ("state", "answer_by", "overdue"),
    [
        ("received", TODAY + HOUR, 0),
        ("received", TODAY - HOUR, 1),
        ("sent", TODAY - HOUR, 1),
        ("info_requested", TODAY - HOUR, 0),  # the sender owes something
        ("accepted", TODAY - HOUR, 0),
        ("received", None, 0),  # never said
    ],
)
def test_a_referral_is_overdue_when_its_own_deadline_has_passed_whatever_its_urgency(
    reports: Reports, state: str, answer_by: datetime | None, overdue: int
) -> None:
    """The sender may have asked for an earlier answer than the urgency allows."""
    number = 2 if state == "accepted" else 1
    for urgency in codes.Urgency:
        reports.hear(referred(urgency, state, urgency=urgency, answer_by=answer_by), number=number)
    late = [one for (one,) in reports.rows(report.partner_performance, "overdue")]
    assert late == [3 * overdue]


def test_a_shorter_answer_by_is_counted_and_one_put_off_by_a_question_as_well(reports: Reports) -> None:
    early, put_off = TODAY - HOUR, TODAY + HOUR
    reports.hear(referred("ana", "received", sent_at=TODAY - 2 * HOUR, answer_by=early))
    assert reports.rows(report.partner_performance, "overdue") == [(1,)]
    reports.hear(referred("ana", "received", sent_at=TODAY - 2 * HOUR, answer_by=put_off), number=2)
    assert reports.rows(report.partner_performance, "overdue") == [(0,)]


@pytest.mark.parametrize("state", ["sent", "received", "waitlisted", "cancel_requested"])
def test_a_referral_counts_once_as_escalated_however_often_coordinators_were_told(reports: Reports, state: str) -> None:
    reports.hear(*(referred(one, "received") for one in ("ana", "luis")))
    reports.hear(noted("ana", state=state), noted("ana", state=state, noted_at=HELD_AT + HOUR))
    assert reports.rows(report.partner_performance, "organisation", "sent", "escalated") == [("iom", 2, 1)]


@pytest.mark.parametrize("told_first", [True, False])
def test_what_falls_due_while_the_console_is_away_is_not_counted_against_who_has_nothing_else(
    reports: Reports, told_first: bool
) -> None:
    """From two hours ago to one hour ago: what was to be answered then, or within an hour of it, counts from now on."""
    sent_at, meanwhile = TODAY - 24 * HOUR, TODAY - 1.5 * HOUR
    absence = was_away(organisations=("iom",), began_at=TODAY - 2 * HOUR, ended_at=TODAY - HOUR)
    said: list[Any] = []
    for recipient in ("iom", "fuvadis"):
        about: dict[str, Any] = {"recipient": recipient, "sent_at": sent_at, "changed_at": meanwhile}
        said += [
            referred((recipient, "late"), "received", answer_by=meanwhile, **about),
            referred((recipient, "late before"), "received", answer_by=TODAY - 3 * HOUR, **about),
            referred((recipient, "ended"), "expired", answer_by=meanwhile, **about),
            referred((recipient, "escalated"), "received", answer_by=TODAY + HOUR, **about),
            noted((recipient, "escalated"), noted_at=meanwhile),
        ]
    again = absence.model_copy(update={"absence_id": uuid7()})
    reports.hear(*([absence, again, *said] if told_first else [*said, absence, again]))
    columns = ("organisation", "sent", "unanswered", "overdue", "expired", "escalated")
    assert reports.rows(report.partner_performance, *columns) == [
        ("fuvadis", 4, 3, 2, 1, 1),
        ("iom", 4, 3, 1, 0, 0),
    ]
    assert len(reports.tables()["away"]) == 1


@pytest.mark.parametrize(
    "times",
    [
        {"began_at": TODAY - HOUR, "ended_at": TODAY - 2 * HOUR},
        {"began_at": TODAY - 32 * 24 * HOUR, "ended_at": TODAY},
        {"began_at": TODAY - HOUR, "ended_at": TODAY + 2 * HOUR},
    ],
    ids=["from after to", "longer than a month", "not over"],
)
def test_an_absence_that_cannot_be_is_not_kept(reports: Reports, times: dict[str, datetime]) -> None:
    reports.hear(was_away(organisations=("iom",), **times))
    assert reports.tables()["away"] == []


@pytest.mark.parametrize(
    ("what", "state"),
    [("escalated", "info_requested"), ("escalated", "consent_withdrawn"), ("escalated", "declined")]
    + [(what.value, "received") for what in codes.ReferralEvent if what != "escalated"],
)
def test_what_the_sender_owes_or_is_no_escalation_is_not_counted_against_the_recipient(
    reports: Reports, what: str, state: str
) -> None:
    reports.hear(referred("ana", "received"))
    reports.hear(noted("ana", what, state))
    assert reports.rows(report.partner_performance, "escalated") == [(0,)]


def test_few_referrals_of_a_protection_sector_are_left_out_and_that_is_said(reports: Reports) -> None:
    reports.hear(*(referred(one, "accepted") for one in range(2)))
    reports.hear(*(referred(one, "accepted", "protection.legal_advice") for one in range(4)))
    assert reports.rows(report.partner_performance, "organisation", "sent", "withheld") == [("iom", 2, "*")]
    reports.hear(referred(4, "accepted", "protection.legal_advice"))
    assert reports.rows(report.partner_performance, "organisation", "sent", "withheld") == [("iom", 7, None)]


# -- unmet needs ------------------------------------------------------------------------------------------------------

NEEDS = ("adm2_code", "need", "services", "identified", "referred", "met", "waiting", "unmet")


def test_needs_by_zone_and_what_came_of_them(reports: Reports) -> None:
    reports.hear(
        *(in_need(one) for one in ("met", "waiting", "declined", "never referred", "served there")),
        in_need("elsewhere", zone="08758"),
        referred("met", "closed", outcome=codes.Outcome.NEED_MET),
        referred("waiting", "received"),
        referred("declined", "declined"),
        delivered("served there"),
        published("a service"),
        published("another", zones=("08001", "08758"), active=False),
    )
    assert reports.rows(report.needs_unmet, *NEEDS) == [
        ("08001", "health.consultation", 1, 5, 3, 2, 1, 2),
        ("08758", "health.consultation", 0, 1, 0, 0, 0, 1),
    ]


def test_a_need_that_three_organisations_found_in_one_person_counts_once_where_it_was_first_found(
    reports: Reports,
) -> None:
    reports.hear(
        in_need("ana", identified_at=HELD_AT.replace(month=4)),
        in_need("ana at iom", zone="08758"),
        in_need("ana at fuvadis"),
        identified("n", "ana", "ana at iom", "ana at fuvadis"),
        referred("ana at fuvadis", "completed", outcome=codes.Outcome.NEED_MET),
    )
    assert reports.rows(report.needs_unmet, *NEEDS) == [("08001", "health.consultation", 0, 1, 1, 1, 0, 0)]
    assert reports.rows(report.needs_unmet, *NEEDS, from_month="2021-05") == []


def test_a_service_received_before_the_need_was_found_does_not_meet_it(reports: Reports) -> None:
    reports.hear(in_need("ana"), delivered("ana", delivered_at=HELD_AT - timedelta(days=1)))
    assert reports.rows(report.needs_unmet, "met", "unmet") == [(0, 1)]


def test_needs_that_were_met_do_not_tell_what_the_5w_sheet_keeps_to_itself(reports: Reports) -> None:
    """Eight needs met, beside two rows of less than five people each: there would have been four in both."""
    need = "protection.legal_advice"
    reports.hear(jornada("soledad"), jornada("malambo"), *(in_need(one, need) for one in range(8)))
    served = [
        delivered(one, need, jornada_id=an_id("soledad" if one < 4 else "malambo"), delivered_by="barranquilla")
        for one in range(8)
    ]
    reports.hear(*served, source="barranquilla")
    assert reports.rows(report.who_does_what, "reached") == [("<5",), ("<5",)]
    assert reports.rows(report.needs_unmet, "identified", "met", "unmet") == [(8, 0, 8)]
    shown = [one.model_copy(update={"delivery_id": an_id(one.delivery_id), "jornada_id": None}) for one in served]
    reports.hear(*shown, source="barranquilla")
    assert reports.rows(report.who_does_what, "reached") == [("<5",), ("<5",), (8,)]
    assert reports.rows(report.needs_unmet, "identified", "met", "unmet") == [(8, 8, 0)]


def test_a_referral_without_its_needs_id_is_of_the_persons_need(reports: Reports) -> None:
    reports.hear(in_need("ana"), referred("ana at iom", need_id=None), identified("n", "ana", "ana at iom"))
    assert reports.rows(report.needs_unmet, "referred", "waiting") == [(1, 1)]


def test_confidential_needs_are_counted_and_nothing_else_is_said_of_them(reports: Reports) -> None:
    reports.hear(*(in_need(one, "gbv.case_management", person_id=None) for one in range(6)))
    reports.hear(in_need("child", "child_protection.case_management"))
    assert reports.rows(report.needs_unmet, "need", "identified", "referred", "met") == [
        ("child_protection.case_management", "<5", "*", "*"),
        ("gbv.case_management", 6, "*", "*"),
    ]
