"""The floor: the tightest loop for the task that we could write in Python, kept as correct as the others.

    python -m bench.floor          (SERVICE_DATABASE_URL, SERVICE_AMQP_URL)

The answer is written as bytes without a model; all around it is `bench/loop.py`.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
from pydantic_core import to_json

import contracts
from bench import loop, task
from bench.loop import Written
from bench.wire import Delivery

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
    """The floor's part of the loop."""

    def __init__(self, database_url: str) -> None:
        self._database = psycopg.connect(database_url, autocommit=True)

    def prepare(self, deliveries: Sequence[Delivery]) -> list[Prepared]:
        """Read and validate requests, and make what is to be written and said."""
        now = datetime.now(UTC)
        prepared = []
        for delivery in deliveries:
            message = contracts.parse(delivery.body)
            answer_id, answer = write_answer(message, now)
            digest = hashlib.sha256(delivery.body).digest()
            prepared.append(Prepared(message, digest, task.referral_row(message), answer_id, answer))
        return prepared

    def write(self, prepared: Sequence[Prepared], confirmed: int) -> Written:
        """Write a batch in one transaction, leaving out what is known."""
        with self._database.transaction():
            keys = [one.message.source for one in prepared], [one.message.id for one in prepared]
            new = set(self._database.execute(REGISTER, (*keys, [one.digest for one in prepared])))
            if len(new) < len(prepared):
                by_key = {(one.message.source, one.message.id): one for one in prepared}
                prepared = [one for key, one in by_key.items() if key in new]
            if not prepared:
                self.mark(confirmed)
                return Written()
            with self._database.pipeline():
                referrals = to_json([one.referral for one in prepared]).decode()
                self._database.execute(SAVE_REFERRALS, (referrals,))
                written = self._database.execute(
                    WRITE_ANSWERS,
                    (
                        [f"to.{one.message.source}" for one in prepared],
                        [one.answer_id for one in prepared],
                        [one.answer for one in prepared],
                    ),
                )
                self.mark(confirmed)
        row = written.fetchone()
        assert row is not None
        out = [(f"to.{one.message.source}", str(one.answer_id), one.answer) for one in prepared]
        return Written(out, int(row[0]))

    def mark(self, position: int) -> None:
        """Note that all up to this position is published."""
        self._database.execute(MARK, (position,))

    def left(self) -> Written:
        """What a killed floor has left in the outbox."""
        rows = self._database.execute(LEFT).fetchall()
        line = self._database.execute("select coalesce(max(position), 0) from outbox").fetchone()
        assert line is not None
        return Written([(key, message_id, body.encode()) for _, key, message_id, body in rows], int(line[0]))


if __name__ == "__main__":
    loop.run("floor", Floor)
