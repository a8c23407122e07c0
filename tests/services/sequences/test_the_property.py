"""The property is tried itself: faults planted in how a batch is applied are found within the suite's sequences."""

from collections import Counter
from collections.abc import Callable
from typing import Any, Final, LiteralString

import pytest

from messaging.gathering import Gathered, Group, Write
from messaging.transaction import Transaction
from tests.services.outcomes.surroundings import SEQUENCED
from tests.services.sequences.holding import apart
from tests.services.sequences.making import make
from tests.services.sequences.playing import Player


def first_of_its_statement(gathered: Gathered, write: Write) -> None:
    """Let a row leave with the first of its statement, whatever was written in between."""
    for group in gathered.groups:
        if group.statement is write.statement:
            group.writes.append(write)
            return
    gathered.groups.append(Group(write.statement, [write]))


def forgets(tx: Transaction, sql: LiteralString, key: Any, now: object) -> None:
    """Let the messages after one find what was there before it, but for what it has made: they would wait for that."""
    if not tx._loaded.knows(sql, key) or tx._loaded.get(sql, key) is None:
        tx._loaded.put(sql, key, now)


PLANTED: Final[dict[str, tuple[type, str, Any]]] = {
    "rows leave with the first of their statement": (Gathered, "add", first_of_its_statement),
    "a message does not find what those before it have changed": (Transaction, "put", forgets),
}


@pytest.mark.parametrize("service", ["intake", "referrals", "employment"])
@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_fault_is_found(
    player_of: Callable[[str], Player],
    pytestconfig: pytest.Config,
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
    service: str,
) -> None:
    player, seed, many = player_of(service), pytestconfig.getoption("seed"), pytestconfig.getoption("sequences")
    sequences = (make(service, SEQUENCED[service], seed=seed, number=number) for number in range(many))
    with monkeypatch.context() as patch:
        patch.setattr(*PLANTED[fault])
        found = next((sequence for sequence in sequences if apart(player, sequence)), None)
    assert found is not None
    assert apart(player, found) == []


@pytest.mark.parametrize("service", SEQUENCED)
def test_sequences_come_to_everything_that_can_come_of_a_message(
    player_of: Callable[[str], Player], pytestconfig: pytest.Config, service: str
) -> None:
    player, seed = player_of(service), pytestconfig.getoption("seed")
    outcomes = Counter[str]()
    for number in range(50):
        end = player.play(make(service, SEQUENCED[service], seed=seed, number=number))
        outcomes.update(outcome for turn in end.turns for outcome in turn.outcomes.values())
    waits = {"out_of_order"} if service != "reports" else set[str]()  # facts come in any order
    assert outcomes.keys() == {"applied", "refused", "failed"} | waits
    assert outcomes["applied"] > outcomes.total() / 3
