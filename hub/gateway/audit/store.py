"""The chain in the gateway's database, and the copy of its checkpoints outside of it.

Whoever appends does so in the transaction of what it tells of, holds the chain's lock until that ends, and signs the
last entry: so any number of processes write one chain, and all that is committed is signed. Afterwards `copy` writes
the checkpoint into the file, too; what a process that was killed in between has left out, the next one writes.
"""

import fcntl
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg.rows import tuple_row

from hub.gateway.audit.chain import BEFORE_THE_FIRST, Checkpoint, Entry, Problem, hash_of, read_line, to_sign
from messaging.database import Connection

THE_CHAIN: Final = 0x41756469  # the advisory lock of who appends
COPY: Final = "checkpoints.jsonl"
AT_ONCE: Final = 2_000  # rows that are read at once
LONGEST_LINE: Final = 1_000  # bytes of the copy; one has some 280

# Times are hashed as text, so their text may not depend on a setting; the connection's zone is UTC.
PLAIN: Final = "set local datestyle = 'ISO, YMD'; set local timezone = 'UTC'"
BEGIN: Final = f"{PLAIN}; select pg_advisory_xact_lock({THE_CHAIN})"
LAST: Final = """
    select clock_timestamp()::text as at, last.number, last.hash
    from (values (true)) as one left join (
        select number, hash from audit_entry order by number desc limit 1
    ) as last on true
"""
# Where somebody has cut the tail and left the checkpoints, there is one of this number: it stays, to be found.
APPEND_AND_SIGN: Final = """
    with appended as (
        insert into audit_entry (number, at, actor, act, subject, details, previous, hash)
        select number, %b::timestamptz, actor, act, subject, details, previous, hash
        from unnest(%b::bigint[], %b::text[], %b::text[], %b::text[], %b::text[], %b::bytea[], %b::bytea[])
            as new(number, actor, act, subject, details, previous, hash)
    )
    insert into audit_checkpoint (number, hash, at, signature) values (%b, %b, %b::timestamptz, %b)
    on conflict do nothing
"""
ENTRIES: Final = "select number, at::text, actor, act, subject, details, previous, hash from audit_entry"
CHECKPOINTS: Final = "select number, hash, at::text, signature from audit_checkpoint"


@dataclass(frozen=True, slots=True)
class Act:
    """What is to be recorded. `details` hold ids, codes, counts and organisations' names, and no more."""

    actor: str
    act: str
    subject: str
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The details as they are kept and hashed."""
        return json.dumps(self.details, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def append(connection: Connection, acts: Sequence[Act], sign: Callable[[bytes], bytes]) -> None:
    """Append to the chain and sign its end, as a part of the transaction; the lock lasts until that is over."""
    if not acts:
        return
    connection.execute(BEGIN)
    # The lock's own statement may have begun before the last one that held it committed: this one has not.
    last = connection.execute(LAST).fetchone()
    assert last is not None
    at = last["at"]
    number, previous = (last["number"], bytes(last["hash"])) if last["hash"] is not None else (0, BEFORE_THE_FIRST)
    new = []
    for act in acts:
        number += 1
        hash = hash_of(number, at, act.actor, act.act, act.subject, act.text, previous)
        new.append((number, act.actor, act.act, act.subject, act.text, previous, hash))
        previous = hash
    signed = (number, previous, at, sign(to_sign(number, previous, at)))
    connection.execute(APPEND_AND_SIGN, (at, *map(list, zip(*new, strict=True)), *signed))


def copy(connection: Connection, directory: Path) -> None:
    """Write into the copy what it lacks of the checkpoints that are committed. Raises OSError, psycopg.Error."""
    path = directory / COPY
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with connection.transaction():
            connection.execute(PLAIN)
            rows = connection.execute(f"{CHECKPOINTS} where number > %s order by number", (_last_copied(file),))
            lines = [_checkpoint(tuple(row.values())).as_line() for row in rows]
        file.write("".join(f"{line}\n" for line in lines).encode())
        file.flush()
        os.fsync(file.fileno())


def _last_copied(file: Any) -> int:
    """The number of the last checkpoint in the copy, 0 where there is none; half a line at its end is removed."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(size - 2 * LONGEST_LINE, 0))
    whole, _, torn = file.read().rpartition(b"\n")
    if torn and len(torn) < LONGEST_LINE:
        file.truncate(size - len(torn))
    for line in reversed(whole.splitlines()):
        if (read := read_line(line.decode("utf-8", "replace"))) is not None:
            return read.number
    return 0


def entries(connection: Connection, where: str = "", params: Sequence[Any] = ()) -> Iterator[Entry]:
    """Yield the chain, or what of it is asked for, in the order of its numbers; never all of it in memory."""
    for row in _rows(connection, "entries", f"{ENTRIES} {where} order by number", params):
        yield Entry(*row)


def checkpoints(connection: Connection) -> Iterator[Checkpoint]:
    """Yield the checkpoints of the database in the order of their numbers."""
    for row in _rows(connection, "checkpoints", f"{CHECKPOINTS} order by number", ()):
        yield _checkpoint(row)


def _rows(connection: Connection, name: str, sql: str, params: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
    with psycopg.ServerCursor(connection, name, row_factory=tuple_row) as cursor:
        cursor.itersize = AT_ONCE
        cursor.execute(sql, params, binary=True)
        yield from cursor


def _checkpoint(row: Sequence[Any]) -> Checkpoint:
    return Checkpoint(*row)


def copied(path: Path, size: int) -> Iterator[Checkpoint | Problem]:
    """Yield the checkpoints of a copy that had `size` bytes; a line that cannot be read is a problem of its own.

    Of a last line without its end somebody was killed, or is just writing it: it says nothing yet.
    """
    with path.open("rb") as file:
        number = 0
        while size > 0 and (line := file.readline(min(size, LONGEST_LINE))):
            size -= len(line)
            number += 1
            if not line.endswith(b"\n") and (size <= 0 or len(line) < LONGEST_LINE):
                return
            read = read_line(line.decode("utf-8", "replace").removesuffix("\n"))
            yield read if read is not None else Problem("checkpoint_unreadable", number, source=str(path))
