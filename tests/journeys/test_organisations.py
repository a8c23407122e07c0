"""The organisations' own systems: what they are made of, and what they remember when they are killed."""

import ast
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from demo import fuvadis
from demo.partner_log import Attempt, Delivery, PartnerLog
from demo.plan import Plan, Step
from deploy.local.state import ROOT

OURS = {path.stem for path in ROOT.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
NUMBER_ONE = Delivery("m1", "referral.offered.v1", "r", 1, "cause", redelivered=False, at=1.0)
ATTEMPT = Attempt("000001", "m2", "referral.received.v1", "r", "digest", b"body", copies=1, at=2.0)


def imported_packages(source: str) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add("." if node.level else (node.module or "").partition(".")[0])
    return names


def test_one_organisation_uses_no_code_of_ours() -> None:
    used = imported_packages((ROOT / "demo" / "fuvadis.py").read_text())

    assert used & (OURS | {"."}) == set()
    assert used - set(sys.stdlib_module_names) == {"amqp", "joserfc", "jsonschema"}


def test_that_would_be_noticed() -> None:
    assert imported_packages("import contracts.codes") & OURS == {"contracts"}
    assert imported_packages("from demo import plan") & OURS == {"demo"}
    assert imported_packages("from . import plan") == {"."}


def test_the_others_use_the_contracts_and_nothing_of_the_hub() -> None:
    for module in (
        "partner.py",
        "partner_channel.py",
        "partner_log.py",
        "partner_http.py",
        "http_entrance.py",
        "plan.py",
    ):
        assert imported_packages((ROOT / "demo" / module).read_text()) & OURS <= {"contracts", "demo"}


@pytest.fixture
def log(tmp_path: Path) -> Iterator[PartnerLog]:
    with closing(PartnerLog(tmp_path / "log.sqlite")) as log:
        yield log


def test_what_was_not_confirmed_before_a_crash_is_sent_again_as_it_was(log: PartnerLog, tmp_path: Path) -> None:
    log.attempt([ATTEMPT])

    with closing(PartnerLog(tmp_path / "log.sqlite")) as after_the_crash:
        assert after_the_crash.resume() == [("000001", b"body")]


def test_what_was_confirmed_is_not_sent_again(log: PartnerLog) -> None:
    log.attempt([ATTEMPT])
    log.answer([("000001", 3.0, "confirmed", 1)])

    assert log.resume() == []
    assert log.answered_steps() == {"000001"}


def test_what_the_network_has_lost_is_sent_again_as_it_was_and_what_nobody_took_is_not_asked_for_twice(
    log: PartnerLog,
) -> None:
    log.attempt([ATTEMPT])
    known = [ATTEMPT.message_id or ""]
    assert log.say_again(known) == []  # it goes out anyway
    log.answer([("000001", 3.0, "confirmed", 1)])

    assert log.say_again([*known, "another's"]) == [("000001", b"body")]
    assert log.say_again(known) == []
    assert log.resume() == [("000001", b"body")]


def test_a_delivery_that_comes_again_is_logged_and_not_acted_upon(log: PartnerLog) -> None:
    assert log.take_in([NUMBER_ONE], []) == [NUMBER_ONE]
    assert log.take_in([NUMBER_ONE], []) == []
    assert log.numbers() == {("r", 1): "m1"}


def test_a_log_that_broke_off_in_the_middle_of_a_line_goes_on_before_it(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    with closing(fuvadis.Log(path)) as log:
        log.add({"step": "1", "state": "attempted", "publishes": 1})
    with path.open("ab") as torn:
        torn.write(b'{"step": "2", "sta')

    with closing(fuvadis.Log(path)) as log:
        log.add({"step": "3", "state": "attempted", "publishes": 1})
    with closing(fuvadis.Log(path)) as log:
        assert set(log.steps) == {"1", "3"}


@pytest.fixture
def steps() -> list[Step]:
    def step(name: str, after: tuple[str, int] | None, expects: tuple[str, int] | None, day: int = 1) -> Step:
        return {
            "step": name,
            "type": "t",
            "subject": "s",
            "data": {},
            "after": after,
            "expects": expects,
            "day": day,
            "copies": 1,
        }

    return [
        step("open 1", None, ("r1", 1)),
        step("open 2", None, ("r2", 1)),
        step("answer", ("r1", 1), None),
        step("tomorrow", ("r1", 2), None, day=2),
    ]


def test_a_plan_opens_only_so_many_referrals_at_once(steps: list[Step]) -> None:
    plan = Plan(steps, window=1)
    plan.begin(set(), set())

    assert [step["step"] for step in plan.take_due(10)] == ["open 1"]
    assert plan.take_due(10) == []
    plan.saw(("r1", 1))
    assert [step["step"] for step in plan.take_due(10)] == ["answer", "open 2"]


def test_a_plan_taken_up_again_goes_on_where_it_was_left(steps: list[Step]) -> None:
    plan = Plan(steps, window=1)
    plan.begin({"open 1"}, {("r1", 1)})

    assert [step["step"] for step in plan.take_due(10)] == ["answer", "open 2"]


def test_what_is_planned_for_tomorrow_waits_for_it(steps: list[Step]) -> None:
    plan = Plan(steps, window=5)
    plan.begin({"open 1", "open 2", "answer"}, {("r1", 1), ("r1", 2), ("r2", 1)})

    assert (plan.take_due(10), plan.due) == ([], 0)
    plan.turn_to(2)
    assert [step["step"] for step in plan.take_due(10)] == ["tomorrow"]
