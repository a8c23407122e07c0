"""Runs contenders and measures them: throughput with a backlog, time from end to end at half load, memory."""

import contextlib
import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import requests, task, wire
from bench.contenders import Contender
from bench.ground import Ground
from bench.requests import Request
from deploy.local import Trouble
from deploy.local.process import Process

LOOK_EVERY = 0.02  # seconds
STALLED_AFTER = 30  # seconds without another answer
READY_WITHIN = 30  # seconds
TICK = 0.005  # seconds between publications at half load


@dataclass(frozen=True)
class Throughput:
    """What one run with a backlog has shown."""

    messages_per_s: float
    lost: int
    repeated: int
    rss_mb: float  # of the largest process, at its highest
    cpu_us: float  # of all the contender's own processes, for one message


@dataclass(frozen=True)
class Latency:
    """Milliseconds from the publication of a request to the arrival of its answer."""

    offered_per_s: float
    p50_ms: float
    p99_ms: float


def throughput(
    ground: Ground,
    contender: Contender,
    asked: Sequence[Request],
    *,
    processes: int = 1,
    before: Callable[[Ground, Sequence[Request]], None] | None = None,
) -> Throughput:
    """Let a contender work off a queue of requests; what `before` puts into the queue stands before them.

    The clock runs from the first answer that is seen to the last, so that starting up costs nobody anything.
    """
    with ground.fresh(contender.service):
        if before is not None:
            before(ground, asked)
        ground.fill(asked)
        with _running(contender, ground, processes) as running, ground.looking() as look:
            first = first_at = last = 0.0
            watch, changed_at = _Watch(running), time.monotonic()
            while last < len(asked):
                time.sleep(LOOK_EVERY)
                seen, now = look.ready(task.ANSWERS), time.monotonic()
                watch.look()
                if seen > last:
                    if not first:
                        first, first_at = seen, now
                        watch.start_clock()
                    last, changed_at = seen, now
                elif now - changed_at > STALLED_AFTER:
                    break
            cpu_us = watch.cpu_since_start() * 1e6 / max(1, last - first)
        answered = requests.compare(asked, ground.answers())
        if not answered.lost:
            _check(ground, contender, len(asked))
    if last == first:
        raise Trouble(f"{contender.name} answered nothing; see {ground.stack.state.logs}")
    rate = (last - first) / (changed_at - first_at)
    return Throughput(rate, answered.lost, answered.repeated, watch.highest_mb, cpu_us)


def latency(ground: Ground, contender: Contender, rate: float, seconds: float) -> Latency:
    """Offer requests at a steady rate and time each answer."""
    asked = requests.make(int(rate * seconds))
    sent_at: dict[str, float] = {}
    took: list[float] = []
    with ground.fresh(contender.service), _running(contender, ground, 1):
        _wait_for_consumers(ground, 1)
        publisher = wire.Publisher(ground.amqp_url, task.EXCHANGE)
        answers = wire.Consumer(ground.amqp_url, task.ANSWERS, prefetch=1_000)
        start = time.monotonic()
        deadline = start + seconds + STALLED_AFTER
        while len(took) < len(asked) and time.monotonic() < deadline:
            now = time.monotonic()
            due = asked[len(sent_at) : min(len(asked), int((now - start) * rate))]
            sent_at.update((message_id, now) for message_id, _ in due)
            if due:
                publisher.send((requests.TYPE, message_id, body) for message_id, body in due)
            while publisher.readable():
                publisher.read_confirms()
            until = now + TICK
            while (left := until - time.monotonic()) > 0 and answers.readable(left):
                arrived, now = answers.receive(), time.monotonic()
                if arrived:
                    answers.acknowledge(arrived[-1].tag)
                took += [now - sent_at[_cause(delivery.body)] for delivery in arrived]
        publisher.close()
        answers.close()
    if len(took) < len(asked):
        raise Trouble(f"{contender.name} left {len(asked) - len(took)} requests unanswered at half load")
    centiles = statistics.quantiles(took[len(took) // 5 :], n=100)  # the first fifth warms up
    return Latency(rate, centiles[49] * 1000, centiles[98] * 1000)


def memory(ground: Ground, contender: Contender, backlog: Sequence[Request], seconds: float) -> float:
    """The highest RSS, in MB, of a contender's largest process while it works before such a backlog for so long."""
    with ground.fresh(contender.service):
        ground.fill(backlog)
        with _running(contender, ground, 1) as running:
            _wait_for_consumers(ground, 1)
            watch, deadline = _Watch(running), time.monotonic() + seconds
            while time.monotonic() < deadline:
                time.sleep(LOOK_EVERY)
                watch.look()
    return watch.highest_mb


@contextlib.contextmanager
def _running(contender: Contender, ground: Ground, count: int) -> Iterator[list[Process]]:
    processes = contender.processes(ground, count)
    try:
        for process in reversed(processes):
            process.start()
        yield processes
        for process in processes:
            if process.pid is None:
                raise Trouble(f"{process.name} ended by itself: {process.last_words()}")
    finally:
        for process in processes:
            process.stop()


def _wait_for_consumers(ground: Ground, count: int) -> None:
    deadline = time.monotonic() + READY_WITHIN
    with ground.looking() as look:
        while look.consumers(task.QUEUE) < count:
            if time.monotonic() > deadline:
                raise Trouble(f"Nobody read the queue within {READY_WITHIN} s; see {ground.stack.state.logs}")
            time.sleep(LOOK_EVERY)


def _check(ground: Ground, contender: Contender, asked: int) -> None:
    """After a run: everything acknowledged, every referral written, no answer forgotten in the outbox."""
    with ground.looking() as look:
        left = look.ready(task.QUEUE)
    written, unpublished = ground.number("select count(*) from referral"), ground.number(contender.unpublished)
    if left or written != asked or unpublished:
        raise Trouble(
            f"{contender.name} left {left} requests in the queue and {unpublished} answers in the outbox, "
            f"and wrote {written} of {asked} referrals."
        )


def _cause(answer: bytes) -> str:
    marker = b'"causationid":"'
    at = answer.index(marker) + len(marker)
    return answer[at : at + wire.UUID_LENGTH].decode()


class _Watch:
    """Processor time and memory of running processes, as Linux tells them."""

    def __init__(self, processes: Sequence[Process]) -> None:
        self.highest_mb = 0.0
        self._pids = [process.pid for process in processes if process.pid is not None]
        self._cpu_at_start = 0.0
        self._looks = 0

    def look(self) -> None:
        self._looks += 1
        if self._looks % 10 == 1:  # every fifth of a second
            self.highest_mb = max(self.highest_mb, *(_rss_mb(pid) for pid in self._pids))

    def start_clock(self) -> None:
        self._cpu_at_start = sum(map(_cpu_seconds, self._pids))

    def cpu_since_start(self) -> float:
        """Seconds."""
        return sum(map(_cpu_seconds, self._pids)) - self._cpu_at_start


def _rss_mb(pid: int) -> float:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0.0  # it has ended
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _cpu_seconds(pid: int) -> float:
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    user, system = int(after_name[11]), int(after_name[12])
    return (user + system) / os.sysconf("SC_CLK_TCK")
