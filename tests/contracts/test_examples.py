"""Every example in `contracts/examples` is what its name says, to the reader in Python and to the JSON Schema alike."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from contracts import CONTRACTS, Invalid, parse
from contracts.schemas import released_schemas

FOLDER = Path(__file__).parents[2] / "contracts" / "examples"
ACCEPTED = sorted(FOLDER.glob("*/ok-*.json"))
REFUSED = sorted(FOLDER.glob("*/refused-*.json"))
SCHEMAS = released_schemas()

BEYOND_SCHEMAS = {
    "day-that-does-not-exist",
    "nul-in-a-field-nobody-reads",
    "subject-of-another-referral",
    "safe-time-that-ends-first",
    "ends-before-it-begins",
    "least-age-above-greatest",
    "somebody-twice",
    "under-the-same-id",
}
"""Refused for what a JSON Schema cannot say: two values compared, the calendar, a rule for unknown fields."""


def _name(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def _schema_accepts(contract: str, message: Any) -> bool:
    return bool(Draft202012Validator(SCHEMAS[contract], format_checker=FormatChecker()).is_valid(message))


@pytest.mark.parametrize("path", ACCEPTED, ids=_name)
def test_an_accepted_example_is_read_and_written_again_without_loss(path: Path) -> None:
    message = parse(path.read_bytes())
    assert message.type == path.parent.name
    assert parse(message.to_json()) == message


@pytest.mark.parametrize("path", ACCEPTED, ids=_name)
def test_an_accepted_example_fits_the_released_schema(path: Path) -> None:
    assert _schema_accepts(path.parent.name, json.loads(path.read_bytes()))


@pytest.mark.parametrize("path", ACCEPTED, ids=_name)
def test_what_we_write_fits_the_released_schema(path: Path) -> None:
    assert _schema_accepts(path.parent.name, json.loads(parse(path.read_bytes()).to_json()))


@pytest.mark.parametrize("path", REFUSED, ids=_name)
def test_a_refused_example_is_refused_with_its_code(path: Path) -> None:
    example = json.loads(path.read_bytes())
    with pytest.raises(Invalid) as refusal:
        parse(json.dumps(example["message"]).encode())
    assert (refusal.value.code, refusal.value.where) == (example["refused_with"], example["where"])


@pytest.mark.parametrize("path", REFUSED, ids=_name)
def test_a_refused_example_does_not_fit_the_released_schema(path: Path) -> None:
    example = json.loads(path.read_bytes())
    can_tell = path.stem.removeprefix("refused-") not in BEYOND_SCHEMAS
    assert _schema_accepts(path.parent.name, example["message"]) is not can_tell


@pytest.mark.parametrize("contract", CONTRACTS)
def test_a_contract_has_examples_of_both_kinds(contract: str) -> None:
    kinds = {path.stem.partition("-")[0] for path in (FOLDER / contract).glob("*.json")}
    assert kinds == {"ok", "refused"}


def test_no_example_is_an_orphan() -> None:
    files = {path for path in FOLDER.rglob("*") if path.is_file()}
    assert files == {*ACCEPTED, *REFUSED}
    assert {path.parent.name for path in files} == set(CONTRACTS)
