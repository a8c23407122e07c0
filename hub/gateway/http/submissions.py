"""What one transaction writes of what several requests bring: rows of `submission`, of `outbox`, and kept answers."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from psycopg.types.json import Jsonb

from hub.gateway.keeping import SUBMITTED_FOR_LONGEST
from messaging import outbox
from messaging.broker import Publication
from messaging.database import Connection
from messaging.identity import HUB
from messaging.outbox import Committed, Tally

log = logging.getLogger("ruta.gateway")

KEPT_FOR = timedelta(hours=24)  # an answer, for whoever asks again with the same Idempotency-Key

# Of several processes one has its transaction at a time: what is neither in the tables nor in this transaction is new.
TAKE_TURN = "select pg_advisory_xact_lock(x'68747470'::integer)"

KEPT = """
    select organisation, key, request_sha256, status, answer
    from idempotency join unnest(%b::text[], %b::text[]) as asked(organisation, key) using (organisation, key)
    where begun_at > %b
"""

SUBMIT = """
    insert into submission (source, message_id, digest, type, system, accepted_at)
    select source, message_id, digest, type, system, %b
    from unnest(%b::text[], %b::uuid[], %b::bytea[], %b::text[], %b::text[])
         as new(source, message_id, digest, type, system)
    on conflict do nothing
    returning source, message_id
"""

KNOWN = """
    select source, message_id, digest, accepted_at
    from submission join unnest(%b::text[], %b::uuid[]) as asked(source, message_id) using (source, message_id)
"""

# One that is older than KEPT_FOR, and has not been removed yet, gives way.
KEEP = """
    insert into idempotency (organisation, key, request_sha256, begun_at, status, answer)
    values (%s, %s, %s, %s, %s, %s)
    on conflict (organisation, key) do update
    set request_sha256 = excluded.request_sha256, begun_at = excluded.begun_at, status = excluded.status,
        answer = excluded.answer
"""


@dataclass(frozen=True, slots=True)
class Submission:
    """One admitted message, and where it goes."""

    source: str
    system: str | None
    message_id: UUID
    type: str
    routing_key: str
    body: bytes
    digest: bytes

    @property
    def name(self) -> tuple[str, UUID]:
        """What it is known by."""
        return self.source, self.message_id


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one submission."""

    state: Literal["accepted", "repeated", "id_reused"]
    accepted_at: datetime
    """When it, or what has its id, was accepted first."""


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """By which a request may be made again."""

    organisation: str
    key: str
    request_sha256: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request is answered, where it is no problem of the whole."""

    status: int
    content: dict[str, object]
    replayed: bool = False


Answering = Callable[[Sequence[Taken]], Answer]


@dataclass(frozen=True, slots=True)
class Request:
    """What one request brings."""

    submissions: Sequence[Submission]
    answering: Answering
    """Makes its answer of what became of each of its submissions."""
    key: IdempotencyKey | None = None


class KeyReused(Exception):
    """The Idempotency-Key has come with another request."""


Result = Answer | KeyReused


@dataclass(frozen=True, slots=True)
class Written:
    """What a transaction has written: an answer for each request, and what is to be published."""

    results: Sequence[Result]
    committed: Committed


def write(connection: Connection, writer: UUID, requests: Sequence[Request], now: datetime) -> Written:
    """Write what the requests bring and commit; as if each had come alone, in their order.

    No two of them have the same Idempotency-Key: while one is under way, the other is refused (accepting.py).
    Three waits for the database: the turn with what is new, the outbox with the commit; and before them, where a
    request has an Idempotency-Key, what was answered to it.
    """
    results: dict[int, Result] = _kept(connection, requests, now)
    left = [(place, one) for place, one in enumerate(requests) if place not in results]
    # The first of each id; what else has that id is compared with it.
    first: dict[tuple[str, UUID], Submission] = {}
    for _, request in left:
        for one in request.submissions:
            first.setdefault(one.name, one)
    fresh, known = _submit(connection, list(first.values()), now)
    counts = Tally(received=sum(len(one.submissions) for one in requests), applied=len(fresh))
    accepted: set[tuple[str, UUID]] = set()
    keep: list[tuple[IdempotencyKey, Answer]] = []
    for place, request in left:
        answer = request.answering([_taken(one, first, fresh, known, accepted, now) for one in request.submissions])
        results[place] = answer
        if request.key is not None and answer.status < 300:
            keep.append((request.key, answer))
    publications = [
        Publication(HUB, one.routing_key, one.body, one.message_id)
        for name, one in first.items()
        if name in fresh or _is_said_again(one, *known[name], now)
    ]
    with connection.pipeline():
        for key, answer in keep:
            row = (key.organisation, key.key, key.request_sha256, now, answer.status, Jsonb(answer.content))
            connection.execute(KEEP, row)
        committed = outbox.write(connection, writer, publications, counts)
        commit(connection)
    return Written([results[place] for place in range(len(requests))], committed())


def commit(connection: Connection) -> None:
    """Commit, within a pipeline. A name of its own, so that the tests can stop a process before or after it."""
    connection.execute("commit", prepare=False)


def _kept(connection: Connection, requests: Sequence[Request], now: datetime) -> dict[int, Result]:
    """Answer those that were answered before, by their place."""
    keys = {(one.key.organisation, one.key.key) for one in requests if one.key is not None}
    if not keys:
        connection.execute(TAKE_TURN)
        return {}
    with connection.pipeline():
        connection.execute(TAKE_TURN)
        asked = sorted(keys)
        cursor = connection.execute(KEPT, ([one[0] for one in asked], [one[1] for one in asked], now - KEPT_FOR))
    kept = {
        (row["organisation"], row["key"]): (bytes(row["request_sha256"]), Answer(row["status"], row["answer"]))
        for row in cursor.fetchall()
    }
    return {
        place: _again(one.key, *kept[one.key.organisation, one.key.key])
        for place, one in enumerate(requests)
        if one.key is not None and (one.key.organisation, one.key.key) in kept
    }


def _again(key: IdempotencyKey, digest: bytes, answer: Answer) -> Result:
    if digest != key.request_sha256:
        return KeyReused()
    return Answer(answer.status, answer.content, replayed=True)


def _submit(
    connection: Connection, submissions: Sequence[Submission], now: datetime
) -> tuple[set[tuple[str, UUID]], Mapping[tuple[str, UUID], tuple[bytes, datetime]]]:
    """Insert what is new; return what that was, and of all else the digest and when it was accepted."""
    if not submissions:
        return set(), {}
    columns = (
        [one.source for one in submissions],
        [one.message_id for one in submissions],
        [one.digest for one in submissions],
        [one.type for one in submissions],
        [one.system for one in submissions],
    )
    fresh = {(row["source"], row["message_id"]) for row in connection.execute(SUBMIT, (now, *columns)).fetchall()}
    others = [one.name for one in submissions if one.name not in fresh]
    if not others:
        return fresh, {}
    rows = connection.execute(KNOWN, ([one[0] for one in others], [one[1] for one in others])).fetchall()
    known = {(row["source"], row["message_id"]): (bytes(row["digest"]), row["accepted_at"]) for row in rows}
    return fresh, known


def _is_said_again(one: Submission, digest: bytes, accepted_at: datetime, now: datetime) -> bool:
    """Whether a repeat is passed on: its sender may have been asked for it, when nobody of the hub had it any more."""
    return digest == one.digest and accepted_at < now - SUBMITTED_FOR_LONGEST


def _taken(
    one: Submission,
    first: Mapping[tuple[str, UUID], Submission],
    fresh: set[tuple[str, UUID]],
    known: Mapping[tuple[str, UUID], tuple[bytes, datetime]],
    accepted: set[tuple[str, UUID]],
    now: datetime,
) -> Taken:
    digest, accepted_at = (first[one.name].digest, now) if one.name in fresh else known[one.name]
    if one.name in fresh and one.name not in accepted:
        accepted.add(one.name)
        return Taken("accepted", accepted_at)
    return Taken("repeated" if digest == one.digest else "id_reused", accepted_at)
