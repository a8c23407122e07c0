"""A released contract only grows: each kind of break is named, and what is harmless passes."""

import copy
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contracts import CONTRACTS
from contracts.__main__ import find_breaks, find_stale
from contracts.compatibility import breaks
from contracts.schemas import FOLDER, Schema, current_schemas, released_schemas

PACKAGE = Path(__file__).parents[2] / "contracts"

RELEASED: Schema = {
    "$defs": {
        "Colour": {"enum": ["red", "green"], "type": "string"},
        "Visit": {
            "properties": {
                "day": {"type": "string", "format": "date"},
                "colour": {"$ref": "#/$defs/Colour"},
                "note": {"anyOf": [{"type": "string", "maxLength": 10}, {"type": "null"}], "default": None},
                "count": {"type": "integer", "minimum": 1, "maximum": 9},
                "codes": {"type": "array", "items": {"type": "string", "pattern": "^a"}, "maxItems": 5, "default": []},
                "kind": {"const": "visit", "type": "string"},
            },
            "required": ["day", "colour", "kind"],
            "oneOf": [{"required": ["day"]}],
            "type": "object",
        },
    },
    "properties": {"data": {"$ref": "#/$defs/Visit"}},
    "required": ["data"],
    "type": "object",
}

Change = Callable[[dict[str, Any], dict[str, Any]], Any]
"""Changes a copy of RELEASED; is given the definition of Visit and all definitions."""


def _rename(visit: dict[str, Any], definitions: dict[str, Any]) -> None:
    visit["properties"]["date"] = visit["properties"].pop("day")
    visit["required"][0] = "date"


def _inline(visit: dict[str, Any], definitions: dict[str, Any]) -> None:
    visit["properties"]["colour"] = definitions.pop("Colour")


NARROWING: dict[str, tuple[Change, str]] = {
    "a field removed": (lambda v, d: v["properties"].pop("count"), "data.count: removed"),
    "a field renamed": (_rename, "data.day: renamed to date"),
    "a field newly required": (lambda v, d: v["required"].append("count"), "data.count: now required"),
    "a new field that is required": (
        lambda v, d: (v["properties"].update(new={"type": "string"}), v["required"].append("new")),
        "data.new: now required",
    ),
    "another type": (
        lambda v, d: v["properties"]["count"].update(type="string"),
        "data.count: type changed from integer to string",
    ),
    "a shorter text": (
        lambda v, d: v["properties"]["note"]["anyOf"][0].update(maxLength=9),
        "data.note: maxLength changed from 10 to 9",
    ),
    "a smaller range": (
        lambda v, d: v["properties"]["count"].update(minimum=2),
        "data.count: minimum changed from 1 to 2",
    ),
    "a range where there was none": (
        lambda v, d: v["properties"]["codes"].update(minItems=1),
        "data.codes: minItems changed from None to 1",
    ),
    "a shorter list": (
        lambda v, d: v["properties"]["codes"].update(maxItems=4),
        "data.codes: maxItems changed from 5 to 4",
    ),
    "another pattern": (
        lambda v, d: v["properties"]["codes"]["items"].update(pattern="^ab"),
        "data.codes[]: pattern changed",
    ),
    "another format": (lambda v, d: v["properties"]["day"].update(format="date-time"), "data.day: format changed"),
    "null no longer allowed": (
        lambda v, d: v["properties"].update(note={"type": "string", "maxLength": 10, "default": None}),
        "data.note: may no longer be null",
    ),
    "an enum that shrank": (lambda v, d: d["Colour"]["enum"].remove("green"), "data.colour: value green removed"),
    "an enum where there was none": (
        lambda v, d: v["properties"]["day"].update(enum=["2026-03-02"]),
        "data.day: limited to a list of values",
    ),
    "another constant": (lambda v, d: v["properties"]["kind"].update(const="call"), "data.kind: value visit removed"),
    "another default": (
        lambda v, d: v["properties"]["codes"].update(default=["a"]),
        "data.codes: the default changed, so its absence means something else",
    ),
    "unknown fields refused": (
        lambda v, d: v.update(additionalProperties=False),
        "data: unknown fields are no longer ignored",
    ),
    "a new rule between fields": (
        lambda v, d: v.update(oneOf=[{"required": ["note"]}, {"required": ["count"]}]),
        "data: oneOf changed",
    ),
    "an alternative that asks for no new field": (
        lambda v, d: (v["properties"].update(new={"type": "string"}), v["oneOf"].append({"required": ["note"]})),
        "data: oneOf changed",
    ),
    "an alternative in place of another": (
        lambda v, d: (v["properties"].update(new={"type": "string"}), v.update(oneOf=[{"required": ["new"]}])),
        "data: oneOf changed",
    ),
    "a rule that takes a field away from who has it": (
        lambda v, d: v.update(
            allOf=[{"if": {"required": ["count"]}, "then": {"properties": {"note": {"type": "null"}}}}]
        ),
        "data: allOf changed",
    ),
    "a rule that asks for more than a new field": (
        lambda v, d: (
            v["properties"].update(new={"type": "string"}),
            v.update(allOf=[{"if": {"required": ["count"]}, "then": {"required": ["new"]}}]),
        ),
        "data: allOf changed",
    ),
    "a rule that holds where another does not": (
        lambda v, d: (
            v["properties"].update(new={"type": "string"}),
            v.update(allOf=[{"if": {"required": ["new"]}, "then": {}, "else": {"required": ["note"]}}]),
        ),
        "data: allOf changed",
    ),
    "uniqueness": (lambda v, d: v["properties"]["codes"].update(uniqueItems=True), "data.codes: uniqueItems changed"),
}

WIDENING: dict[str, tuple[Change, str]] = {
    "an enum that grew": (lambda v, d: d["Colour"]["enum"].append("blue"), "data.colour: value blue added"),
    "an enum that is none any more": (
        lambda v, d: d["Colour"].pop("enum"),
        "data.colour: no longer limited to a list of values",
    ),
    "null newly allowed": (
        lambda v, d: v["properties"].update(day={"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]}),
        "data.day: may now be null",
    ),
    "a field no longer required": (lambda v, d: v["required"].remove("day"), "data.day: no longer required"),
    "a longer text": (
        lambda v, d: v["properties"]["note"]["anyOf"][0].update(maxLength=11),
        "data.note: maxLength changed from 10 to 11",
    ),
    "a larger range": (
        lambda v, d: v["properties"]["count"].pop("maximum"),
        "data.count: maximum changed from 9 to None",
    ),
    "an alternative that asks for a new field": (
        lambda v, d: (v["properties"].update(new={"type": "string"}), v["oneOf"].append({"required": ["new"]})),
        "data: alternatives added to oneOf: 1",
    ),
}

HARMLESS: dict[str, Change] = {
    "nothing": lambda v, d: None,
    "a new field that may be absent": lambda v, d: v["properties"].update(new={"type": "string", "default": "x"}),
    "a rule that only new fields can break": lambda v, d: (
        v["properties"].update(new={"type": "string"}),
        v.update(allOf=[{"if": {"required": ["note"]}, "then": {"properties": {"new": {"maxLength": 5}}}}]),
    ),
    "a rule for who has a new field": lambda v, d: (
        v["properties"].update(new={"type": "string"}),
        v.update(allOf=[{"if": {"required": ["new"]}, "then": {"properties": {"note": {"type": "null"}}}}]),
    ),
    "other words about a field": lambda v, d: v["properties"]["day"].update(description="When.", title="Day"),
    "fields in another order": lambda v, d: v["required"].reverse(),
    "a definition written in place": _inline,
}


def changed(change: Change) -> Schema:
    schema = copy.deepcopy(RELEASED)
    change(schema["$defs"]["Visit"], schema["$defs"])
    return schema


@pytest.mark.parametrize(("change", "named"), NARROWING.values(), ids=NARROWING)
@pytest.mark.parametrize("only_the_hub_reads", [True, False])
def test_a_narrowing_breaks_whoever_reads(change: Change, named: str, only_the_hub_reads: bool) -> None:
    assert named in breaks(RELEASED, changed(change), only_the_hub_reads=only_the_hub_reads)


@pytest.mark.parametrize(("change", "named"), WIDENING.values(), ids=WIDENING)
def test_a_widening_breaks_what_partners_read(change: Change, named: str) -> None:
    assert breaks(RELEASED, changed(change), only_the_hub_reads=False) == [named]


@pytest.mark.parametrize(("change", "named"), WIDENING.values(), ids=WIDENING)
def test_a_widening_is_harmless_where_only_the_hub_reads(change: Change, named: str) -> None:
    assert breaks(RELEASED, changed(change), only_the_hub_reads=True) == []


@pytest.mark.parametrize("change", HARMLESS.values(), ids=HARMLESS)
def test_a_harmless_change_passes(change: Change) -> None:
    assert breaks(RELEASED, changed(change), only_the_hub_reads=False) == []


def test_a_contract_that_is_gone_is_a_break() -> None:
    assert find_breaks({"referral.asked.v1": RELEASED}, {}) == [
        "referral.asked.v1: released, and now gone; old versions stay readable"
    ]


def test_no_released_contract_is_broken_and_what_is_published_is_current() -> None:
    released, current = released_schemas(), current_schemas()
    assert find_breaks(released, current) == []
    assert find_stale(released, current) == []


@pytest.mark.parametrize("contract", CONTRACTS)
def test_removing_any_field_of_any_contract_would_be_noticed(contract: str) -> None:
    text = (FOLDER / f"{contract}.json").read_text()
    released = json.loads(text)
    data = CONTRACTS[contract].data.__name__
    for field in released["$defs"][data]["properties"]:
        without = json.loads(text)
        del without["$defs"][data]["properties"][field]
        assert f"{contract}: data.{field}: removed" in find_breaks({contract: released}, {contract: without})


# The real command, on a copy of the package with a change planted in its source.


def run(folder: Path, *arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "contracts", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    return done.returncode, done.stdout


def plant(folder: Path, file: str, before: str, after: str) -> None:
    path = folder / "contracts" / file
    source = path.read_text()
    assert source.count(before) == 1
    path.write_text(source.replace(before, after))


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    shutil.copytree(PACKAGE, tmp_path / "contracts", ignore=shutil.ignore_patterns("examples"))
    return tmp_path


def test_the_command_passes_what_is_committed(copied: Path) -> None:
    assert run(copied, "check")[0] == 0


def test_the_command_catches_a_planted_break_and_refuses_to_publish_it(copied: Path) -> None:
    plant(copied, "referral.py", "    place_in_line: ", "    position: ")
    named = "referral.waitlisted.v1: data.place_in_line: renamed to position"
    code, said = run(copied, "check")
    assert code == 1
    assert named in said.splitlines()
    published = (copied / "contracts/schemas/referral.waitlisted.v1.json").read_bytes()
    code, said = run(copied, "generate")
    assert code == 1
    assert named in said.splitlines()
    assert (copied / "contracts/schemas/referral.waitlisted.v1.json").read_bytes() == published


def test_the_command_asks_to_publish_a_harmless_change_and_passes_once_it_is(copied: Path) -> None:
    field = "    cancelled_by: VisitCancelledBy\n"
    plant(copied, "referral.py", field, field + "    told_in_time: bool | None = None\n")
    code, said = run(copied, "check")
    assert code == 1
    assert said.startswith("referral.visit_cancelled.v1: changed and not published")
    assert run(copied, "generate")[0] == 0
    assert run(copied, "check")[0] == 0
    published = json.loads((copied / "contracts/schemas/referral.visit_cancelled.v1.json").read_bytes())
    assert "told_in_time" in published["$defs"]["ReferralVisitCancelled"]["properties"]


def test_a_break_published_by_hand_is_caught_against_the_revision_before(copied: Path) -> None:
    def git(*words: str) -> None:
        identity = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
        subprocess.run(["git", *identity, *words], cwd=copied, check=True, capture_output=True)

    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "released")
    plant(copied, "referral.py", "    place_in_line: ", "    position: ")
    for schema in (copied / "contracts/schemas").glob("referral.waitlisted.*"):
        schema.unlink()
    assert run(copied, "generate")[0] == 0
    assert run(copied, "check")[0] == 0
    code, said = run(copied, "check", "--against", "HEAD")
    assert code == 1
    assert "referral.waitlisted.v1: data.place_in_line: renamed to position" in said


def test_a_revision_that_does_not_exist_ends_in_one_sentence(copied: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "contracts", "check", "--against", "no-such-revision"],
        cwd=copied,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, "git has no schemas of revision no-such-revision\n")
