"""Old versions stay readable: they are read as the newest version says it."""

from pathlib import Path

from contracts import CONTRACTS, ReferralRequestedV1, ReferralRequestedV2, parse, upcast
from contracts.codes import ContactChannel
from contracts.upcasts import UPCASTS

EXAMPLES = Path(__file__).parents[2] / "contracts" / "examples"
REQUESTED_V1 = EXAMPLES / "referral.requested.v1"


def test_a_first_version_request_says_how_to_reach_the_person_as_the_second_does() -> None:
    old = parse((REQUESTED_V1 / "ok-safe-to-telephone.json").read_bytes())
    new = upcast(old)
    assert isinstance(new.data, ReferralRequestedV2)
    assert new.type == "referral.requested.v2"
    assert (new.data.contact.channel, new.data.contact.language) == (ContactChannel.PHONE, "es")


def test_a_person_who_must_not_be_telephoned_is_reached_through_the_sender() -> None:
    old = parse((REQUESTED_V1 / "ok-not-safe-to-telephone.json").read_bytes())
    assert upcast(old).data.contact.channel is ContactChannel.THROUGH_SENDER


def test_everything_else_stays_as_it_was() -> None:
    old = parse((REQUESTED_V1 / "ok-safe-to-telephone.json").read_bytes())
    new = upcast(old)
    assert {**dict(new), "type": None, "data": None} == {**dict(old), "type": None, "data": None}
    shared = ReferralRequestedV1.model_fields.keys() & ReferralRequestedV2.model_fields.keys()
    assert {name: getattr(new.data, name) for name in shared} == {name: getattr(old.data, name) for name in shared}
    assert parse(new.to_json()) == new


def test_a_message_of_the_newest_version_is_left_alone() -> None:
    message = parse((EXAMPLES / "referral.requested.v2" / "ok-least.json").read_bytes())
    assert upcast(message) is message


def test_every_superseded_version_leads_to_the_next() -> None:
    superseded = {
        contract.data for contract in CONTRACTS.values() if f"{contract.name}.v{contract.version + 1}" in CONTRACTS
    }
    assert superseded == set(UPCASTS)


def test_versions_are_numbered_without_gaps() -> None:
    for contract in CONTRACTS.values():
        assert contract.version == 1 or f"{contract.name}.v{contract.version - 1}" in CONTRACTS
