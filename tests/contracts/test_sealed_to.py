"""Every sealed block of every contract is for somebody, and whose key it is sealed to is read without opening it."""

import json
from typing import Annotated, Any

import pytest
from joserfc.jwk import ECKey

import contracts
from contracts import CONTRACTS, key_id, sealed_blocks, sealing, thumbprint
from contracts.fields import For, Model, Sealed, SealedTo, SealedToHub
from contracts.marks import fields_within
from contracts.schemas import message_schema
from contracts.sealed_to import unsaid
from tests.examples import RECIPIENT, SENDER, referral_requested, say, sealed_with_header


@pytest.mark.parametrize("contract", CONTRACTS)
def test_every_sealed_field_of_every_contract_says_for_whom_it_is(contract: str) -> None:
    assert list(unsaid(CONTRACTS[contract].message)) == []


class _Part(Model):
    said: SealedToHub
    bare: Sealed


class _Planted(Model):
    said: SealedToHub
    perhaps_said: SealedToHub | None = None
    bare: Sealed
    perhaps: Sealed | None = None
    several: tuple[Annotated[Sealed, "of no matter"], ...] = ()
    twice: Annotated[SealedToHub, SealedTo(For.READER)]
    part: _Part
    parts: tuple[_Part, ...] = ()


def test_a_sealed_field_that_is_for_nobody_is_found_however_deep_it_lies() -> None:
    assert list(unsaid(_Planted)) == ["bare", "perhaps", "several", "twice", "part.bare", "parts.bare"]


@pytest.mark.parametrize("contract", CONTRACTS)
def test_every_sealed_field_that_a_partner_sees_in_a_schema_is_looked_at(contract: str) -> None:
    """By the schema, which is made another way: a kind of field that the marks do not reach would be found."""
    shown = json.dumps(message_schema(CONTRACTS[contract])).count('"^eyJ')
    marks = [part for _, parts in fields_within(CONTRACTS[contract].data) for part in parts if type(part) is SealedTo]
    assert len(marks) == shown


# What a field's own sentence promises.
WORDS = {
    For.HUB: "sealed to the hub",
    For.NAMED: "recipient",
    For.ADDRESSEE: "sealed to the addressee",
    For.SENDER: "sealed to the sender",
    For.RECIPIENT: "sealed to the recipient",
    For.READER: "sealed to the reader",
}


@pytest.mark.parametrize("contract", CONTRACTS)
def test_a_field_is_for_whom_its_sentence_says(contract: str) -> None:
    schema = message_schema(CONTRACTS[contract])
    for where, parts in fields_within(CONTRACTS[contract].data):
        for mark in (part for part in parts if type(part) is SealedTo):
            within = {For.ADDRESSEE: "AddressedNote"}.get(mark.whom, "ReferralRequestedV2")
            owner = within if "." in where else CONTRACTS[contract].data.__name__
            sentence = schema["$defs"][owner]["properties"][where.rpartition(".")[2]]["description"]
            assert WORDS[mark.whom] in sentence


def test_every_contract_that_seals_to_whom_it_names_names_somebody() -> None:
    sealed_to_named = [
        (contract.data, where.removesuffix("sealed"))
        for contract in CONTRACTS.values()
        for where, parts in fields_within(contract.data)
        if SealedTo(For.NAMED) in parts
    ]
    assert sealed_to_named
    for data, beside in sealed_to_named:
        assert f"{beside}recipient" in [where for where, _ in fields_within(data)]


def test_a_block_is_named_with_its_field_its_reader_and_its_key() -> None:
    key = sealing.new_key()
    asked = referral_requested(sealed=sealing.seal({}, sealing.public_part(key)))
    assert list(sealed_blocks(say(asked))) == [("data.sealed", For.NAMED, RECIPIENT, key["kid"])]


def test_a_block_within_another_part_is_found_there() -> None:
    offered = contracts.ReferralOffered(
        referral_id=referral_requested().referral_id,
        sender=SENDER,
        receive_by=say(referral_requested()).time,
        answer_by=say(referral_requested()).time,
        request=referral_requested(),
    )
    assert [(one.where, one.reader) for one in sealed_blocks(say(offered))] == [("data.request.sealed", RECIPIENT)]


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ('{"kid":"a key"}', "a key"),
        ('{"alg":"x","kid":"ñ"}', "ñ"),
        ('{"alg":"x"}', None),
        ('{"kid":"a","kid":"a"}', None),
        ('{"kid":"a","\\u006bid":"b"}', None),
        ('{"kid":"a","epk":{"x":"a","x":"b"}}', None),
        ('{"kid":null}', None),
        ('{"kid":7}', None),
        ('{"kid":["a"]}', None),
        ('{"kid":"a"}{}', None),
        ('{"kid":', None),
        ('{"kid":' + "[" * 40_000, None),
        ('{"kid":' + "9" * 40_000 + "}", None),
    ],
)
def test_a_key_is_believed_only_when_it_is_said_once_and_as_text(header: str, found: str | None) -> None:
    assert key_id(sealed_with_header(header)) == found


@pytest.mark.parametrize("header", ["eyJ_", "eyJA", "eyJ" + "-" * 7])
def test_a_header_that_is_no_text_has_no_key(header: str) -> None:
    assert key_id(f"{header}.a.b.c.d") is None


def test_a_block_that_names_two_keys_is_opened_with_neither() -> None:
    key = sealing.new_key()
    twice = sealed_with_header(f'{{"kid":"another","kid":"{key["kid"]}"}}')
    with pytest.raises(sealing.SealingError, match=r"^sealed_to_another_key$"):
        sealing.open_sealed(twice, key)


def test_a_thumbprint_is_what_the_library_says() -> None:
    key = sealing.public_part(sealing.new_key())
    assert thumbprint(key) == ECKey.import_key(key).thumbprint() == key["kid"]


@pytest.mark.parametrize(
    "changed", [{"kty": "OKP"}, {"crv": "P-384"}, {"x": None}, {"y": 7}, {"crv": None}], ids=lambda one: next(iter(one))
)
def test_what_is_no_key_on_the_curve_has_no_thumbprint(changed: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="P-256"):
        thumbprint({**sealing.public_part(sealing.new_key()), **changed})
