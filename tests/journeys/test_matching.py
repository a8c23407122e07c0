"""One person registered by two organisations, from their systems to the coordinator's decision, on the real network."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

import contracts
from contracts import Draft, sealing, uuid7
from demo.stage import Ground
from services.intake.rules.links import pair_of
from tests.journeys.conftest import ask
from tests.messaging.partners import Partner
from tests.waiting import eventually

SOMEBODY = {
    "given_names": "Wuilkelman José",
    "family_names": "Barboza Chourio",
    "birth_date": "1987-11-03",
    "phone": "+573015550142",
}


class System:
    """An organisation's own system, as small as it can be."""

    def __init__(self, ground: Ground, organisation: str) -> None:
        everybody = json.loads(ground.stack.state.directory_file.read_text())["organisations"]
        self._hub_key = everybody["hub"]["public_key"]
        self._partner = Partner(ground.stack, organisation)

    def say(self, data: Any, about: UUID) -> None:
        now = datetime.now(UTC)
        self._partner.submit(contracts.stamp(Draft(data, str(about)), source=self._partner.organisation, time=now))

    def register(self, block: dict[str, Any]) -> UUID:
        person_id, sealed = uuid7(), sealing.seal(block, self._hub_key)
        registered = contracts.PersonRegistered(person_id=person_id, registered_at=datetime.now(UTC), sealed=sealed)
        self.say(registered, person_id)
        return person_id

    def asked(self, pair: tuple[UUID, UUID]) -> list[Any]:
        """Read the inbox: the proposals about these two that have come, each once."""
        proposals = {one.id: one.data for one in self._partner.read(atleast=0) if one.type == "match.proposed.v1"}
        return [one for one in proposals.values() if one.person_ids == pair]

    def close(self) -> None:
        self._partner.close()


@pytest.fixture
def systems(ground: Ground) -> Iterator[tuple[System, ...]]:
    with ExitStack() as opened:
        names = ("redcross", "iom", "barranquilla")
        yield tuple(opened.enter_context(closing(System(ground, name))) for name in names)


def test_who_was_registered_twice_is_proposed_linked_and_parted_again(
    ground: Ground, systems: tuple[System, ...]
) -> None:
    redcross, iom, coordinator = systems
    one = redcross.register({**SOMEBODY, "documents": [{"type": "PT", "number": "6203417"}]})
    other = iom.register({**SOMEBODY, "given_names": "WILKELMAN", "family_names": "Chourio Barboza"})
    pair = pair_of(one, other)

    (proposed,) = eventually(lambda: coordinator.asked(pair))
    assert {reason.field: reason.comparison for reason in proposed.reasons}["family_names"] == "swapped"

    match_id = proposed.match_id
    coordinator.say(contracts.MatchLinked(match_id=match_id, person_ids=pair), match_id)
    eventually(lambda: network_persons(ground, pair) == [{*pair}])

    coordinator.say(contracts.MatchUndone(match_id=match_id), match_id)
    eventually(lambda: network_persons(ground, pair) == [{pair[0]}, {pair[1]}])


def network_persons(ground: Ground, pair: tuple[UUID, UUID]) -> list[set[UUID]]:
    """What the hub's services have been told, as intake keeps it."""
    found: dict[UUID, set[UUID]] = {}
    for row in ask(
        ground, "intake", "select person_id, network_id from network_person where person_id = any(%s)", [*pair]
    ):
        found.setdefault(row["network_id"], set()).add(row["person_id"])
    return [found[network_id] for network_id in sorted(found)]
