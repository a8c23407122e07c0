"""A fault under load: what is found of it is true, and the network survives those of the suite."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from chaos import running, table
from chaos.faults import FAULTS, Fault
from chaos.place import Place, on_embedded_servers
from chaos.running import LATE, Outcome, Trial, healed_after
from deploy.local.problems import Found
from tests.directories import directory


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    """A network of its own, for what happens to it no other test should see."""
    with directory("chaos") as home, on_embedded_servers(home) as place:
        yield place


@pytest.fixture(scope="module")
def trial(place: Place) -> Trial:
    return Trial(place)


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault.short], ids=lambda fault: fault.name)
def test_a_fault_under_load_loses_nothing_does_nothing_twice_and_is_told(trial: Trial, fault: Fault) -> None:
    outcome = trial.of(fault, seed=FAULTS.index(fault))

    assert (outcome.lost, outcome.twice, outcome.reordered) == (0, 0, 0), outcome.findings
    assert outcome.healed_s is not None
    assert outcome.seen_s is not None


def test_a_message_that_the_network_loses_is_seen(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "STUCK_AFTER", 10.0)  # seconds: nothing moves any more, and nothing shall

    def purge(place: Place) -> None:
        place.ground.network["referrals"].stop()
        queue = "queues/hub/referrals"
        while not place.management.get(queue).get("messages"):
            pass
        place.management.delete(f"{queue}/contents")
        place.ground.network["referrals"].start()

    outcome = trial.of(Fault("purged", purge, ()), seed=1000)

    assert outcome.lost > 0
    assert outcome.healed_s is None


def test_a_fault_heals_when_the_last_that_it_held_up_has_arrived() -> None:
    before = [(float(second), second + 0.1) for second in range(90)]
    held_up = [(100.0 + n, 117.5) for n in range(10)]
    after = [(120.0 + n, 120.1 + n) for n in range(50)]

    assert healed_after(100.0, before + held_up + after) == 17.5
    assert healed_after(100.0, before + after) == 0.0


def test_what_was_as_slow_before_was_not_held_up() -> None:
    slow = 3 * LATE
    before = [(float(second), second + slow) for second in range(80)]

    assert healed_after(100.0, [*before, (101.0, 101.0 + 1.5 * slow)]) == 0.0
    assert healed_after(100.0, [*before, (101.0, 101.0 + 2.5 * slow)]) == round(1 + 2.5 * slow, 1)


def test_only_who_is_told_of_the_fault_itself_knows_it() -> None:
    fault = Fault("a queue deleted", lambda place: None, ("missing",), "referrals")

    assert fault.tells(Found("missing", "queue referrals (hub)", "", ""))
    assert not fault.tells(Found("missing", "queue events (hub)", "", ""))
    assert not fault.tells(Found("frozen", "referrals", "", ""))


def test_the_table_stands_in_its_place_in_the_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n\n{table.FROM}\nold\n{table.TO}\n\nafter\n")
    outcomes = [
        Outcome("one", 0, 0, 0, 0.0, 1.25),
        Outcome("two", 3, 1, 2, None, None, command="./ruta repair --yes"),
    ]

    table.write(outcomes, date(2026, 1, 2), page)
    table.write(outcomes, date(2026, 1, 2), page)

    assert page.read_text() == (
        f"before\n\n{table.FROM}\n\nMeasured on 2026-01-02, 2 faults:\n\n"
        "| fault | lost | twice | out of order | healed after | told after | healed by |\n"
        "|---|--:|--:|--:|--:|--:|---|\n"
        "| one | 0 | 0 | 0 | at once | 1.2 s | itself |\n"
        "| two | 3 | 1 | 2 | never | never | `./ruta repair --yes` |\n"
        f"\n{table.TO}\n\nafter\n"
    )


def test_no_two_faults_have_the_same_name_and_there_are_enough_of_them() -> None:
    names = [fault.name for fault in FAULTS]

    assert len(set(names)) == len(names) >= 20
    assert sum(fault.short for fault in FAULTS) >= 4


def test_every_fault_of_the_first_review_is_tried() -> None:
    assert {f"D{n}" for n in range(1, 8)} <= {mark for one in FAULTS for mark in _marks(one.name)}


def _marks(name: str) -> list[str]:
    return name.rpartition("(")[2].rstrip(")").split(", ")
