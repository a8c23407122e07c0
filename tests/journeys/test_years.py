"""The published years, a twentieth of them: counted from single messages, with three processes killed on the way."""

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from demo.accounts import Said, Told
from demo.evidence import OwnLog
from demo.years.main import SMALL
from demo.years.reckoning import Book, reckon
from demo.years.totals import PUBLISHED
from deploy.local.state import ROOT
from messaging import topology
from tests.directories import make_directory

RUN_WITHIN = 900  # seconds


@dataclass(frozen=True)
class Run:
    """Years that have been."""

    exit_code: int
    output: str
    told: dict[str, Any]
    environment: dict[str, str]


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    state = make_directory("years")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RUTA_")}
    environment |= {"RUTA_STATE": str(state), "PYTHONPATH": str(ROOT)}
    years = subprocess.run(
        [sys.executable, "-P", "-m", "demo", "--once", "--small", "--json", str(state / "told.json")],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=RUN_WITHIN,
        check=False,
    )
    assert (state / "told.json").exists(), years.stdout
    yield Run(years.returncode, years.stdout, json.loads((state / "told.json").read_text()), environment)
    shutil.rmtree(state)


def test_every_figure_is_what_single_messages_come_to(run: Run) -> None:
    assert run.exit_code == 0, run.output
    small = vars(PUBLISHED.part(SMALL)).values()
    compared = [figure for figure in run.told["accountability"] if figure["published"] is not None]

    assert [figure["counted"] for figure in compared] == list(small)


def test_the_report_prints_these_figures_again_when_the_demo_is_over(run: Run) -> None:
    command = [sys.executable, "-P", "-m", "deploy.local", "report", "accountability", "--format", "json"]
    ran = subprocess.run(command, cwd=ROOT, env=run.environment, capture_output=True, text=True, timeout=120)
    # For programs a count that is withheld is nothing, and what people see of it stands beside.
    assert [row["counted"] for row in json.loads(ran.stdout)["rows"]] == [
        figure["counted"] if isinstance(figure["counted"], int) else None for figure in run.told["accountability"]
    ]
    assert "/demo, which ran last" in ran.stderr


def test_nothing_is_lost_or_done_twice_though_processes_are_killed_on_the_way(run: Run) -> None:
    for killed in ("gateway-http", "courier", "intake"):
        assert f"kill -9: the hub's {killed}, when" in run.output
    assert (run.told["lost"], run.told["applied_twice"], run.told["untrue"]) == (0, 0, 0), run.output
    assert run.told["messages"]["quarantined"] == run.told["messages"]["waiting"] == 0
    assert run.told["messages"]["applied"] > 4000


def test_most_people_who_were_registered_twice_are_found_by_the_network(run: Run) -> None:
    linked, by_hand = run.told["matches"]["linked on a proposal"], run.told["matches"]["linked by hand"]

    assert linked > 40
    assert linked / (linked + by_hand) >= 0.9


def test_a_referral_leads_to_work_and_the_households_route_to_its_end(run: Run) -> None:
    counted = {figure["figure"]: figure["counted"] for figure in run.told["accountability"]}

    from_trips = run.told["referrals"]["closed"] - 4
    assert run.told["referrals"].keys() == {"closed"}
    assert from_trips > 0
    assert counted["Households that graduated from the integration route"] == 4


# -- the reckoning finds what is planted ------------------------------------------------------------------------------

MESSAGE, FACT = "a message of the Red Cross", "a fact of intake"


def books(**changes: Any) -> list[Book]:
    intake = Book("intake", Counter({MESSAGE: 1}), [("person.profiled.v1", FACT)], {}, tallies(applied=1))
    reports = Book("reports", Counter({FACT: 1}), [], {}, tallies(applied=1))
    return [replace(intake, **changes.get("intake", {})), replace(reports, **changes.get("reports", {}))]


def tallies(**given: int) -> dict[str, int]:
    return {"redelivered": 0, "repeated": 0, "applied": 0, "refused": 0} | given


def told(state: str = "applied") -> Told:
    return Told((Said("redcross", MESSAGE, "intake", state),))


def a_log(state: str = "confirmed") -> OwnLog:
    row = {
        "step": "1",
        "message_id": MESSAGE,
        "kind": "person.registered.v1",
        "state": state,
        "confirms": 1,
        "sha256": "",
    }
    return OwnLog("redcross", sent=[row])


def test_books_that_agree_are_good() -> None:
    assert reckon([a_log()], books(), told(), topology.read()).good


@pytest.mark.parametrize(
    "planted",
    [
        {"intake": {"taken_in": Counter()}},  # never arrived
        {"reports": {"taken_in": Counter()}},  # a fact that one service wrote and another never took in
    ],
)
def test_a_message_that_arrived_nowhere_is_lost(planted: dict[str, Any]) -> None:
    verdict = reckon([a_log()], books(**planted), told(), topology.read())
    assert len(verdict.lost) == 1
    assert len(verdict.untrue) == ("intake" in planted)  # where it is told to be applied all the same


@pytest.mark.parametrize(
    ("planted", "found"), [(Told(), "lost"), (told("quarantined"), "untrue"), (told("handed_to"), "untrue")]
)
def test_an_outcome_that_is_not_told_or_not_so_is_found(planted: Told, found: str) -> None:
    verdict = reckon([a_log()], books(), planted, topology.read())
    assert not verdict.good
    assert len(getattr(verdict, found)) == 1


def test_a_message_without_the_brokers_word_is_lost() -> None:
    assert reckon([a_log("unknown")], books(), told(), topology.read()).lost


def test_more_outcomes_than_messages_are_found() -> None:
    twice = books(intake={"tallies": tallies(applied=2)})
    assert reckon([a_log()], twice, told(), topology.read()).applied_twice
