"""The floor of real requests: what services/referrals writes and says for each, by hand.

    python -m bench.real.requests_floor          (SERVICE_DATABASE_URL, SERVICE_AMQP_URL, BENCH_BATCHES_FILE)

The same tables, rows and messages as the service's, in two round trips to the database for hundreds of requests. It
can do nothing else: a request that the service would refuse, or let wait, ends it. `bench/real/same.py` holds what it
has written against what the service has. Without a relay there is one partition of the outbox: 33,000 requests.
"""

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import psycopg
from pydantic_core import to_json

import contracts
from bench import batches, loop
from bench.loop import Out, Written
from bench.waits import waits
from bench.wire import Delivery
from contracts.deadlines import DECIDE_WITHIN as DECIDED
from contracts.deadlines import RECEIVE_WITHIN as RECEIVED
from contracts.transitions import SENT
from messaging import plausible
from services.referrals.rules import deadlines

Request = contracts.Message[contracts.ReferralRequested]

WRITER: Final = UUID(int=1)
RECEIVE_WITHIN: Final[Mapping[str, timedelta]] = {str(one): time for one, time in RECEIVED.items()}
DECIDE_WITHIN: Final[Mapping[str, timedelta]] = {str(one): time for one, time in DECIDED.items()}
REMIND_AT: Final = deadlines.STAGES[SENT][0][0]  # which part of the time has run when its first stage is due

OPEN_WRITER: Final = "insert into outbox_writer (writer, process) values (%s, 'floor') on conflict do nothing"

REGISTER: Final = """
    insert into inbox (source, message_id, digest)
    select * from unnest(%b::text[], %b::uuid[], %b::bytea[])
    on conflict do nothing
    returning source, message_id
"""

SERVICES: Final = """
    select service_id, organisation, case when cardinality(zones) = 1 then zones[1] end
    from service where service_id = any(%b::uuid[]) and active and not answered_by_hub
"""

# Which of the requests the consent that each names lets go. It cannot end before the transaction does.
CONSENTED: Final = """
    select consent_id
    from unnest(%b::uuid[], %b::uuid[], %b::text[], %b::text[], %b::text[])
             as asked(consent_id, person_id, sender, recipient, shares)
    join consent using (consent_id)
    where consent.person_id = asked.person_id and consent.granted_to = asked.sender
      and consent.ended_at is null and coalesce(consent.valid_until > %b, true) and consent.valid_from <= %b
      and 'refer' = any(consent.purposes) and asked.recipient = any(consent.recipients)
      and string_to_array(asked.shares, ' ') <@ consent.field_groups
    order by consent_id
    for share of consent
"""

# What the recipient is notified of besides: the open referrals of the person that ask the same service.
OPEN: Final = """
    select person_id, service_id, array_agg(referral_id order by referral_id) from referral
    where person_id = any(%b::uuid[])
      and state not in ('declined', 'redirected', 'expired', 'cancelled', 'closed', 'consent_withdrawn',
                        'entered_in_error')
    group by person_id, service_id
"""

SAVE_REFERRALS: Final = """
    insert into referral (referral_id, sender, sent_by, recipient, service_id, person_id, need_code, urgency,
                          consent_id, need_id, sent_at, answer_by, state, sequence, zone, deadline_length, deadline_at,
                          deadline_stage, due_at, request)
    select new.*
    from json_to_recordset(%s::json) as new(
        referral_id uuid, sender text, sent_by text, recipient text, service_id uuid, person_id uuid, need_code text,
        urgency text, consent_id uuid, need_id uuid, sent_at timestamptz, answer_by timestamptz, state text,
        sequence integer, zone text, deadline_length interval, deadline_at timestamptz, deadline_stage smallint,
        due_at timestamptz, request jsonb)
"""

ADD_HISTORY: Final = """
    insert into history (referral_id, sequence, what, organisation, actor, message_id, claimed_at, recorded_at)
    select referral_id, 1, 'sent', sender, 'sender', message_id, claimed_at, %b
    from unnest(%b::uuid[], %b::text[], %b::uuid[], %b::timestamptz[])
             as new(referral_id, sender, message_id, claimed_at)
"""

WRITE_OUT: Final = """
    insert into outbox (writer, routing_key, message_id, body)
    select %b, routing_key, message_id, convert_from(body, 'UTF8')
    from unnest(%b::text[], %b::uuid[], %b::bytea[]) as new(routing_key, message_id, body)
"""

ADVANCE: Final = """
    update outbox_writer
    set committed = case when %s then currval('outbox_position_seq') else committed end, published = %s,
        changed_at = clock_timestamp(), received = received + %s, applied = applied + %s
    where writer = %s
    returning committed
"""

MARK: Final = "update outbox_writer set published = %s where writer = %s"

LEFT: Final = """
    select routing_key, message_id::text, body from outbox join outbox_writer using (writer)
    where writer = %s and position > published order by position
"""

LAST: Final = "select committed from outbox_writer where writer = %s"


@dataclass(slots=True)
class Prepared:
    """A request that has been read."""

    message: Request
    digest: bytes
    request: bytes  # as JSON, without its sealed block


class RequestsFloor:
    """The part of the loop that is about requests."""

    def __init__(self, database_url: str, file: batches.BatchesFile) -> None:
        self._database = psycopg.connect(database_url, autocommit=True)
        self._database.execute(OPEN_WRITER, (WRITER,))
        self._file = file

    def prepare(self, deliveries: Sequence[Delivery]) -> list[Prepared]:
        """Read and validate requests."""
        prepared = []
        for delivery in deliveries:
            message = contracts.parse(delivery.body)
            prepared.append(Prepared(message, hashlib.sha256(delivery.body).digest(), as_json(message.data, "sealed")))
        return prepared

    def write(self, prepared: Sequence[Prepared], confirmed: int) -> Written:
        """Decide on a batch and write it, in one transaction."""
        with waits(self._database) as waited:
            written = self._write(prepared, confirmed)
        self._file.note(len(prepared), waited.number)
        return written

    def _write(self, prepared: Sequence[Prepared], confirmed: int) -> Written:
        now, run = datetime.now(UTC), self._database.execute
        with self._database.pipeline():
            run("begin")
            messages, digests = [one.message for one in prepared], [one.digest for one in prepared]
            register = run(REGISTER, ([one.source for one in messages], [one.id for one in messages], digests))
            services = run(SERVICES, ([*{one.data.service_id for one in messages}],))
            consented = run(CONSENTED, (*_asked(messages), now, now + plausible.CLOCKS_DIFFER))
            open_before = run(OPEN, ([one.data.person_id for one in messages],))
        new = _only_new(prepared, set(register))
        zones = {(service_id, organisation): zone for service_id, organisation, zone in services}
        allowed = {consent_id for (consent_id,) in consented}
        if not all(one.message.data.consent_id in allowed for one in new):
            raise SystemExit("a request without a consent that covers it")
        rows = [row_of(one, zones, now) for one in new]
        beside = {(person_id, service_id): ids for person_id, service_id, ids in open_before}
        out = [each for one, row in zip(new, rows, strict=True) for each in messages_of(one.message, row, beside)]
        with self._database.pipeline():
            run(SAVE_REFERRALS, (_as_array(new, rows),))
            run(ADD_HISTORY, (now, *_history(new)))
            keys, ids, bodies = zip(*out, strict=True) if out else ((), (), ())
            run(WRITE_OUT, (WRITER, list(keys), [UUID(one) for one in ids], list(bodies)))
            advanced = run(ADVANCE, (bool(out), confirmed, len(prepared), len(new), WRITER))
            run("commit")
        row = advanced.fetchone()
        assert row is not None
        return Written(out, row[0])

    def mark(self, position: int) -> None:
        """Note that all up to this position is published."""
        self._database.execute(MARK, (position, WRITER))

    def left(self) -> Written:
        """What a killed floor has left in the outbox."""
        rows = self._database.execute(LEFT, (WRITER,)).fetchall()
        last = self._database.execute(LAST, (WRITER,)).fetchone()
        assert last is not None
        return Written([(key, message_id, body.encode()) for key, message_id, body in rows], last[0])


def row_of(prepared: Prepared, zones: Mapping[tuple[UUID, str], str | None], now: datetime) -> dict[str, Any]:
    """The row of a referral that has just been sent, without what was asked."""
    message, asked = prepared.message, prepared.message.data
    latest = now + DECIDE_WITHIN[asked.urgency]
    answer_by = latest if asked.answer_by is None else min(asked.answer_by, latest)
    length = min(RECEIVE_WITHIN[asked.urgency], answer_by - now)
    return {
        "referral_id": asked.referral_id,
        "sender": message.source,
        "sent_by": message.source,
        "recipient": asked.recipient,
        "service_id": asked.service_id,
        "person_id": asked.person_id,
        "need_code": asked.need_code,
        "urgency": asked.urgency,
        "consent_id": asked.consent_id,
        "need_id": asked.need_id,
        "sent_at": now,
        "answer_by": answer_by,
        "state": "sent",
        "sequence": 1,
        "zone": zones[asked.service_id, asked.recipient],  # KeyError: no such service of the recipient's
        "deadline_length": f"{length.total_seconds():f} seconds",
        "deadline_at": now + length,
        "deadline_stage": 0,
        "due_at": now + length * REMIND_AT,
    }


def messages_of(
    message: Request, row: Mapping[str, Any], beside: Mapping[tuple[UUID | None, UUID], Sequence[UUID]]
) -> tuple[Out, Out, Out]:
    """What the recipient, the sender and the hub's services are told, without models of it."""
    asked, now = message.data, row["sent_at"]
    parties = {
        "changed_at": now,
        "changed_by": message.source,
        "sender": message.source,
        "recipient": asked.recipient,
        "service_id": asked.service_id,
    }
    offered = {
        "referral_id": asked.referral_id,
        "sender": message.source,
        "receive_by": row["deadline_at"],
        "answer_by": row["answer_by"],
        "also_open": beside.get((asked.person_id, asked.service_id), ()),
    }
    status = {
        "referral_id": asked.referral_id,
        "state": "sent",
        **parties,
        "due_at": row["deadline_at"],
        "missing_documents": (),
    }
    recorded = {
        "referral_id": asked.referral_id,
        "state": "sent",
        **parties,
        "person_id": asked.person_id,
        **({} if asked.need_id is None else {"need_id": asked.need_id}),
        "need_code": asked.need_code,
        "urgency": asked.urgency,
        "sent_at": now,
        "answer_by": row["answer_by"],
        **({} if row["zone"] is None else {"zone": row["zone"]}),
        "confidential": False,
        "due_at": row["deadline_at"],
        "waits_for": "receipt",
        "next_step": "remind",
        "next_step_at": row["due_at"],
        **({} if asked.consent_id is None else {"consent_id": asked.consent_id}),
        "reason_code": asked.reason_code,
        "shares": asked.shares,
        **({} if asked.minor is None else {"minor": asked.minor.model_dump(mode="json", exclude_none=True)}),
        "missing_documents": (),
    }
    return (
        _out(message, "referral.offered.v1", now, offered, to=asked.recipient, request=as_json(asked)),
        _out(message, "referral.status.v1", now, status, to=message.source),
        _out(message, "referral.recorded.v1", now, recorded, to=None),
    )


def as_json(asked: contracts.ReferralRequested, *without: str) -> bytes:
    """What was asked, as it travels."""
    return asked.__pydantic_serializer__.to_json(asked, exclude_none=True, exclude={*without})


def _out(
    cause: Request, kind: str, now: datetime, data: Mapping[str, Any], *, to: str | None, request: bytes | None = None
) -> Out:
    message_id = contracts.uuid7()
    envelope = {
        "specversion": "1.0",
        "id": message_id,
        "source": "hub",
        "type": kind,
        "subject": cause.subject,
        "time": now,
        "datacontenttype": "application/json",
        "correlationid": cause.correlationid or cause.id,
        "causationid": cause.id,
        "sequence": "0000000001",
        **({} if to is None else {"recipient": to}),
        "data": data,
    }
    body = to_json(envelope)
    if request is not None:
        body = body[:-2] + b',"request":' + request + b"}}"
    return f"to.{to}.{kind}" if to else kind, str(message_id), body


def _only_new(prepared: Sequence[Prepared], new: set[tuple[str, UUID]]) -> Sequence[Prepared]:
    if len(new) == len(prepared):
        return prepared
    by_key = {(one.message.source, one.message.id): one for one in prepared}
    return [one for key, one in by_key.items() if key in new]


def _asked(messages: Sequence[Request]) -> tuple[list[Any], ...]:
    return (
        [one.data.consent_id for one in messages],
        [one.data.person_id for one in messages],
        [one.source for one in messages],
        [one.data.recipient for one in messages],
        [" ".join(one.data.shares) for one in messages],
    )


def _history(prepared: Sequence[Prepared]) -> tuple[list[Any], ...]:
    messages = [one.message for one in prepared]
    return (
        [one.data.referral_id for one in messages],
        [one.source for one in messages],
        [one.id for one in messages],
        [one.time for one in messages],
    )


def _as_array(prepared: Sequence[Prepared], rows: Sequence[Mapping[str, Any]]) -> str:
    whole = (to_json(row)[:-1] + b',"request":' + one.request + b"}" for one, row in zip(prepared, rows, strict=True))
    return (b"[" + b",".join(whole) + b"]").decode()


if __name__ == "__main__":
    loop.run(
        "requests-floor",
        lambda url: RequestsFloor(url, batches.BatchesFile(Path(os.environ[batches.VARIABLE]))),
    )
