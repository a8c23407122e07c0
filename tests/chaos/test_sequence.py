"""What the sequence of one speaker tells of a network: lost, twice and out of order are each seen, and nothing else."""

import random

import pytest

from chaos.sequence import Compared, compare

SEEDS = range(200)


def chance(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - nothing secret is drawn


def said_at_random(rng: random.Random) -> dict[str, list[str]]:
    return {f"subject {n}": [f"{n}.{m}" for m in range(rng.randint(1, 12))] for n in range(rng.randint(1, 4))}


@pytest.mark.parametrize("seed", SEEDS)
def test_what_was_applied_once_and_in_order_is_nothing_to_find(seed: int) -> None:
    said = said_at_random(chance(seed))

    assert compare(said, {subject: [*ids, "of somebody else"] for subject, ids in said.items()}) == Compared(0, 0, 0)


@pytest.mark.parametrize("seed", SEEDS)
def test_each_message_that_is_lost_or_doubled_is_counted(seed: int) -> None:
    rng = chance(seed)
    said = said_at_random(rng)
    lost = {one for ids in said.values() for one in ids if rng.random() < 0.2}
    twice = {one for ids in said.values() for one in ids if one not in lost and rng.random() < 0.2}
    applied = {
        subject: [one for one in ids if one not in lost] + [one for one in ids if one in twice]
        for subject, ids in said.items()
    }

    found = compare(said, applied)

    assert (found.lost, found.twice, found.reordered) == (len(lost), len(twice), 0)


@pytest.mark.parametrize("seed", SEEDS)
def test_each_message_that_came_after_a_later_one_is_counted(seed: int) -> None:
    rng = chance(seed)
    ids = [str(number) for number in range(rng.randint(2, 20))]
    late = rng.randrange(len(ids) - 1)
    applied = [one for one in ids if one != ids[late]] + [ids[late]]

    assert compare({"subject": ids}, {"subject": applied}) == Compared(0, 0, 1)


def test_what_is_refused_is_answered_and_what_nobody_answers_is_lost() -> None:
    assert compare({"subject": ["1", "2", "3"]}, {"subject": ["3"]}, {"1"}) == Compared(1, 0, 0)
