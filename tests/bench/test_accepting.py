"""Accepting by HTTP is measured on the real gateway, and what it loses is seen."""

from collections.abc import Callable, Iterator

import pytest

from bench.http import accepting, servers
from bench.http.accepting import BATCHES, UNSIGNED
from bench.messages import Answered
from deploy.local import Stack


def test_what_is_accepted_is_counted_where_it_arrives_and_what_is_lost_on_the_way_is_seen(
    provisioned: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = accepting.Plan(rounds=1, seconds=0.2, warm_up=0.1, half_load=0.2, connections=4)
    with servers.ours(provisioned) as ours:
        for name in (UNSIGNED, BATCHES):
            contender = accepting.Contender(provisioned, ours, name, plan)
            turn = contender.take_turn(plan.seconds, warm_up=plan.warm_up)
            assert turn.loaded.accepted
            assert turn.loaded.statuses.keys() == {202}
            assert turn.answered == Answered(lost=0, repeated=0)
            assert turn.cpu_us >= 0
        monkeypatch.setattr(accepting.Queues, "take", without_the_last(accepting.Queues.take))
        assert contender.take_turn(plan.seconds).answered == Answered(lost=1, repeated=0)


def without_the_last(take: Callable[[accepting.Queues], Iterator[str]]) -> Callable[[accepting.Queues], Iterator[str]]:
    return lambda queues: iter(list(take(queues))[:-1])
