"""Where the hub's own services send what they say: to whoever consumes its type, or to an organisation."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

import contracts
from messaging.identity import Identity
from tests.messaging.harness import service_published

LONGEST_ROUTING_KEY = 255  # bytes, in AMQP


def address(data: Any, recipient: str | None) -> str:
    """The routing key that a service of the hub publishes this by."""
    draft = contracts.Draft(data, subject=str(getattr(data, "service_id", contracts.uuid7())), recipient=recipient)
    return Identity().publication(contracts.stamp(draft, source="hub", time=datetime.now(UTC))).routing_key


def refused(kind: str | None) -> contracts.MessageRefused:
    return contracts.MessageRefused(code="not_yours", refused_type=kind, body_sha256="0" * 64)


def test_what_names_nobody_goes_by_its_type() -> None:
    assert address(service_published().data, None) == "service.published.v2"


def test_what_names_an_organisation_goes_to_it_by_its_type() -> None:
    assert address(service_published().data, "redcross") == "to.redcross.service.published.v2"


@pytest.mark.parametrize(("kind", "follows"), [("need.identified.v1", ".need.identified.v1"), (None, "")])
def test_a_refusal_goes_with_what_it_refuses_where_that_is_known(kind: str | None, follows: str) -> None:
    assert address(refused(kind), "redcross") == f"to.redcross.message.refused.v1{follows}"


def test_the_longest_address_fits_into_a_routing_key() -> None:
    types = [f"message.refused.v1.{'x' * 100}", *contracts.CONTRACTS]
    assert address(refused("x" * 100), "a" * 40) == f"to.{'a' * 40}.{types[0]}"
    assert max(len(f"to.{'a' * 40}.{one}") for one in types) <= LONGEST_ROUTING_KEY


@pytest.mark.parametrize("recipient", ["red.cross", "redcross.message.refused.v1", "#", "*", ""])
def test_nobody_is_named_so_that_another_organisation_is_addressed(recipient: str) -> None:
    with pytest.raises(ValidationError):
        address(service_published().data, recipient)
