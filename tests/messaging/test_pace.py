"""How quickly a service works: by batches of which some cost is everyone's and some its messages'."""

import random

import pytest

from messaging.pace import Pace


def test_before_anything_was_measured_nothing_is_known() -> None:
    assert Pace().per_second is None


@pytest.mark.parametrize("sizes", [[10], [1, 250], [8, 9, 10, 11], [1, 1, 1, 60]])
@pytest.mark.parametrize(("each", "own"), [(0.0, 0.001), (0.02, 0.002), (0.05, 0.01)])
def test_what_every_batch_costs_is_no_message_s_own_where_sizes_differ(
    sizes: list[int], each: float, own: float
) -> None:
    pace = Pace()
    for place in range(60):
        messages = sizes[place % len(sizes)]
        pace.measured(messages, each + messages * own)
    alone = messages / (each + messages * own)
    wanted = 1 / own if len(sizes) > 1 else alone
    assert pace.per_second == pytest.approx(wanted, rel=0.06)


def test_the_last_batches_count_whatever_came_long_ago() -> None:
    pace = Pace()
    for messages in (1, 10, 100):
        pace.measured(messages, 1 + messages * 0.1)
    for _ in range(40):
        for messages in (8, 80):
            pace.measured(messages, 0.01 + messages * 0.001)
    assert pace.per_second == pytest.approx(1000, rel=0.06)


def test_a_batch_that_took_for_ever_makes_the_next_ones_small() -> None:
    pace = Pace()
    for messages in (8, 80):
        pace.measured(messages, messages * 0.001)
    pace.measured(1, 1e9)
    assert pace.per_second == 1


@pytest.mark.parametrize("seed", range(20))
def test_chance_makes_it_no_quicker_than_five_times_what_was_done(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - no secret
    pace = Pace()
    quickest = 0.0
    for _ in range(100):
        messages, seconds = chance.randint(1, 250), chance.uniform(1e-4, 0.5)
        quickest = max(quickest, messages / seconds)
        pace.measured(messages, seconds)
        assert pace.per_second is not None
        assert 1 <= pace.per_second <= 5.5 * quickest
