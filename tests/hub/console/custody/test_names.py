"""Names that are told to coordinate: found and opened while the person's consent holds, and deleted with it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from hub.console.store import facts
from tests.examples import NOW
from tests.hub.console.custody.boxes import ANA, PLANTED, Console

CONSENT, PERSON = UUID(int=0xC0), UUID(int=0xBE)
NAME = {"given_names": ANA["given_names"], "family_names": ANA["family_names"]}
ENDED = {"consent_id": CONSENT, "ended_at": NOW, "end_reason": "withdrawn"}


@pytest.fixture
def block(console: Console) -> UUID:
    """A name that Red Cross was told, under a consent that holds."""
    console.allow(CONSENT, PERSON)
    told = console.block_of(console.name(CONSENT, PERSON))
    console.index()
    return told


def test_a_name_is_opened_and_found_to_coordinate_each_after_its_row_of_the_audit(
    console: Console, block: UUID
) -> None:
    (opened,) = console.open(block)
    assert (opened["kind"], opened["content"]) == ("name", NAME)
    assert console.search("Zulmarixa Xandoquint", coordinates=True) == [(block, 2)]
    assert console.acts() == ["indexed", "opened", "searched"]
    assert not any(word in console.everything() for word in PLANTED)


def test_who_does_not_coordinate_does_not_find_it(console: Console, block: UUID) -> None:
    assert console.search("Zulmarixa Xandoquint") == []


@pytest.mark.parametrize(
    "terms",
    [
        {"purposes": ["refer", "serve"]},
        {"recipients": ["iom"]},
        {"person_id": UUID(int=0xF0)},
        {"valid_from": NOW + timedelta(days=365 * 100)},
        {"valid_until": NOW - timedelta(days=1)},
    ],
)
def test_a_name_stays_closed_under_a_consent_that_does_not_allow_it(console: Console, terms: dict[str, Any]) -> None:
    console.allow(CONSENT, **{"person_id": PERSON, **terms})
    block = console.block_of(console.name(CONSENT, PERSON))
    console.index()
    assert console.open(block) == [{"block": str(block), "code": "unknown"}]
    assert console.search("Zulmarixa", coordinates=True) == []


def test_a_name_stays_closed_until_its_consent_is_known_and_while_somebody_says_that_it_was_taken_back(
    console: Console,
) -> None:
    told = console.block_of(console.name(CONSENT, PERSON))
    console.index()

    def is_open() -> bool:
        return "content" in console.open(told)[0] and console.search("Zulmarixa", coordinates=True) != []

    assert not is_open()
    console.allow(CONSENT, PERSON)
    assert is_open()
    console.fact(facts.SUSPENSION, {"consent_id": CONSENT, "suspended_at": NOW})
    assert not is_open()
    console.fact(facts.RESUMPTION, {"consent_id": CONSENT, "resumed_at": NOW + timedelta(hours=1)})
    assert is_open()


def end(console: Console) -> None:
    console.fact(facts.END_OF_CONSENT, ENDED)


def erase(console: Console) -> None:
    console.fact(facts.FORGET, {"person": str(PERSON), "erased_at": NOW})


@pytest.mark.parametrize("goes", [end, erase])
def test_a_name_is_deleted_with_its_consent_and_with_its_person_and_does_not_come_back(
    console: Console, block: UUID, goes: Callable[[Console], None]
) -> None:
    other = UUID(int=0xC1)
    console.allow(other, other)
    kept = console.block_of(console.name(other, other))
    goes(console)
    console.name(CONSENT, PERSON)
    console.index()
    assert [row["id"] for row in console.query("select id from sealed_block")] == [kept]
    assert [row["block"] for row in console.query("select block from block_index")] == [kept]
    assert console.open(block) == [{"block": str(block), "code": "unknown"}]
    assert console.open(kept)[0]["content"] == NAME


def test_another_organisation_that_coordinates_opens_and_finds_none_of_it(console: Console, block: UUID) -> None:
    assert console.open(block, organisation="iom") == [{"block": str(block), "code": "unknown"}]
    assert console.search("Zulmarixa", organisation="iom", coordinates=True) == []


def test_of_two_names_of_somebody_the_one_that_was_said_last_is_found_and_opened(console: Console, block: UUID) -> None:
    later = console.block_of(console.name(CONSENT, PERSON))
    console.index()
    assert console.open(block) == [{"block": str(block), "code": "unknown"}]
    assert console.search("Zulmarixa Xandoquint", coordinates=True) == [(later, 2)]
