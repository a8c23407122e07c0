"""The bench of the message log finds what it has made, by every key, and nothing else."""

from datetime import date

from bench.log import lookups, world
from bench.log.__main__ import is_right
from tests.hub.monitor.conftest import one_log
from tests.hub.monitor.logging import Log

__all__ = ["one_log"]

TODAY = date(2027, 3, 2)  # whose days the empty log has not made


def test_what_the_bench_has_made_is_found_by_each_key(one_log: Log) -> None:
    one_log.connection.execute("set statement_timeout = 0")  # as the bench has it: a busy machine is no fault of it
    world.fill(one_log.connection, 200 * world.DAYS, TODAY, lambda _: None)
    known = world.sample(one_log.connection, TODAY, world.DAYS)

    kinds = lookups.measure(one_log.connection, known, 20, lambda _: None)

    assert is_right({"kinds": kinds})
    assert all(one["found"] == 1 for kind, one in kinds.items() if kind in ("a rare contract", "a rare code"))
    (row,) = one_log.query("select count(*) as many, count(distinct arrived_at::date) as days from message")
    assert (row["many"], row["days"]) == (200 * world.DAYS, world.DAYS)
