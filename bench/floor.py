"""The floor: the tightest loop for the task that we could write in Python, kept as correct as the others.

    python -m bench.floor          (SERVICE_DATABASE_URL, SERVICE_AMQP_URL)

Frames by hand both ways, one transaction and one system call for hundreds of messages, the answer written as bytes
without a model. Three batches are under way at any time: one is read and prepared, one is committed by a thread, one
waits for the broker's confirms. An outbox row is marked in a later transaction than the one that wrote it, once its
confirm has come; what a killed process leaves unmarked is published at the next start.
"""

import gc
import hashlib
import os
import signal
import sys
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
from pydantic_core import to_json

import contracts
from bench import task
from bench.wire import Consumer, Delivery, Publisher

BATCH = 400  # messages
IDLE = 0.02  # seconds

REGISTER = """
    insert into inbox (source, message_id, digest)
    select * from unnest(%b::text[], %b::uuid[], %b::bytea[])
    on conflict do nothing
    returning source, message_id
"""

SAVE_REFERRALS = """
    insert into referral
    select new.* from json_to_recordset(%s::json) as new(
        referral_id uuid, sender text, recipient text, service_id uuid, person_id uuid, urgency text, need_code text,
        consent_id uuid, state text, sequence integer, sealed text, requested_at timestamptz)
"""

WRITE_ANSWERS = """
    with written as (
        insert into outbox (routing_key, message_id, body)
        select routing_key, message_id, convert_from(body, 'UTF8')
        from unnest(%b::text[], %b::uuid[], %b::bytea[]) as new(routing_key, message_id, body)
        returning position
    )
    select max(position) from written
"""

MARK = "update published set up_to = %s"

LEFT = """
    select position, routing_key, message_id::text, body from outbox, published where position > up_to order by position
"""


@dataclass(slots=True)
class Prepared:
    """A request that has been read, and all that follows from it."""

    message: contracts.Message[contracts.ReferralRequested]
    digest: bytes
    referral: dict[str, Any]
    answer_id: UUID
    answer: bytes


@dataclass(slots=True)
class Batch:
    """Prepared requests on their way through commit, publication and acknowledgement."""

    last_tag: int
    prepared: list[Prepared]
    committed: "Future[int] | None" = None
    position: int = 0  # the last one this batch has in the outbox
    confirm: int = 0  # the number of its last answer among all that were published


def prepare(deliveries: list[Delivery]) -> Batch:
    """Read and validate requests, and make what is to be written and said."""
    now = datetime.now(UTC)
    prepared = []
    for delivery in deliveries:
        message = contracts.parse(delivery.body)
        answer_id, answer = write_answer(message, now)
        digest = hashlib.sha256(delivery.body).digest()
        prepared.append(Prepared(message, digest, task.referral_row(message), answer_id, answer))
    return Batch(deliveries[-1].tag, prepared)


def write_answer(message: contracts.Message[contracts.ReferralRequested], now: datetime) -> tuple[UUID, bytes]:
    """Write what `task.answer` says without making models of it; returns its id and its JSON."""
    request = message.data
    answer_id = contracts.uuid7()
    answer = {
        "specversion": "1.0",
        "id": answer_id,
        "source": "hub",
        "type": "referral.status.v1",
        "subject": message.subject,
        "time": now,
        "datacontenttype": "application/json",
        "correlationid": message.correlationid or message.id,
        "causationid": message.id,
        "sequence": "0000000001",
        "recipient": message.source,
        "data": {
            "referral_id": request.referral_id,
            "state": "sent",
            "changed_at": now,
            "changed_by": message.source,
            "sender": message.source,
            "recipient": request.recipient,
            "service_id": request.service_id,
        },
    }
    return answer_id, to_json(answer)


class Floor:
    """The loop, with its database and its two connections to the broker."""

    def __init__(self, database_url: str, amqp_url: str) -> None:
        self._database = psycopg.connect(database_url, autocommit=True)
        self._thread = ThreadPoolExecutor(1)
        self._consumer = Consumer(amqp_url, task.QUEUE, prefetch=4 * BATCH)
        self._publisher = Publisher(amqp_url, task.EXCHANGE)
        self._arrived: deque[Delivery] = deque()
        self._committing: Batch | None = None
        self._publishing: deque[Batch] = deque()
        self._marked = self._confirmed = 0  # positions in the outbox
        self.stopping = False

    def run(self) -> None:
        """Work until stopped, then finish what has been taken."""
        self._publish_left()
        while not self.stopping or self._committing or self._publishing:
            deliveries = [] if self.stopping else self._take()
            batch = prepare(deliveries) if deliveries else None
            self._publish_committed()
            if batch:
                batch.committed = self._thread.submit(self._write, batch, self._confirmed)
                self._committing = batch
            else:
                self._acknowledge(leave=0)
                if self._confirmed > self._marked:
                    self._mark(self._confirmed)

    def _take(self) -> list[Delivery]:
        """What has arrived, a batch at most; waits for the first only if nothing else is under way."""
        under_way = self._committing or self._publishing
        wait = 0.0 if under_way or self._arrived else IDLE
        while len(self._arrived) < BATCH and self._consumer.readable(wait):
            self._arrived.extend(self._consumer.receive())
            wait = 0.0
        return [self._arrived.popleft() for _ in range(min(BATCH, len(self._arrived)))]

    def _write(self, batch: Batch, confirmed: int) -> int:
        """Write a batch in one transaction, leaving out what is known; returns its last position in the outbox."""
        with self._database.transaction():
            keys = [one.message.source for one in batch.prepared], [one.message.id for one in batch.prepared]
            new = set(self._database.execute(REGISTER, (*keys, [one.digest for one in batch.prepared])))
            if len(new) < len(batch.prepared):
                by_key = {(one.message.source, one.message.id): one for one in batch.prepared}
                batch.prepared = [one for key, one in by_key.items() if key in new]
            if not batch.prepared:
                return 0
            with self._database.pipeline():
                referrals = to_json([one.referral for one in batch.prepared]).decode()
                self._database.execute(SAVE_REFERRALS, (referrals,))
                written = self._database.execute(
                    WRITE_ANSWERS,
                    (
                        [f"to.{one.message.source}" for one in batch.prepared],
                        [one.answer_id for one in batch.prepared],
                        [one.answer for one in batch.prepared],
                    ),
                )
                self._mark(confirmed)
        row = written.fetchone()
        assert row is not None
        return int(row[0])

    def _publish_committed(self) -> None:
        batch, self._committing = self._committing, None
        if batch is None or batch.committed is None:
            return
        batch.position = batch.committed.result()
        self._acknowledge(leave=1)
        self._publisher.send((f"to.{one.message.source}", str(one.answer_id), one.answer) for one in batch.prepared)
        batch.confirm = self._publisher.sent
        self._publishing.append(batch)

    def _acknowledge(self, leave: int) -> None:
        """Acknowledge published batches once they are confirmed, all but the last `leave` of them."""
        while len(self._publishing) > leave:
            batch = self._publishing.popleft()
            self._publisher.wait_for_confirms(batch.confirm)
            self._consumer.acknowledge(batch.last_tag)
            self._confirmed = max(self._confirmed, batch.position)

    def _mark(self, position: int) -> None:
        self._database.execute(MARK, (position,))
        self._marked = position

    def _publish_left(self) -> None:
        rows = self._database.execute(LEFT).fetchall()
        if rows:
            self._publisher.send((routing_key, message_id, body.encode()) for _, routing_key, message_id, body in rows)
            self._publisher.wait_for_confirms(self._publisher.sent)
        line = self._database.execute("select coalesce(max(position), 0) from outbox").fetchone()
        assert line is not None
        self._confirmed = int(line[0])
        self._mark(self._confirmed)


def main() -> None:
    """Run the floor until SIGTERM."""
    floor = Floor(os.environ["SERVICE_DATABASE_URL"], os.environ["SERVICE_AMQP_URL"])

    def stop(*_: object) -> None:
        floor.stopping = True

    signal.signal(signal.SIGTERM, stop)
    sys.setswitchinterval(0.0005)  # seconds; the committing thread has little to do but must not wait to do it
    gc.collect()
    gc.disable()  # the loop makes no cycles
    print("ready floor", flush=True)
    floor.run()


if __name__ == "__main__":
    main()
