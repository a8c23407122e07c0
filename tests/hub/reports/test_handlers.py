"""What the service does with each kind of fact: kept, repeated, older, or another's."""

import inspect
import re
from typing import Any

import pytest

import contracts
from contracts import codes
from hub.reports.service import ReportsService
from messaging import topology
from tests.examples_reports import (
    a_case,
    attended,
    delivered,
    employer,
    entrepreneur,
    identified,
    in_need,
    jornada,
    participation,
    placement,
    profiled,
    published,
    referred,
    route,
    says,
    stepped,
)
from tests.hub.reports.conftest import FOLDER, Reports

LATER = says(stepped("x")).time.replace(year=2022)

# Of these the first word holds.
FIRST_WORD = ("delivery", "known_case")

# Each fact, who says it, and a newer word on the same thing.
FACTS: dict[str, tuple[Any, str, Any]] = {
    "person": (profiled("ana"), "hub", profiled("ana", birth_year=1992, registered_at=LATER)),
    "network_identity": (identified("n", "ana", "luis"), "hub", identified("n", "ana", "eva")),
    "known_case": (a_case(), "hub", a_case(case_code="GBV-0002")),
    "etpv_step": (stepped("ana"), "hub", stepped("ana", taken_at=LATER)),
    "route": (route("a household"), "hub", route("a household", state=codes.RouteState.PLANNED)),
    "jornada": (jornada("soledad"), "barranquilla", jornada("soledad", state=codes.JornadaState.CANCELLED)),
    "attendance": (attended("ana", "soledad"), "barranquilla", attended("ana", "soledad", present=False)),
    "delivery": (delivered("ana"), "redcross", delivered("ana", delivered_at=LATER)),
    "need": (in_need("ana"), "hub", in_need("ana", zone="08758")),
    "service": (published("a service"), "iom", published("a service", active=False)),
    "referral": (referred("ana"), "hub", referred("ana", "received")),
    "employer": (employer("a café"), "barranquilla", employer("a café", programmes=("cafes_por_la_integracion",))),
    "participation": (participation("ana"), "barranquilla", participation("ana", programme="another")),
    "placement": (placement("ana"), "barranquilla", placement("ana", starts_on=LATER.date())),
    "entrepreneur": (entrepreneur("ana"), "oportunidades", entrepreneur("ana", mentored=False)),
}


# Of these there is one word: intake's, or of whoever published it first.
ONE_VOICE = ("person", "network_identity", "known_case", "service")


@pytest.mark.parametrize("table", FACTS)
def test_a_fact_is_kept_and_said_again_changes_nothing(reports: Reports, table: str) -> None:
    fact, source, _ = FACTS[table]
    message = says(fact, source=source)
    assert reports.hear(message) == []
    kept = reports.tables()
    assert len(kept[table]) == 1
    reports.hear(message)
    reports.hear(says(fact, source=source))
    without_ids = [{**row, "message_id": None} for row in kept[table]]
    times = {"published_at": None} if table == "service" else {}
    assert [{**row, "message_id": None} | times for row in reports.tables()[table]] == [
        row | times for row in without_ids
    ]


def test_of_a_delivery_the_first_word_holds_until_it_is_struck_out(reports: Reports) -> None:
    first, source, other = FACTS["delivery"]
    reports.hear(first, source=source)
    kept = reports.tables()["delivery"]
    reports.hear(other, source=source, time=LATER)
    assert reports.tables()["delivery"] == kept


@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "one by one"])
@pytest.mark.parametrize("table", [table for table in FACTS if table not in FIRST_WORD])
def test_the_newest_word_is_kept_when_the_older_comes_after_it(reports: Reports, table: str, together: bool) -> None:
    older, source, newer = FACTS[table]
    words = [says(older, source=source), says(newer, source=source, number=2, time=LATER)]
    reports.hear(words[1])
    (kept,) = reports.tables()[table]
    for batch in [reversed(words)] if together else [words[1:], words[:1]]:
        reports.hear(*(one.model_copy(update={"correlationid": None}) for one in batch))
    assert reports.tables()[table] == [kept]


@pytest.mark.parametrize("table", [table for table in FACTS if table not in FIRST_WORD])
def test_a_newer_word_replaces_the_older(reports: Reports, table: str) -> None:
    older, source, newer = FACTS[table]
    reports.hear(older, source=source)
    (before,) = reports.tables()[table]
    reports.hear(newer, source=source, number=2, time=LATER)
    (after,) = reports.tables()[table]
    assert {**before, "message_id": None} != {**after, "message_id": None}


@pytest.mark.parametrize("stranger_first", [True, False])
@pytest.mark.parametrize("table", [table for table in FACTS if table not in ONE_VOICE])
def test_a_strangers_word_under_the_same_id_neither_hides_nor_changes_the_true_one(
    reports: Reports, table: str, stranger_first: bool
) -> None:
    """By whichever way a stranger's word might come through; the gateway lets only some of these through at all."""
    true, source, other = FACTS[table]
    stranger = "hub" if source != "hub" else "fuvadis"
    words = [says(true, source=source), says(other, source=stranger, number=2, time=LATER)]
    for word in reversed(words) if stranger_first else words:
        reports.hear(word)
    kept = {row["said_by"]: row for row in reports.tables()[table]}
    reports.hear(words[0])
    assert set(kept) == {source, stranger}
    assert {row["said_by"]: row for row in reports.tables()[table]} == kept
    assert kept[source].get("sequence", 1) == 1


def test_of_a_confidential_case_not_even_its_code_is_kept(reports: Reports) -> None:
    case = {"person_id": None, "case_code": "GBV-0001"}
    first = delivered("case", "gbv.case_management", **case)
    reports.hear(first, delivered("case", "gbv.clinical_care", **case), source="redcross")
    reports.hear(delivered("other", "gbv.safe_house", delivered_by="iom", **case), source="iom")
    assert "GBV-0001" not in str(reports.tables())
    people = [row["person_id"] for row in reports.tables()["delivery"]]
    assert len(set(people)) == 2  # the code means one person to the Red Cross and another to the IOM


def test_nothing_that_names_anybody_has_a_place_in_the_tables(reports: Reports) -> None:
    reports.hear(*(fact for fact, _, _ in FACTS.values()), delivered("ana"), source="hub")
    names = {column for rows in reports.tables().values() for row in rows for column in row}
    of_people = {"person_id", "person_ids", "network_id", "registered_at", "sex", "birth_year", "erased_at"}
    assert of_people <= names
    assert names.isdisjoint({"given_names", "family_names", "phone", "address", "birth_date", "nationality", "number"})


# -- the page against the code ----------------------------------------------------------------------------------------


def handled() -> set[str]:
    methods = [method for _, method in inspect.getmembers(ReportsService) if hasattr(method, "handles")]
    return {contracts.contract_of(method.handles).name for method in methods}


def test_the_readme_and_the_broker_name_exactly_what_the_service_consumes() -> None:
    (body,) = re.findall(r"^## Consumes\n(.*?)^## ", (FOLDER / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    assert set(re.findall(r"^\| `([a-z_.]+)`", body, re.MULTILINE)) == handled()
    assert set(topology.read().services["reports"].reads) == handled()


def test_every_kind_of_fact_has_its_test() -> None:
    """What replaces no older word is tested where it is counted."""
    tested = {contracts.contract_of(fact).name for fact, _, _ in FACTS.values()}
    added = {
        "person.erased",
        "service.delivery_struck_out",
        "etpv.step_unrecorded",
        "referral.noted",
        "console.was_away",
    }
    assert tested | added == handled()
