"""Runs contenders and measures them: throughput with a backlog, time from end to end at half load, memory."""

import contextlib
import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, LiteralString

import psycopg

from bench import batches, messages, requests, task, wire
from bench.batches import Batch
from bench.contenders import Contender
from bench.ground import Ground, Look
from bench.messages import Sent
from bench.processor import Processor, Used
from deploy.local import OperatorError
from deploy.local.process import Process

LOOK_EVERY = 0.02  # seconds
COUNT_EVERY = 0.1  # seconds between counts of what is left to do
STALLED_AFTER = 30  # seconds without another answer
READY_WITHIN = 30  # seconds
TICK = 0.005  # seconds between publications at half load


@dataclass(frozen=True)
class Work:
    """What a contender is given, and where it shows how much of it is done: every message has one answer."""

    messages: Sequence[Sent]
    before: Sequence[Sent] = ()  # what stands in the queue before them, and is not measured
    queue: str = task.QUEUE
    answers: str = task.ANSWERS  # the queue of the answers
    answers_before: int = 0  # how many of them there are to what stands before
    written: LiteralString = "select count(*) from referral"  # has to be the number of messages in the end
    left: LiteralString | None = None  # counts what is still to be done when all has been answered


@dataclass(frozen=True)
class Throughput:
    """What one run with a backlog has shown."""

    messages_per_s: float
    lost: int
    repeated: int
    rss_mb: float  # of the largest process, at its highest
    used: Used  # microseconds of processor for one message
    batches: Sequence[Batch] = field(default=(), repr=False)  # where the contender counts them

    @property
    def cpu_us(self) -> float:
        """Of all the contender's own processes, for one message."""
        return self.used.client


@dataclass(frozen=True)
class Latency:
    """Milliseconds from the publication of a request to the arrival of its answer."""

    offered_per_s: float
    p50_ms: float
    p99_ms: float


def throughput(
    ground: Ground,
    contender: Contender,
    work: Work,
    *,
    processes: int = 1,
    before: Callable[[Ground], Any] = lambda ground: None,
    after: Callable[[Ground], Any] = lambda ground: None,
) -> Throughput:
    """Let a contender work off a queue.

    `before` prepares its tables, which are empty; `after` looks at what it has written, before that is gone.

    The clock runs from the first answer that is seen to the last, so that starting up costs nobody anything.
    """
    with ground.fresh(contender.service):
        before(ground)
        ground.fill([*work.before, *work.messages])
        with running(contender, ground, processes) as started:
            clock = _Clock(ground, started)
            with ground.looking() as look, _counting(ground, work.left) as left:
                clock.run(look, work, left)
        answered = _compare(ground, work)
        if not answered.lost:
            _check(ground, contender, work)
        after(ground)
    if clock.answered == 0:
        raise OperatorError(f"{contender.name} answered nothing; see {ground.stack.state.logs}")
    return Throughput(
        clock.answered / clock.seconds,
        answered.lost,
        answered.repeated,
        clock.highest_mb,
        clock.used.each(clock.answered),
        batches.read(contender.batches_file(ground), clock.began, clock.ended),
    )


def latency(ground: Ground, contender: Contender, rate: float, seconds: float) -> Latency:
    """Offer requests at a steady rate and time each answer."""
    asked = requests.make(int(rate * seconds))
    sent_at: dict[str, float] = {}
    took: list[float] = []
    with ground.fresh(contender.service), running(contender, ground, 1):
        _wait_for_consumers(ground, 1)
        publisher = wire.Publisher(ground.amqp_url, task.EXCHANGE)
        answers = wire.Consumer(ground.amqp_url, task.ANSWERS, prefetch=1_000)
        start = time.monotonic()
        deadline = start + seconds + STALLED_AFTER
        while len(took) < len(asked) and time.monotonic() < deadline:
            now = time.monotonic()
            due = asked[len(sent_at) : min(len(asked), int((now - start) * rate))]
            sent_at.update((one.message_id, now) for one in due)
            if due:
                publisher.send(due)
            while publisher.readable():
                publisher.read_confirms()
            until = now + TICK
            while (left := until - time.monotonic()) > 0 and answers.readable(left):
                arrived, now = answers.receive(), time.monotonic()
                if arrived:
                    answers.acknowledge(arrived[-1].tag)
                took += [now - sent_at[cause(delivery.body)] for delivery in arrived]
        publisher.close()
        answers.close()
    if len(took) < len(asked):
        raise OperatorError(f"{contender.name} left {len(asked) - len(took)} requests unanswered at half load")
    centiles = statistics.quantiles(took[len(took) // 5 :], n=100)  # the first fifth warms up
    return Latency(rate, centiles[49] * 1000, centiles[98] * 1000)


def memory(ground: Ground, contender: Contender, backlog: Sequence[Sent], seconds: float) -> float:
    """The highest RSS, in MB, of a contender's largest process while it works before such a backlog for so long."""
    with ground.fresh(contender.service):
        ground.fill(backlog)
        with running(contender, ground, 1) as started:
            _wait_for_consumers(ground, 1)
            watch, deadline = _Memory(started), time.monotonic() + seconds
            while time.monotonic() < deadline:
                time.sleep(LOOK_EVERY)
                watch.look()
    return watch.highest_mb


@contextlib.contextmanager
def running(contender: Contender, ground: Ground, count: int) -> Iterator[list[Process]]:
    """A contender's processes while they run; OperatorError when one has ended by itself."""
    processes = contender.processes(ground, count)
    try:
        for process in reversed(processes):
            process.start()
        yield processes
        for process in processes:
            if process.pid is None:
                raise OperatorError(f"{process.name} ended by itself: {process.why()}")
    finally:
        for process in processes:
            process.stop()


def processor(ground: Ground, processes: Sequence[Process]) -> Processor:
    """The processor time of these processes of Ruta's, and of the servers where they are our own."""
    postgres, broker = ground.stack.postgres, ground.stack.broker
    return Processor(
        [process.pid for process in processes if process.pid is not None],
        None if postgres is None else postgres.pid,
        None if broker is None else broker.pid,
    )


def _wait_for_consumers(ground: Ground, count: int) -> None:
    deadline = time.monotonic() + READY_WITHIN
    with ground.looking() as look:
        while look.consumers(task.QUEUE) < count:
            if time.monotonic() > deadline:
                raise OperatorError(f"Nobody read the queue within {READY_WITHIN} s; see {ground.stack.state.logs}")
            time.sleep(LOOK_EVERY)


def _compare(ground: Ground, work: Work) -> messages.Answered:
    before = {one.message_id for one in work.before}
    return messages.compare(work.messages, ground.answers(work.answers), before)


def _check(ground: Ground, contender: Contender, work: Work) -> None:
    """After a run: everything acknowledged, everything written, no answer forgotten in the outbox."""
    with ground.looking() as look:
        left = look.ready(work.queue)
    written, unpublished = ground.number(work.written), ground.number(contender.unpublished)
    if left or written != len(work.messages) or unpublished:
        raise OperatorError(
            f"{contender.name} left {left} messages in the queue and {unpublished} answers in the outbox, "
            f"and wrote {written} of {len(work.messages)} rows."
        )


@contextlib.contextmanager
def _counting(ground: Ground, query: LiteralString | None) -> Iterator[Callable[[], int]]:
    """What counts the work that is left; nothing is, where there is no query."""
    if query is None:
        yield lambda: 0
        return
    with psycopg.connect(ground.database_url, autocommit=True) as connection:

        def count() -> int:
            time.sleep(COUNT_EVERY - LOOK_EVERY)
            row = connection.execute(query).fetchone()
            assert row is not None
            return int(row[0])

        yield count


class _Clock:
    """Watches a contender from its first answer to its last."""

    def __init__(self, ground: Ground, processes: Sequence[Process]) -> None:
        self._memory = _Memory(processes)
        self._processor = processor(ground, processes)
        self.began = self.ended = 0.0
        self.answered = 0  # while the clock ran
        self.used = Used(0, 0, 0)  # seconds of processor

    @property
    def seconds(self) -> float:
        return self.ended - self.began

    @property
    def highest_mb(self) -> float:
        return self._memory.highest_mb

    def run(self, look: Look, work: Work, count_left: Callable[[], int]) -> None:
        """Return when all has been done, or nothing more comes.

        Where so few are asked that all answers come between two looks, the clock runs from the start.
        """
        first = seen = 0
        left: int | None = None
        started = changed_at = time.monotonic()
        at_start = before = self._processor.used()
        while seen < len(work.messages) or left != 0:
            time.sleep(LOOK_EVERY)
            self._memory.look()
            last, seen = (seen, left), look.ready(work.answers) - work.answers_before
            if seen >= len(work.messages):
                left = count_left()
            now = time.monotonic()
            if seen > 0 and not self.began:
                first, self.began, before = seen, now, self._processor.used()
            if (seen, left) != last and seen > 0:
                changed_at = now
            elif now - changed_at > STALLED_AFTER:
                break
        if first == seen:
            first, self.began, before = 0, started, at_start
        self.answered, self.ended = seen - first, changed_at
        self.used = self._processor.used().since(before)


class _Memory:
    """The memory of running processes, as Linux tells it."""

    def __init__(self, processes: Sequence[Process]) -> None:
        self.highest_mb = 0.0
        self._pids = [process.pid for process in processes if process.pid is not None]
        self._looks = 0

    def look(self) -> None:
        self._looks += 1
        if self._looks % 10 == 1:  # every fifth of a second
            self.highest_mb = max(self.highest_mb, *(_rss_mb(pid) for pid in self._pids))


def _rss_mb(pid: int) -> float:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0.0  # it has ended
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def cause(answer: bytes) -> str:
    """Find the id of the message that an answer answers."""
    marker = b'"causationid":"'
    at = answer.index(marker) + len(marker)
    return answer[at : at + wire.UUID_LENGTH].decode()
