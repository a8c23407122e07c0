"""What is refused by HTTP: counted, each; and for the message log so many of an organisation and minute one by one.

A count is one row for each organisation, code and minute, so that no flood fills a disk. What the log has of a message
that was refused is no word of its body: the contract where there is such a contract, the id where it is one, digest and
size.
"""

import hashlib
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from pydantic_core import from_json

from contracts import CONTRACTS
from messaging.database import Connection

NOBODY: Final = "-"  # in place of an organisation, where it is not known who it was
MOST: Final = 10_000  # rows that wait for the database; beyond it nothing new is counted
ONE_BY_ONE: Final = 20  # of an organisation and minute; of the others the log knows how many

COUNT: Final = """
    insert into refusal_count (organisation, code, entrance, minute, count, first_message)
    select organisation, code, 'http', minute, count, first_message
    from unnest(%b::text[], %b::text[], %b::timestamptz[], %b::bigint[], %b::uuid[])
         as new(organisation, code, minute, count, first_message)
    on conflict (organisation, code, entrance, minute) do update
    set count = refusal_count.count + excluded.count,
        first_message = coalesce(refusal_count.first_message, excluded.first_message)
"""
# Of several processes one writes at a time: numbers ascend in the order of commits.
TAKE_TURN: Final = "select pg_advisory_xact_lock(x'72656675'::integer)"
# They go on from the clock's microseconds: whoever has read up to a number has read no later one either where this
# database was restored from a copy, whose own numbers would come a second time.
NUMBER_BY_CLOCK: Final = """
    select setval(sequence, greatest(nextval(sequence), (extract(epoch from clock_timestamp()) * 1000000)::bigint))
    from (select pg_get_serial_sequence('refused', 'number')::regclass as sequence) as drawn
"""
KEEP: Final = """
    insert into refused (at, organisation, system, code, type, message_id, digest, size, beyond)
    select * from unnest(
        %b::timestamptz[], %b::text[], %b::text[], %b::text[], %b::text[], %b::uuid[], %b::bytea[], %b::int[],
        %b::bigint[])
"""


@dataclass(frozen=True, slots=True)
class Refused:
    """A row of the table `refused`."""

    at: datetime
    organisation: str
    system: str | None
    code: str
    type: str | None = None
    message_id: UUID | None = None
    digest: bytes | None = None
    size: int | None = None
    beyond: int | None = None


CountKey = tuple[str, str, datetime]  # organisation, code, minute


class Refusals:
    """Gathered in memory, written every second by the thread that commits."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[CountKey, tuple[int, UUID | None]] = {}
        self._minute: datetime | None = None
        self._one_by_one: Counter[str] = Counter()  # of that minute
        self._singly: list[Refused] = []
        self._beyond: Counter[CountKey] = Counter()

    def note(self, organisation: str | None, code: str, now: datetime, message_id: UUID | None = None) -> None:
        """Count one."""
        key = (organisation or NOBODY, code, _minute(now))
        with self._lock:
            known = self._counts.get(key)
            if known is not None:
                self._counts[key] = known[0] + 1, known[1] or message_id
            elif len(self._counts) < MOST:
                self._counts[key] = 1, message_id

    def log(self, organisation: str, system: str | None, code: str, now: datetime, body: bytes | None) -> None:
        """Have the log know of a message that was refused; `body` is what came of it, None where nothing was read."""
        minute = _minute(now)
        with self._lock:
            if minute != self._minute:
                self._minute, self._one_by_one = minute, Counter()
            if self._one_by_one[organisation] >= ONE_BY_ONE or len(self._singly) >= MOST:
                key = (organisation, code, minute)
                if key in self._beyond or len(self._beyond) < MOST:
                    self._beyond[key] += 1
                return
            self._one_by_one[organisation] += 1
        refused = Refused(now, organisation, system, code)
        if body is not None:
            type, message_id = _envelope(body)
            digest = hashlib.sha256(body).digest()
            refused = Refused(now, organisation, system, code, type, message_id, digest, len(body))
        with self._lock:
            self._singly.append(refused)

    def write(self, connection: Connection) -> None:
        """Write what there is, and commit; what could not be written is kept for the next time."""
        with self._lock:
            counts, self._counts = self._counts, {}
            singly, self._singly = self._singly, []
            beyond, self._beyond = self._beyond, Counter()
        if not counts and not singly and not beyond:
            return
        try:
            _count(connection, counts)
            over = [Refused(minute, who, None, code, beyond=many) for (who, code, minute), many in beyond.items()]
            _keep(connection, [*singly, *over])
            connection.commit()
        except BaseException:
            self._put_back(counts, singly, beyond)
            raise

    def _put_back(
        self, counts: dict[CountKey, tuple[int, UUID | None]], singly: list[Refused], beyond: Counter[CountKey]
    ) -> None:
        with self._lock:
            for key, (count, first) in counts.items():
                later = self._counts.get(key, (0, None))
                self._counts[key] = count + later[0], first or later[1]
            self._singly = singly + self._singly
            self._beyond += beyond


def _count(connection: Connection, counts: dict[CountKey, tuple[int, UUID | None]]) -> None:
    if counts:
        keys = sorted(counts)
        columns = ([key[0] for key in keys], [key[1] for key in keys], [key[2] for key in keys])
        connection.execute(COUNT, (*columns, [counts[key][0] for key in keys], [counts[key][1] for key in keys]))


def _keep(connection: Connection, refused: Sequence[Refused]) -> None:
    if refused:
        connection.execute(TAKE_TURN)
        connection.execute(NUMBER_BY_CLOCK)
        columns = [[getattr(one, name) for one in refused] for name in Refused.__dataclass_fields__]
        connection.execute(KEEP, columns)


def _minute(now: datetime) -> datetime:
    return now.replace(second=0, microsecond=0)


def _envelope(body: bytes) -> tuple[str | None, UUID | None]:
    """Read what a message that was refused calls itself; whatever is no contract, and no id, is not read."""
    try:
        said = from_json(body)
    except ValueError:
        return None, None
    if not isinstance(said, dict):
        return None, None
    type, id = said.get("type"), said.get("id")
    try:
        message_id = UUID(id) if isinstance(id, str) else None
    except ValueError:
        message_id = None
    return type if isinstance(type, str) and type in CONTRACTS else None, message_id
