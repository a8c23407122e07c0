"""A routing key to an organisation says what the message says: its type, what is refused, which system asked."""

from itertools import product
from uuid import UUID

import pytest

import contracts
from messaging.identity import Addressed, address_to, read_address
from tests.examples import NOW, referral_requested, say

REFUSED = (None, *contracts.CONTRACTS)
SYSTEMS = (None, "crm", "v1", "message", "a-b")


def refusal(of: str | None, system: str | None) -> contracts.Message:
    data = contracts.MessageRefused(code="not_yours", body_sha256="0" * 64, refused_type=of)
    draft = contracts.Draft(data, str(UUID(int=1)), recipient="iom")
    return contracts.stamp(draft, source="hub", time=NOW).model_copy(update={"recipientsystem": system})


@pytest.mark.parametrize(("of", "system"), list(product(REFUSED, SYSTEMS)))
def test_the_key_of_a_refusal_is_read_as_it_was_made(of: str | None, system: str | None) -> None:
    key = address_to("iom", refusal(of, system))
    assert read_address(key) == Addressed("message.refused.v1", of.rpartition(".v")[0] if of else None, system)


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_key_of_anything_else_is_read_as_it_was_made(system: str | None) -> None:
    data = contracts.PersonErased(person_id=UUID(int=1), erased_at=NOW)
    draft = contracts.Draft(data, str(data.person_id), recipient="iom")
    said = contracts.stamp(draft, source="hub", time=NOW).model_copy(update={"recipientsystem": system})
    assert read_address(address_to("iom", said)) == Addressed("person.erased.v1", None, system)


def test_what_an_organisation_says_names_no_system_of_anothers() -> None:
    """It may write whatever it likes into its envelope."""
    said = say(referral_requested()).model_copy(update={"recipient": "iom", "recipientsystem": "crm"})
    assert address_to("iom", said) == "to.iom.referral.requested.v2"


@pytest.mark.parametrize("key", ["", "to", "to.iom", "to.iom.", "deliver.iom", "to.iom.a.b", "x.y.z"])
def test_any_other_key_is_of_no_type(key: str) -> None:
    assert read_address(key).type not in contracts.CONTRACTS
