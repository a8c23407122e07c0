"""The matching is good enough on a seeded set of people, through the service; and the gate that says so would fail."""

import re
from collections.abc import Callable, Iterator

import pytest

from bench.matching import quality
from bench.matching.damage import RATES, make_registrations
from bench.matching.quality import Quality
from deploy.local import Stack
from messaging import database
from messaging.database import Connection
from services.intake.rules import matching, names
from services.intake.store import matching as store
from tests.services.conftest import SERVICES
from tests.services.databases import make_tables

PEOPLE, SEED = 2_000, 7

Fault = Callable[[pytest.MonkeyPatch], None]


@pytest.fixture
def intake_of_its_own(stack: Stack) -> Iterator[Connection]:
    """A database of intake in which there is nobody, and which keeps what the bench commits to itself."""
    url = stack.create_database("test_matching")
    make_tables(url, SERVICES / "intake")
    with database.connect(url) as connection:
        yield connection
    stack.drop_database("test_matching")


def measured(connection: Connection) -> Quality:
    return quality.measure(connection, make_registrations(PEOPLE, SEED))


def test_two_thousand_people_are_matched_as_well_as_promised(intake_of_its_own: Connection) -> None:
    found = measured(intake_of_its_own)
    assert found.true_pairs > 1_000
    assert found.recall >= quality.RECALL
    assert found.precision >= quality.PRECISION


def _no_names(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(matching, "compare_names", lambda one, other: None)


def _letters_only(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(names, "_alike", lambda one, other: False)


def _no_key_may_be_shared_by_three(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(store, "MOST_HOLDERS", 2)


def _nobody_is_unlikely(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(matching, "RELATIVES", 0)
    patch.setattr(matching, "PEOPLE", 1)


@pytest.mark.parametrize("plant", [_no_names, _letters_only, _no_key_may_be_shared_by_three, _nobody_is_unlikely])
def test_a_planted_fault_in_the_matching_is_caught(
    intake_of_its_own: Connection, monkeypatch: pytest.MonkeyPatch, plant: Fault
) -> None:
    plant(monkeypatch)
    assert not measured(intake_of_its_own).is_good_enough


def test_the_document_states_every_rate_of_damage() -> None:
    text = (SERVICES.parent / "docs" / "matching.md").read_text()
    stated = dict(re.findall(r"^\| ([^|]+?) \| ([\d.]+) % \|$", text, re.MULTILINE))
    assert {mistake: float(percent) for mistake, percent in stated.items()} == {
        mistake: pytest.approx(rate * 100) for mistake, rate in RATES.items()
    }
