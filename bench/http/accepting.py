"""What accepting costs: our gateway for HTTP beside FastAPI with a row for each request, taking turns.

*bare* stores; *unsigned* checks the key and the contract, stores, and publishes to the broker with its confirm; so do
*batches*, of which each request brings 50. Afterwards every message that was accepted has to be there, once: in the
table of bare, in the queues that ours publishes to.
"""

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from statistics import median, quantiles
from typing import Any, Final

import psycopg

from bench import task, wire
from bench.http import messages, servers
from bench.http.load import Asked, Loaded, load
from bench.http.servers import SENDERS, Server
from bench.messages import Answered
from bench.processor import Processor, Used
from deploy.local import OperatorError, Stack
from messaging import topology

CONNECTIONS: Final = 64
BARE, UNSIGNED, BATCHES = "bare", "unsigned", "batches"
CONTENDERS: Final = (BARE, UNSIGNED, BATCHES)
ARRIVED_WITHIN: Final = 60.0  # seconds, after the last was accepted
READ_AT_ONCE: Final = 2_000  # deliveries
GOALS: Final = {
    "unsigned_of_bare": 1.3, "batches_of_bare": 2.5, "p99_of_bare": 1.0, "cpu_of_bare": 0.7,
}  # fmt: skip
AT_MOST: Final = ("p99_of_bare", "cpu_of_bare")
AIMS: Final = {"unsigned_of_bare": 1.5}


@dataclass(frozen=True)
class Plan:
    """How often, and for how many seconds."""

    rounds: int
    seconds: float
    warm_up: float
    half_load: float
    connections: int = CONNECTIONS


FULL: Final = Plan(rounds=5, seconds=6, warm_up=2, half_load=15)
QUICK: Final = Plan(rounds=3, seconds=3, warm_up=1, half_load=6)


@dataclass
class Turn:
    """What one turn has shown."""

    loaded: Loaded
    used: Used  # microseconds of processor for one message
    answered: Answered
    behind: float  # seconds from the last answer until all had arrived

    @property
    def cpu_us(self) -> float:
        """Of the server's processes, of PostgreSQL and of the broker."""
        return self.used.client + (self.used.postgres or 0) + (self.used.broker or 0)


@dataclass
class Turns:
    """Of one contender."""

    runs: list[Turn] = field(default_factory=list)
    half: list[Turn] = field(default_factory=list)

    def figures(self) -> dict[str, Any]:
        everything = [*self.runs, *self.half]
        took = [one for turn in self.half for one in turn.loaded.took]
        return {
            "messages_per_s": round(median(turn.loaded.messages_per_s for turn in self.runs), 1),
            "cpu_us": round(median(turn.cpu_us for turn in self.runs), 1),
            "p99_ms": round(_p99(took) * 1000, 1) if took else None,
            "cpu_parts_us": {
                part: round(median(getattr(turn.used, part) or 0.0 for turn in self.runs), 1)
                for part in ("client", "postgres", "broker")
            },
            "rounds": [round(turn.loaded.messages_per_s, 1) for turn in self.runs],
            "behind_s": round(max(turn.behind for turn in self.runs), 2),
            "lost": sum(turn.answered.lost for turn in everything),
            "repeated": sum(turn.answered.repeated for turn in everything),
            "not_accepted": sum(_refused(turn.loaded) for turn in everything),
        }


def measure(stack: Stack, plan: Plan, say: Callable[[str], None]) -> dict[str, Any]:
    """Measure all of them by turns; returns `bare`, `unsigned`, `batches` and `goals`."""
    with servers.ours(stack) as ours, servers.bare(stack) as bare:
        contenders = {name: Contender(stack, bare if name == BARE else ours, name, plan) for name in CONTENDERS}
        turns = {name: Turns() for name in CONTENDERS}
        for number in range(1, plan.rounds + 1):
            for name, contender in contenders.items():
                turn = contender.take_turn(plan.seconds, warm_up=plan.warm_up)
                turns[name].runs.append(turn)
                say(f"round {number}  {name:<10}{_said(turn)}")
        rate = median(turn.loaded.messages_per_s for turn in turns[BARE].runs) / 2
        for number in range(1, plan.rounds + 1):
            for name in (BARE, UNSIGNED):
                turn = contenders[name].take_turn(plan.half_load, rate=rate)
                turns[name].half.append(turn)
                say(f"half load {number}  {name:<10}{_said(turn)}  p99 {_p99(turn.loaded.took) * 1000:.1f} ms")
    figures = {name: one.figures() for name, one in turns.items()}
    return {**figures, "half_load_per_s": round(rate, 1), "goals": _goals(turns)}


def _goals(turns: Mapping[str, Turns]) -> dict[str, Any]:
    """Of what is said of each round, ratios are within the round."""

    def ratio(name: str, of: Callable[[Turn], float], kind: str = "runs") -> float:
        pairs = zip(getattr(turns[name], kind), getattr(turns[BARE], kind), strict=True)
        return median(of(one) / of(bare) for one, bare in pairs)

    measured = {
        "unsigned_of_bare": ratio(UNSIGNED, lambda turn: turn.loaded.messages_per_s),
        "batches_of_bare": ratio(BATCHES, lambda turn: turn.loaded.messages_per_s),
        "p99_of_bare": ratio(UNSIGNED, lambda turn: _p99(turn.loaded.took), "half"),
        "cpu_of_bare": ratio(UNSIGNED, lambda turn: turn.cpu_us),
    }
    return {
        name: {
            "measured": round(value, 3),
            "goal": GOALS[name],
            "reached": value <= GOALS[name] if name in AT_MOST else value >= GOALS[name],
        }
        for name, value in measured.items()
    }


def lines(figures: Mapping[str, Any]) -> Iterator[str]:
    """What is printed of it."""
    heads = ("messages/s", "lost", "repeated", "server µs", "PostgreSQL µs", "broker µs", "p99 ms")
    widths = (12, 6, 10, 11, 15, 11, 9)
    yield f"{'by HTTP':<12}" + "".join(f"{head:>{width}}" for head, width in zip(heads, widths, strict=True))
    for name in CONTENDERS:
        said = figures[name]
        cpu = said["cpu_parts_us"]
        values = (
            *(said["messages_per_s"], said["lost"], said["repeated"]),
            *(cpu["client"], cpu["postgres"], cpu["broker"], said["p99_ms"]),
        )
        cells = ("-" if value is None else f"{value:,.0f}" for value in values[:-1])
        p99 = "-" if values[-1] is None else f"{values[-1]:.1f}"
        yield f"{name:<12}" + "".join(f"{cell:>{width}}" for cell, width in zip((*cells, p99), widths, strict=True))
    yield f"p99 at half of bare's rate, {figures['half_load_per_s']:,.0f} messages/s"
    for name, said in figures["goals"].items():
        verdict = "reached" if said["reached"] else "missed"
        least = "at most" if name in AT_MOST else "at least"
        yield f"http     {name} is {said['measured']:.2f}; the goal is {least} {said['goal']:g}: {verdict}"


def is_right(figures: Mapping[str, Any]) -> bool:
    """Whether all that was accepted was there afterwards, once."""
    return not any(figures[name]["lost"] or figures[name]["repeated"] for name in CONTENDERS)


def compare(accepted: Collection[str], arrived: Iterable[str]) -> Answered:
    """Count what was accepted and is not there, and what is there more than once."""
    there = Counter(arrived)
    return Answered(
        lost=len(set(accepted) - there.keys()), repeated=sum(count - 1 for count in there.values() if count > 1)
    )


class Contender:
    """One that takes turns."""

    def __init__(self, stack: Stack, server: Server, name: str, plan: Plan) -> None:
        self._stack, self._server = stack, server
        key = servers.public_key(stack, messages.RECIPIENT)
        patterns = {source: messages.pattern(source, key) for source in SENDERS}
        ask = messages.in_batches if name == BATCHES else messages.one_by_one
        self._asking: list[Iterator[Asked]] = []
        for number in range(plan.connections):
            source = SENDERS[number % len(SENDERS)]
            self._asking.append(ask(server.host, patterns[source], server.keys.get(source)))
        postgres, broker = stack.postgres, stack.broker
        self._processor = Processor(
            [process.pid for process in server.processes if process.pid is not None],
            None if postgres is None else postgres.pid,
            None if broker is None else broker.pid,
        )

    def take_turn(self, seconds: float, *, rate: float | None = None, warm_up: float = 0.0) -> Turn:
        """Load it, and see that all that it accepted has arrived."""
        with self._arriving() as arrived:
            accepted: list[str] = []
            if warm_up:
                accepted += load(self._server.address, self._asking, warm_up).accepted
                arrived(accepted)
            before = self._processor.used()
            loaded = load(self._server.address, self._asking, seconds, rate=rate)
            if not loaded.accepted:
                raise OperatorError(f"{self._server.name} accepted nothing: {dict(loaded.statuses)}")
            ended = time.monotonic()
            there = arrived([*accepted, *loaded.accepted])
            behind, used = time.monotonic() - ended, self._processor.used().since(before)
            answered = compare([*accepted, *loaded.accepted], there())
        return Turn(loaded, used.each(len(loaded.accepted)), answered, behind)

    @contextlib.contextmanager
    def _arriving(self) -> Iterator[Callable[[Collection[str]], Callable[[], Iterable[str]]]]:
        """What waits until so many have arrived, and then says which."""
        if self._server.name == BARE:
            with psycopg.connect(self._stack.service_database_url(task.VHOST), autocommit=True) as connection:
                connection.execute("truncate message")
                yield (
                    lambda _: (
                        lambda: (str(row[0]) for row in connection.execute("select message_id from message").fetchall())
                    )
                )
            return
        queues = Queues(self._stack)
        try:
            queues.empty()
            yield queues.arrived
        finally:
            queues.close()


class Queues:
    """The queues that the gateway publishes to, while nobody reads them."""

    def __init__(self, stack: Stack) -> None:
        self._url = stack.amqp_url(topology.GATEWAY, topology.HUB)
        self._names = [topology.submitted_queue(name, None) for name in SENDERS]
        self._connection = wire.connect(self._url)
        self._channel = self._connection.channel()

    def close(self) -> None:
        self._connection.close()

    def empty(self) -> None:
        """Let nothing stand in them."""
        for name in self._names:
            self._channel.queue_purge(name)

    def ready(self) -> int:
        """How many messages stand in them."""
        return sum(int(self._channel.queue_declare(name, passive=True).message_count) for name in self._names)

    def arrived(self, accepted: Collection[str]) -> Callable[[], Iterable[str]]:
        """Return when so many have arrived, or nothing more comes."""
        deadline = time.monotonic() + ARRIVED_WITHIN
        while self.ready() < len(accepted) and time.monotonic() < deadline:
            time.sleep(0.02)
        return self.take

    def take(self) -> Iterator[str]:
        """The ids of all that stands in them, which is taken out."""
        for name in self._names:
            expected = int(self._channel.queue_declare(name, passive=True).message_count)
            consumer = wire.Consumer(self._url, name, READ_AT_ONCE)
            while expected > 0 and consumer.readable(ARRIVED_WITHIN):
                if deliveries := consumer.receive():
                    expected -= len(deliveries)
                    yield from (_id(one.body) for one in deliveries)
                    consumer.acknowledge(deliveries[-1].tag)
            consumer.close()


def _id(body: bytes) -> str:
    marker = b'"id":"'
    at = body.index(marker) + len(marker)
    return body[at : at + wire.UUID_LENGTH].decode()


def _p99(took: Collection[float]) -> float:
    return quantiles(took, n=100, method="inclusive")[98]


def _refused(loaded: Loaded) -> int:
    return sum(count for status, count in loaded.statuses.items() if status not in (200, 202))


def _said(turn: Turn) -> str:
    answered, used = turn.answered, turn.used
    return (
        f"{turn.loaded.messages_per_s:8,.0f} messages/s  {turn.cpu_us:6.0f} µs"
        f" ({used.client:.0f} + {used.postgres or 0:.0f} + {used.broker or 0:.0f})"
        f"  lost {answered.lost}  repeated {answered.repeated}  not accepted {_refused(turn.loaded)}"
    )
