"""The bench of the message log finds what it has made, and logs what the flow says; nothing else, and nothing less."""

from datetime import date

from bench.ground import Ground
from bench.log import flow, lookups, pages, world
from bench.log.__main__ import is_right
from bench.real.partners import Lived
from deploy.local import Stack
from tests.hub.monitor.conftest import log, one_log
from tests.hub.monitor.logging import Log

__all__ = ["log", "one_log"]

TODAY = date(2027, 3, 2)  # whose days the empty log has not made


def test_what_the_bench_has_made_is_found_by_each_key(one_log: Log) -> None:
    one_log.connection.execute("set statement_timeout = 0")  # as the bench has it: a busy machine is no fault of it
    world.fill(one_log.connection, 200 * world.DAYS, TODAY, lambda _: None)
    known = world.sample(one_log.connection, TODAY, world.DAYS)

    kinds = lookups.measure(one_log.connection, known, 20, lambda _: None)

    everything = {"kinds": kinds, "logged": 3, "sent": 3, "lost": 0}
    assert is_right(everything)
    assert not is_right({**everything, "logged": 2})
    assert all(one["found"] == 1 for kind, one in kinds.items() if kind in ("a rare contract", "a rare code"))
    (row,) = one_log.query("select count(*) as many, count(distinct arrived_at::date) as days from message")
    assert (row["many"], row["days"]) == (200 * world.DAYS + world.LONG_STORY, world.DAYS)
    assert all(one["p95_ms"] > 0 for one in pages.measure(one_log.url, world.midnight(TODAY) + world.DAY, 3).values())


def test_all_that_is_said_while_the_log_listens_is_logged_and_nothing_else(stack: Stack, log: Log) -> None:
    plan = flow.Plan(rounds=1, seconds=1, full_rounds=1, full_lives=20, warm_up=10)

    found = flow.measure_flow(Ground(stack), log.url, plan, lambda _: None)

    (row,) = log.query("select count(*) as many from message")
    # A life is seven messages of organisations; each is told to both of them, and services say what became of it.
    assert found["sent"] == found["logged"] == row["many"] > 2 * 20 * 7 * 3
    assert (found["lost"], found["caught_up_s"] < flow.MOST["caught_up_s"]) == (0, True)
    assert list(flow.verdicts(found))


def test_what_the_log_costs_is_the_median_over_rounds_of_their_ratios() -> None:
    def turn(in_time: int, p50: float, seconds: float, logged: int) -> flow.Turn:
        lived = Lived(began=0, ended=seconds, closed=100, in_time=in_time, p50_ms=p50, p99_ms=2 * p50)
        return flow.Turn(lived, sent=7, logged=logged, behind_s=seconds, caught_up_s=2)

    def one_round(without: int, share: float, logged: int = 7) -> dict[str, flow.Turn]:
        turns = {"without": turn(without, 10, 1, 7), "stopped": turn(without, 10, 1, 7)}
        return {**turns, "with": turn(round(without * share), 10 / share, 1 / share, logged)}

    rounds = [one_round(1000, 0.5), one_round(100, 0.8), one_round(10, 0.9)]
    found = flow.figures(rounds, [*rounds, one_round(100, 0.8, logged=6)], 50)

    assert (found["flow_cost"], found["full_load_share"], found["p50_ratio"]) == (0.2, 0.8, 1.25)
    assert (found["flow_cost_stopped"], found["full_load_share_stopped"], found["p99_ratio_stopped"]) == (0, 1, 1)
    assert (found["behind_s"], found["caught_up_s"]) == (2, 2)
    assert (found["sent"], found["logged"]) == (7 * 21, 7 * 20 + 6)
    assert [line for line in flow.verdicts(found) if "logged" in line and "missed" in line]
