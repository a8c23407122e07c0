"""Every moment and day that a contract has is marked: as one that had come when it was said, or that may lie ahead."""

from collections.abc import Mapping
from typing import Annotated, Any

import pytest

import contracts
from contracts import CONTRACTS, Contract
from contracts.fields import Date, Model, Planned, Said, SaidOn, Time
from contracts.schemas import message_schema
from contracts.times import unmarked
from tests.examples import referral_requested, say


@pytest.mark.parametrize("contract", CONTRACTS)
def test_every_moment_and_day_of_every_contract_is_marked(contract: str) -> None:
    assert list(unmarked(CONTRACTS[contract].message)) == []


class _Part(Model):
    when: Said
    day: Date


class _Planted(Model):
    marked: Said
    on: SaidOn | None = None
    planned: Planned
    bare: Time
    perhaps: Time | None = None
    several: tuple[Annotated[Date, "of no matter"], ...] = ()
    part: _Part
    parts: tuple[_Part, ...] = ()


def test_a_moment_that_is_not_marked_is_found_however_deep_it_lies() -> None:
    assert list(unmarked(_Planted)) == ["bare", "perhaps", "several", "part.day", "parts.day"]


# What the names of fields promise; so a new field cannot be marked as the other kind by mistake.
LIE_AHEAD = {
    "call_back_at",
    "expires_at",
    "starts_at",
    "ends_at",
    "visit_at",
    "due_at",
    "next_step_at",
    "starts_on",
    "ends_on",
    "due_on",
    "on",
    "valid_from",
}
PAST = {"time", "signed_on", "formalised_on"}


def _promised(name: str) -> str:
    if name in PAST or (name.endswith("_at") and name not in LIE_AHEAD):
        return "not ahead"
    assert name in LIE_AHEAD or name.endswith(("_by", "_until")), f"{name}: say here which it is"
    return "may lie ahead"


def _shown(contract: Contract) -> Mapping[str, str]:
    """What the contract's schema says of its moments and days, by their names."""
    schema = message_schema(contract)
    fields = {**schema["properties"], **schema["$defs"][contract.data.__name__]["properties"]}
    kinds: dict[str, Any] = {name: field.get("anyOf", [field])[0] for name, field in fields.items()}
    return {name: kind["$comment"] for name, kind in kinds.items() if kind.get("format", "").startswith("date")}


@pytest.mark.parametrize("contract", CONTRACTS)
def test_a_moment_is_shown_as_what_its_name_promises(contract: str) -> None:
    shown = _shown(CONTRACTS[contract])
    assert shown == {name: _promised(name) for name in shown}
    assert shown["time"] == "not ahead"


def test_what_a_message_states_is_named_with_its_field_and_the_envelopes_time_comes_last() -> None:
    message = say(referral_requested())
    assert [one.where for one in contracts.stated(message)] == ["time"]
