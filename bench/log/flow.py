"""What the message log costs the flow: whole lives of referrals (bench/real/lives.py) with it and without, by turns.

The lives go through the gateway and services/referrals; the log's own process writes into the database that look-ups
are measured on, as full as that is. Kinds of turns, between which everything comes to rest:

    without     nothing is copied for the log: its queue is not bound, and its process does not run
    with        both are there
    stopped     its queue is bound, and nobody reads it; it catches up after the turn

A full load is as many lives at a time as `./ruta bench real` has; half of it opens half as many lives a second.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Any, Final

import psycopg

from bench import measure, requests, task, wire
from bench.contenders import OWN
from bench.ground import Ground, environment
from bench.messages import Sent
from bench.real import lives
from bench.real.lives import SERVICE, Partners
from bench.real.partners import Life, Lived
from bench.real.requests import write_down
from deploy.local import OperatorError
from deploy.local.process import Process, Program
from messaging.topology import LOG, LOGGED, MONITOR, NETWORK_FILE

WITHOUT, WITH, STOPPED = "without", "with", "stopped"
KINDS: Final = (WITHOUT, WITH, STOPPED)
KEEP_DAYS: Final = "3650"  # nothing of what look-ups are measured on is given up meanwhile
LOOK_EVERY: Final = 0.2  # seconds between looks at how far the log has come
QUIET: Final = 1.0  # seconds without anything new, then everything is at rest
REST_WITHIN: Final = 600.0  # seconds

MOST: Final = {
    "flow_cost": 0.05,
    "p50_ratio": 1.05,
    "p99_ratio": 1.05,
    "flow_cost_stopped": 0.05,
    "p50_ratio_stopped": 1.05,
    "p99_ratio_stopped": 1.05,
    "behind_s": 2.0,
    "caught_up_s": 300.0,
}
LEAST: Final = {"full_load_share": 0.9, "full_load_share_stopped": 0.9}

POSITION: Final = "select coalesce(max(position), 0) from outbox"
SAID: Final = "select count(*) from outbox where position > %s"
UNPUBLISHED: Final = "select count(*) from outbox join outbox_writer using (writer) where position > published"
LOGGED_SINCE: Final = "select count(*) from message where arrived_at >= %s"
BEHIND: Final = """
    select extract(epoch from clock_timestamp() - greatest(%(since)s, (
        select sent_at from message where arrived_at >= %(since)s and source = 'hub' order by arrived_at desc limit 1
    )))::float
"""


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    rounds: int  # of turns of each kind at half load
    seconds: float  # of each
    full_rounds: int
    full_lives: int  # of each turn at full load
    warm_up: int  # lives before them


FULL: Final = Plan(rounds=7, seconds=20, full_rounds=5, full_lives=2_000, warm_up=400)
QUICK: Final = Plan(rounds=2, seconds=6, full_rounds=2, full_lives=400, warm_up=200)


@dataclass(frozen=True)
class Turn:
    """What one turn has shown."""

    lived: Lived
    sent: int  # messages that the log's queue was given
    logged: int  # messages that the log has
    behind_s: float  # at most, from when something was said until the log had it
    caught_up_s: float  # from the end of the flow, or of its being stopped, until the log had all

    @property
    def lives_per_s(self) -> float:
        """How many lives came to their end."""
        return self.lived.closed / (self.lived.ended - self.lived.began)


def measure_flow(ground: Ground, log_url: str, plan: Plan, say: Callable[[str], None]) -> dict[str, Any]:
    """Measure all turns; `log_url` is the log's database. Returns the figures.

    Raises OperatorError where the flow itself does not get on.
    """
    with (
        ground.fresh(SERVICE.service),
        ground.organisations(),
        measure.running(SERVICE, ground, 1),
        lives.gateway_of(ground),
        _Log(ground, log_url) as log,
    ):
        rate = _rate(ground, log, plan)
        say(f"flow: {rate:.0f} lives a second at full load without the log")
        at_half = max(2, int(plan.seconds * rate / 2))
        turns = len(KINDS) * (plan.rounds * at_half + plan.full_rounds * plan.full_lives)
        with lives.partners_of(ground, _taught(ground, plan.warm_up + plan.full_lives, turns)) as partners:
            half = _rounds(log, partners, plan.rounds, at_half, rate / 2, say)
            full = _rounds(log, partners, plan.full_rounds, plan.full_lives, None, say)
    return figures(half, full, rate)


def figures(half: Sequence[dict[str, Turn]], full: Sequence[dict[str, Turn]], rate: float) -> dict[str, Any]:
    """What the rounds have shown, each with a turn of each kind: ratios within each round, and their medians."""

    def ratio(rounds: Sequence[dict[str, Turn]], kind: str, of: Callable[[Turn], float]) -> float:
        return round(median(of(one[kind]) / of(one[WITHOUT]) for one in rounds), 3)

    turns = [turn for one in (*half, *full) for turn in one.values()]
    found = {
        "lives_per_s": round(rate, 1),
        "flow_cost": round(1 - ratio(half, WITH, lambda one: one.lived.in_time), 3),
        "full_load_share": ratio(full, WITH, lambda one: one.lives_per_s),
        "full_load_share_stopped": ratio(full, STOPPED, lambda one: one.lives_per_s),
        "flow_cost_stopped": round(1 - ratio(half, STOPPED, lambda one: one.lived.in_time), 3),
        "behind_s": round(max(one[WITH].behind_s for one in half), 2),
        "caught_up_s": round(max(one.caught_up_s for one in turns), 1),
        "sent": sum(one.sent for one in turns),
        "logged": sum(one.logged for one in turns),
        "lost": sum(_lost(one.lived) for one in turns),
        "half_load": {
            kind: {
                name: round(median(getattr(one[kind].lived, name) for one in half), 1)
                for name in ("in_time", "p50_ms", "p99_ms")
            }
            for kind in KINDS
        },
        "full_load": {kind: round(median(one[kind].lives_per_s for one in full), 1) for kind in KINDS},
    }
    for kind, end in ((WITH, ""), (STOPPED, "_stopped")):
        found[f"p50_ratio{end}"] = ratio(half, kind, lambda one: one.lived.p50_ms)
        found[f"p99_ratio{end}"] = ratio(half, kind, lambda one: one.lived.p99_ms)
    return found


def verdicts(figures: dict[str, Any]) -> Iterator[str]:
    """What is printed of it, beside the goals."""
    for name, goal in MOST.items():
        yield _verdict(name, figures[name], f"at most {goal:g}", figures[name] <= goal)
    for name, goal in LEAST.items():
        yield _verdict(name, figures[name], f"at least {goal:g}", figures[name] >= goal)
    all_is_there = figures["logged"] == figures["sent"]
    yield _verdict("logged", figures["logged"], f"{figures['sent']:,}, all that was sent", all_is_there)


def _verdict(name: str, measured: float, goal: str, reached: bool) -> str:
    return f"{name:<24}{measured:>10,g}   the goal is {goal}: {'reached' if reached else 'missed'}"


def _lost(lived: Lived) -> int:
    return lived.missed + lived.repeated + len(lived.refused)


# -- lives ------------------------------------------------------------------------------------------------------------


def _rate(ground: Ground, log: "_Log", plan: Plan) -> float:
    """Lives a second at full load without the log, after some others."""
    with lives.partners_of(ground, _taught(ground, 0, plan.warm_up + plan.full_lives)) as partners:
        log.turn(WITHOUT, partners, plan.warm_up)
        return log.turn(WITHOUT, partners, plan.full_lives).lives_per_s


def _taught(ground: Ground, first: int, count: int) -> list[Life]:
    """So many lives behind the first ones, whose consents, and services, stand in the tables of referrals."""
    made = lives.make(first + count)[first:]
    asked = [Sent(requests.TYPE, life.message_id, life.request.encode()) for life in made]
    services = [] if first else [requests.service_of(one) for one in asked[: len(lives.ORGANISATIONS)]]
    write_down(ground, [*services, *map(requests.consent_of, asked)])
    return made


def _rounds(
    log: "_Log", partners: Partners, rounds: int, count: int, rate: float | None, say: Callable[[str], None]
) -> list[dict[str, Turn]]:
    """Turns of each kind, in another order each round."""
    found = []
    for number in range(rounds):
        first = number % len(KINDS)
        one = {kind: log.turn(kind, partners, count, rate) for kind in (*KINDS[first:], *KINDS[:first])}
        found.append(one)
        for kind in KINDS:
            lived = one[kind].lived
            say(
                f"{'full' if rate is None else 'half'} load {number + 1}  {kind:<8}{one[kind].lives_per_s:6.1f} lives/s"
                f"  p50 {lived.p50_ms:6.1f} ms  p99 {lived.p99_ms:6.1f} ms  logged {one[kind].logged:,} of"
                f" {one[kind].sent:,}  behind {one[kind].behind_s:.1f} s  caught up in {one[kind].caught_up_s:.1f} s"
            )
    return found


# -- the log ----------------------------------------------------------------------------------------------------------


class _Log:
    """The log's queue and its process, switched on and off."""

    def __init__(self, ground: Ground, database_url: str) -> None:
        variables = {
            "MONITOR_DATABASE_URL": database_url,
            "MONITOR_HUB_AMQP_URL": ground.amqp_url,
            "RUTA_NETWORK_FILE": str(NETWORK_FILE),
            "RUTA_MONITOR_KEEP_DAYS": KEEP_DAYS,
        }
        self._ground, self._url = ground, database_url
        self._process = Process(
            Program(
                name=MONITOR,
                command=[*OWN, "hub.monitor.log"],
                environment=environment(ground.database_url, ground.amqp_url) | variables,
                log=ground.stack.state.logs / "bench-log.log",
            )
        )

    def __enter__(self) -> "_Log":
        self._hub = psycopg.connect(self._ground.database_url, autocommit=True)
        self._log = psycopg.connect(self._url, autocommit=True)
        self._broker = wire.connect(self._ground.amqp_url)
        self._channel = self._broker.channel()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stop()
        with contextlib.suppress(OSError):
            self._broker.close()
        self._hub.close()
        self._log.close()

    def turn(self, kind: str, partners: Partners, count: int, rate: float | None = None) -> Turn:
        """Have so many lives lived, the log being as the kind says; then everything comes to rest."""
        listens = kind != WITHOUT
        for key in LOGGED:
            (self._channel.queue_bind if listens else self._channel.queue_unbind)(LOG, "hub", key)
        if kind == WITH:
            self._start()
        time.sleep(QUIET)
        since, position = self._now(), _one(self._hub, POSITION)
        with self._watched(since, count / rate if kind == WITH and rate is not None else 0) as behind:
            lived = partners.see_through(count, rate)
        if lived.closed < count:
            logs = self._ground.stack.state.logs
            raise OperatorError(f"Of {count} lives {lived.closed} came to their end; see {logs}")
        self._wait_until_said(position)
        sent = lived.said + _one(self._hub, SAID, position) if listens else 0
        ended = lived.ended
        if kind == STOPPED:
            ended = time.monotonic()
            self._start()
        caught_up_at = self._wait_until_logged(since, sent) if listens else ended
        logged = _one(self._log, LOGGED_SINCE, since)
        self._process.stop()
        self._purge()
        return Turn(lived, sent, logged, max(behind, default=0.0), max(0.0, caught_up_at - ended))

    def _now(self) -> datetime:
        row = self._log.execute("select clock_timestamp()").fetchone()
        assert row is not None
        now: datetime = row[0]
        return now

    def _start(self) -> None:
        self._process.start()
        self._process.wait_ready()

    def _wait_until_said(self, position: int) -> None:
        """Return when the services have published all, and nothing is added for a while."""
        seen, quiet_since = -1, time.monotonic()
        deadline = quiet_since + REST_WITHIN
        while time.monotonic() - quiet_since < QUIET:
            now = _one(self._hub, POSITION)
            if now != seen or _one(self._hub, UNPUBLISHED):
                seen, quiet_since = now, time.monotonic()
            if quiet_since > deadline:
                raise OperatorError("The flow did not come to rest")
            time.sleep(LOOK_EVERY)

    def _wait_until_logged(self, since: datetime, sent: int) -> float:
        """When the log had so many, or wrote nothing more."""
        seen, changed_at = -1, time.monotonic()
        while seen < sent and time.monotonic() - changed_at < measure.STALLED_AFTER:
            logged = _one(self._log, LOGGED_SINCE, since)
            if logged != seen:
                seen, changed_at = logged, time.monotonic()
            time.sleep(LOOK_EVERY)
        return changed_at

    @contextlib.contextmanager
    def _watched(self, since: datetime, seconds: float) -> Iterator[list[float]]:
        """How far the log is behind, from look to look, for so many seconds."""
        behind: list[float] = []
        until, over = time.monotonic() + seconds, threading.Event()

        def watch() -> None:
            with psycopg.connect(self._url, autocommit=True) as connection:
                while time.monotonic() < until and not over.wait(LOOK_EVERY):
                    row = connection.execute(BEHIND, {"since": since}).fetchone()
                    assert row is not None
                    behind.append(row[0])

        watching = threading.Thread(target=watch)
        watching.start()
        try:
            yield behind
        finally:
            over.set()
            watching.join()

    def _purge(self) -> None:
        """Empty the queues of those who do not run, so that no turn finds the broker fuller than the one before."""
        for one in self._ground.stack.management.queues(task.VHOST):
            if not self._channel.queue_declare(one["name"], passive=True).consumer_count:
                self._channel.queue_purge(one["name"])


def _one(connection: psycopg.Connection[Any], query: str, *params: Any) -> int:
    row = connection.execute(query.encode(), params or None).fetchone()
    assert row is not None
    return int(row[0])
