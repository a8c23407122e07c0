"""Whatever a fact of a referral comes to say, of a confidential case it says what it always has, and nothing more."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from contracts import CONTRACTS, Invalid, parse, referral_notices
from contracts.fields import Model
from contracts.schemas import message_schema

EXAMPLES = Path(__file__).parents[2] / "contracts" / "examples"

# What is told of a confidential case, field by field: whoever adds one here says it of every case under a code.
TOLD = {
    "referral.recorded.v1": {
        *("referral_id", "state", "changed_at", "changed_by", "sender", "recipient", "service_id", "confidential"),
        *("need_code", "urgency", "sent_at", "answer_by", "zone"),
        *("redirected_from", "new_referral_id", "onward_referral_id", "onward_state", "onward_outcome"),
        *("decline_reason", "outcome", "not_met_reason"),
    },
    "referral.noted.v1": {"referral_id", "what", "noted_at", "noted_by", "state", "confidential"},
}
MODELS: dict[str, type[Model]] = {
    "referral.recorded.v1": referral_notices.ReferralRecorded,
    "referral.noted.v1": referral_notices.ReferralNoted,
}
UNTOLD = [(name, field) for name, model in MODELS.items() for field in model.model_fields if field not in TOLD[name]]


def examples(contract: str) -> list[dict[str, Any]]:
    return [json.loads(path.read_bytes()) for path in sorted((EXAMPLES / contract).glob("ok-*.json"))]


def sample(contract: str, field: str) -> Any:
    """Some value of a field, as an example has it."""
    values = [one["data"][field] for one in examples(contract) if one["data"].get(field)]
    assert values, f"no example of {contract} has {field}"
    return values[0]


def of_a_case(contract: str, **more: Any) -> dict[str, Any]:
    """A fact of a confidential case that says nothing but what may be told, and more."""
    (case, *_) = [one for one in examples(contract) if one["data"].get("confidential")]
    data = {name: value for name, value in case["data"].items() if name in TOLD[contract]}
    return case | {"data": data | more}


def fits(contract: str, message: dict[str, Any]) -> bool:
    return bool(Draft202012Validator(message_schema(CONTRACTS[contract])).is_valid(message))


@pytest.mark.parametrize(("contract", "field"), UNTOLD)
def test_no_field_that_is_not_named_here_is_told_of_a_confidential_case(contract: str, field: str) -> None:
    alone = of_a_case(contract)
    assert parse(json.dumps(alone).encode()).data.confidential
    assert fits(contract, alone)
    told = of_a_case(contract, **{field: sample(contract, field)})
    with pytest.raises(Invalid) as refused:
        parse(json.dumps(told).encode())
    named = "person_id" if field == "need_id" else field
    assert (refused.value.code, refused.value.where) == ("invalid_field", f"data.{named}")
    assert not fits(contract, told)


@pytest.mark.parametrize("field", [field for contract, field in UNTOLD if contract == "referral.recorded.v1"])
def test_a_confidential_need_is_a_confidential_case_whether_it_is_marked_or_not(field: str) -> None:
    contract = "referral.recorded.v1"
    told = of_a_case(contract, need_code="gbv.case_management", **{field: sample(contract, field)})
    del told["data"]["confidential"]
    with pytest.raises(Invalid):
        parse(json.dumps(told).encode())
    assert not fits(contract, told)


def test_a_field_that_slips_through_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted fault: a model that has forgotten one of its fields lets it be told."""
    kept = tuple(field for field in referral_notices._FOLLOWED if field != "due_at")
    monkeypatch.setattr(referral_notices, "_FOLLOWED", kept)
    with pytest.raises(pytest.fail.Exception):
        test_no_field_that_is_not_named_here_is_told_of_a_confidential_case("referral.recorded.v1", "due_at")
