"""The register of what a service has taken in, and the place where it parks what it cannot apply yet."""

import base64
import hashlib
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto
from typing import NamedTuple
from uuid import UUID

import contracts
from messaging import confidential
from messaging.database import Connection, Row, as_json
from messaging.log import describe, fields

log = logging.getLogger("ruta.inbox")

WAITS_AT_MOST = timedelta(hours=1)  # then what it waited for is not coming, and the sender is notified
CLOCKS_APART = "clocks_apart"  # the reason of what waits for clocks to agree (messaging/clocks.py), as long as it takes
# Nobody fills the disk: of one sender so much may be parked in a service, and what is beyond is refused.
OUT_OF_ORDER_OF_ONE_SENDER = 10_000  # messages that wait for what they build on (`too_many_early`)
OUT_OF_ORDER_BYTES_OF_ONE_SENDER = 64 * 1024 * 1024
PARKED_OF_ONE_SENDER = 50_000  # messages in all, whatever for (`too_much_parked`)
PARKED_BYTES_OF_ONE_SENDER = 128 * 1024 * 1024
RETRIES_AT_MOST = 10  # some four minutes with the backoff below; then a person has to look
RETRIES_OF_OPERATION = 3  # some three seconds: somebody has it tried again, and waits to see what comes of that
PARKED_AT_ONCE = 100  # then what arrives has its turn

Key = tuple[str, UUID]  # source and message id


class Received(NamedTuple):
    """A message that could be read, in the newest version of its contract, and the bytes it came as."""

    message: contracts.Message
    raw: bytes
    digest: bytes

    @property
    def key(self) -> Key:
        return self.message.source, self.message.id


def read(raw: bytes) -> Received | contracts.Invalid:
    """Read the bytes of a message, or say why they cannot be read."""
    try:
        return Received(contracts.upcast(contracts.parse(raw)), raw, hashlib.sha256(raw).digest())
    except contracts.Invalid as invalid:
        return invalid
    except Exception as error:  # a mistake of our own in reading: this message is quarantined, and the others go on
        log.error("a message could not be read", extra=fields(error=describe(error)))
        return contracts.Invalid("unreadable")


REGISTER = """
    insert into inbox (source, message_id, digest)
    select * from unnest(%b::text[], %b::uuid[], %b::bytea[])
    on conflict do nothing
    returning source, message_id
"""

KNOWN_DIGESTS = """
    select source, message_id, digest from inbox
    where (source, message_id) in (select * from unnest(%b::text[], %b::uuid[]))
"""


class Seen(Enum):
    """Whether a message has come before: under its source and id, and with its bytes."""

    NEW = auto()
    REPEATED = auto()
    REUSED = auto()  # other bytes under an id that was used before


def register(
    connection: Connection, batch: Sequence[Received], begin: Callable[[], None] = lambda: None
) -> tuple[list[Seen], dict[str, str]]:
    """Enter the messages into the register, after what `begin` sends.

    Returns of each, in order, whether it had come before, and the subjects about which an earlier message blocks the
    others, with its state: `retry`, or `waiting` for the clocks.
    """
    sources, ids = [one.message.source for one in batch], [one.message.id for one in batch]
    with connection.pipeline():
        begin()
        entered = connection.execute(REGISTER, (sources, ids, [one.digest for one in batch]))
        blocked = connection.execute(BLOCKED, ([one.message.subject for one in batch],))
    subjects = {row["subject"]: row["state"] for row in blocked.fetchall()}
    if entered.rowcount == len(batch):
        return [Seen.NEW] * len(batch), subjects
    new = {(row["source"], row["message_id"]) for row in entered.fetchall()}
    digests = _known_digests(connection, batch)
    seen = []
    for one in batch:
        same = digests[one.key] == one.digest
        seen.append(Seen.NEW if one.key in new else Seen.REPEATED if same else Seen.REUSED)
        new.discard(one.key)
    return seen, subjects


def _known_digests(connection: Connection, batch: Sequence[Received]) -> dict[Key, bytes]:
    params = [one.message.source for one in batch], [one.message.id for one in batch]
    rows = connection.execute(KNOWN_DIGESTS, params).fetchall()
    return {(row["source"], row["message_id"]): bytes(row["digest"]) for row in rows}


PARK = """
    insert into parked (
        state, reason, error, waiting_for, source, message_id, type, subject, about, raw, next_attempt_at)
    select state, reason, error, waiting_for, source, message_id, type, subject, about, decode(raw, 'base64'),
           case when state <> 'quarantined' then clock_timestamp() + interval '1 second' end
    from jsonb_to_recordset(%s::jsonb) as new(
        state text, reason text, error text, waiting_for text, source text, message_id uuid, type text, subject text,
        about uuid[], raw text)
    on conflict do nothing
"""

PARKED_OF = """
    select source, count(*) as messages, sum(octet_length(raw)) as bytes,
           count(*) filter (where {early}) as early, sum(octet_length(raw)) filter (where {early}) as early_bytes
    from parked where source = any(%b::text[]) and reason <> 'erased' group by source
""".format(early=f"state = 'waiting' and reason <> '{CLOCKS_APART}'")

# What will be tried again, because it has failed or for the clocks alone, must not be overtaken by what its sender, or
# another, says after it.
BLOCKS = f"(state = 'retry' or (state = 'waiting' and reason = '{CLOCKS_APART}' and waiting_for is null))"
BLOCKED = f"select distinct subject, state from parked where {BLOCKS} and subject = any(%b::text[])"

# Rows that are locked are being tried already.
CLOCKS_AGREE = f"""
    update parked set next_attempt_at = '-infinity'
    where parked_id in (
        select parked_id from parked where state = 'waiting' and reason = '{CLOCKS_APART}' for update skip locked)
"""

WAKE = """
    update parked set next_attempt_at = '-infinity'  -- before all that merely try their luck
    where state = 'waiting' and waiting_for = any(%b::text[])
"""

# Since when something waits for the clocks nobody knows: by which of them? Its hour begins when they agree; and anew,
# when an operator has it tried again.
DUE = f"""
    select parked_id, attempts, raw, reason, waiting_for, parked.source, operation_id, operation.act,
           greatest(parked_at, operation.started_at) as waits_since,
           reason <> '{CLOCKS_APART}' and greatest(parked_at, operation.started_at)
               < clock_timestamp() - interval '{WAITS_AT_MOST.total_seconds():.0f} seconds' as waited_long
    from parked left join parked_operation as operation using (operation_id)
    where state <> 'quarantined' and next_attempt_at <= clock_timestamp()
      and not exists (  -- those about one subject go in the order in which they came
          select 1 from (select subject, parked_id from parked where {BLOCKS}) as earlier
          where earlier.subject = parked.subject and earlier.parked_id < parked.parked_id)
    order by next_attempt_at, parked_id
    limit %s
    for update of parked skip locked
"""

# What waits is woken when its time has come; that it is tried now and then besides, as long again as it has waited
# already, is only for the case that this was missed. It spends none of the attempts that are for failures.
WAIT_ON = f"""
    update parked
    set state = 'waiting', reason = %(reason)s, waiting_for = %(waiting_for)s,
        parked_at = case
            when reason = '{CLOCKS_APART}' and %(reason)s <> '{CLOCKS_APART}' then clock_timestamp() else parked_at
        end,
        next_attempt_at = clock_timestamp()
            + greatest(interval '1 second', least(clock_timestamp() - parked_at, interval '10 minutes'))
    where parked_id = %(parked_id)s
"""

# An id used again stays one, whatever fails on the way: it is never tried, and never answered as if it were the first.
_WHY = "case when parked.reason = 'id_reused' then parked.reason else {reason} end"

# What came of it stays; nothing of what it said but its ids, for an erasure to find it by.
_NOTE = """
    insert into parked_outcome (
        parked_id, operation_id, result, code, error, attempts, source, message_id, type, subject, digest, parked_at,
        ids)
    select parked_id, {operation_id}, {result}, {code}, {error}, attempts, source, message_id, type, subject,
           sha256(raw), parked_at, ids_in(raw)
    from noted
"""

LEAVE = f"""
    with noted as (delete from parked where parked_id = %(parked_id)s returning *)
    {_NOTE.format(operation_id="operation_id", result="%(result)s", code="%(code)s", error="null")}
"""

# A message that failed waits twice as long each time, up to a minute, and never in step with its neighbours. One that
# an operator has stopped meanwhile is not tried again.
NAME = """
    update parked set source = %s, message_id = %s, type = %s, subject = %s, about = %s::uuid[] where parked_id = %s
"""
TRY_LATER = f"""
    with noted as (
        update parked
        set state = 'retry', reason = {_WHY.format(reason="'failed'")}, error = %(error)s, attempts = attempts + 1,
            next_attempt_at = clock_timestamp()
                + least(interval '1 second' * 2 ^ least(attempts, 10), interval '1 minute') * (0.75 + random() / 2)
        where parked_id = %(parked_id)s and state <> 'quarantined'
        returning *)
    {_NOTE.format(operation_id="operation_id", result="'failed'", code="'failed'", error="error")}
"""

# Its operation has come to an end with it.
QUARANTINE = f"""
    with before as (
        select parked_id, operation_id from parked where parked_id = %(parked_id)s and state <> 'quarantined'
    ), noted as (
        update parked
        set state = 'quarantined', reason = {_WHY.format(reason="%(reason)s")}, error = %(error)s,
            attempts = attempts + 1,
            next_attempt_at = null, operation_id = null
        from before where parked.parked_id = before.parked_id
        returning parked.*, before.operation_id as by_operation)
    {_NOTE.format(operation_id="by_operation", result="'quarantined'", code="reason", error="error")}
"""


def park(connection: Connection, rows: Sequence[Row]) -> None:
    """Park messages; the rows are made by `parked_row`."""
    connection.execute(PARK, (as_json(rows),))
    if hidden := {UUID(id) for row in rows for id in row["hides"]}:
        confidential.note(connection, hidden)


@dataclass(slots=True)
class Room:
    """How much more of one sender may be parked: messages and bytes, in all and of what is out of order."""

    messages: int
    bytes: int
    early: int
    early_bytes: int

    def refuses(self, size: int, *, early: bool) -> str | None:
        """Return by which code there is no room for a message of so many bytes; where there is, it is taken."""
        if early and (self.early < 1 or self.early_bytes < size):
            return "too_many_early"
        if self.messages < 1 or self.bytes < size:
            return "too_much_parked"
        self.messages -= 1
        self.bytes -= size
        if early:
            self.early -= 1
            self.early_bytes -= size
        return None


def room_of(connection: Connection, senders: Iterable[str]) -> dict[str, Room]:
    """Return how much more of each of these senders may be parked here."""
    most = OUT_OF_ORDER_OF_ONE_SENDER, OUT_OF_ORDER_BYTES_OF_ONE_SENDER
    room = {sender: Room(PARKED_OF_ONE_SENDER, PARKED_BYTES_OF_ONE_SENDER, *most) for sender in senders}
    for row in connection.execute(PARKED_OF, (list(room),)):
        one = room[row["source"]]
        one.messages -= row["messages"]
        one.bytes -= int(row["bytes"])
        one.early -= row["early"]
        one.early_bytes -= int(row["early_bytes"] or 0)
    return room


def parked_row(
    raw: bytes,
    message: contracts.Message | None,
    state: str,
    reason: str,
    *,
    error: str | None = None,
    waiting_for: str | None = None,
) -> Row:
    """Describe a message to be parked; `message` is None when the bytes could not be read."""
    return {
        "state": state,
        "reason": reason,
        "error": error,
        "waiting_for": waiting_for,
        "source": message.source if message else None,
        "message_id": message.id if message else None,
        "type": message.type if message else None,
        "subject": message.subject if message else None,
        "about": [str(id) for id in confidential.about(message)] if message else [],
        "hides": [str(id) for id in confidential.hides(message)] if message and confidential.says_so(message) else [],
        "raw": base64.b64encode(raw).decode(),
    }


def wake(connection: Connection, subjects: Iterable[str]) -> Callable[[], bool]:
    """Let the messages that wait for one of these subjects be tried at once; what is returned tells if there are any.

    Within a pipeline it waits for nothing, as `outbox.write`.
    """
    woken = connection.execute(WAKE, (list(subjects),))
    return lambda: woken.rowcount > 0


def clocks_agree(connection: Connection) -> bool:
    """Let the messages that wait for the clocks to agree be tried at once; tell whether there are any."""
    return connection.execute(CLOCKS_AGREE).rowcount > 0


def due(connection: Connection, limit: int, begin: Callable[[], None] = lambda: None) -> list[Row]:
    """Lock and return parked messages whose next attempt has come, those that were woken first; `begin` as above."""
    with connection.pipeline():
        begin()
        found = connection.execute(DUE, (limit,))
    return found.fetchall()


def leave(connection: Connection, parked_id: int, result: str, code: str | None = None) -> None:
    """Let a parked message go: it has been `applied`, or is `refused` or `given_back`; that is kept."""
    connection.execute(LEAVE, {"parked_id": parked_id, "result": result, "code": code})


def wait_on(connection: Connection, parked_id: int, reason: str, waiting_for: str | None) -> None:
    """Let a message wait longer."""
    connection.execute(WAIT_ON, {"reason": reason, "waiting_for": waiting_for, "parked_id": parked_id})


def name(connection: Connection, parked_id: int, one: Received) -> None:
    """Note what a message says of itself that could not be read when it came, and is registered from now on."""
    message = one.message
    about = confidential.about(message)
    connection.execute(NAME, (message.source, message.id, message.type, message.subject, about, parked_id))


def try_later(connection: Connection, parked_id: int, error: str) -> None:
    """Put off a message whose handler failed."""
    connection.execute(TRY_LATER, {"error": error, "parked_id": parked_id})


def quarantine(connection: Connection, parked_id: int, reason: str, error: str | None) -> None:
    """Give a message up until a person acts."""
    connection.execute(QUARANTINE, {"reason": reason, "error": error, "parked_id": parked_id})
