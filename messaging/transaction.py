"""The transaction that handlers write through; the runtime alone commits.

**Promises**: a batch of messages costs one statement per kind of read or write rather than one per message, and ends as
if each message had come alone, after those before it. What a message has written is undone with it, and nothing else.

**An example**, which tests/messaging/test_screens.py runs: three messages about two referrals, the second refused. A
handler calls `load`, `put`, `write` and `insert`; the rest is the runtime's.

    with transaction(connection, kept_out=frozenset()) as tx:
        tx.mention([known, new])  # the ids of which the three messages speak

        assert tx.load(STATES, known, state) == "sent"  # asks for both at once: the only wait before the end
        tx.write(MOVE, {"referral_id": known, "state": "accepted"})  # gathered, not sent
        tx.put(STATES, known, "accepted")  # what `load` returns from now on
        tx.keep()  # the first message is done

        assert tx.load(STATES, known, state) == "accepted"  # as the first has left it; nobody is asked
        tx.write(MOVE, {"referral_id": known, "state": "declined"})
        tx.put(STATES, known, "declined")
        tx.undo()  # the second is refused

        assert tx.load(STATES, new, state) is None  # nobody is asked: it is known that it is not there
        assert tx.insert(OPEN, {"referral_id": new, "state": "sent"})  # taken to go in
        tx.put(STATES, new, "sent")
        tx.keep()

        with tx.ending():  # sends MOVE and OPEN, one statement each; looks whether OPEN's row went in; then, together,
            connection.execute(NOTE)  # what the runtime writes besides, and the commit

**A life**: `begin` asks for the turn, with the first that is sent. Then come the messages, each ended by `keep` or
`undo`. `ending` sends what is gathered: first the tables of which a row may be kept out, to look whether one was; then
all others, with the commit. Whoever leaves the block of `transaction` by an error has written nothing; without
`ending`, it is called there.

**What can come of it**: committed; rolled back, by what the block raises; `NotOurTurnError`, where another process
keeps its turn; `KeptOut`, where the database has kept out a row of `insert`, or let one in, against what was taken for
granted. Then nothing is committed, and `in_attempts` has the same messages handled again with that known, at worst each
alone, so that `insert` asks at once.

**A handler** calls `load`, `put`, `write`, `insert` and `fetch`; `who_may`, which costs no wait; for what is linked to
what it loads also `mention`, `loaded`, `amend` and `load_again`. It may take for granted that nobody else changes what
it has loaded. It may not `write` what a `load` returns without a `put` or `amend`; write statements of other forms than
`gathering.Statement` has; or `fetch` for every message: that asks the database now, behind a savepoint, for two waits
each time.

**Further**: what each of these does at once and for the batch, docs/how-a-message-travels.md, "A batch is one by one";
what is known of what was loaded, messaging/loaded.py; in which order rows are written, messaging/gathering.py.
"""

import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, LiteralString, TypeVar, cast
from weakref import WeakKeyDictionary

import psycopg

from contracts.codes import Power
from messaging import gathering, organisations
from messaging.database import (
    WAITED_IN_VAIN,
    Connection,
    DatabaseLost,
    NotOurTurnError,
    Row,
    as_json,
    end_frozen,
    rows,
)
from messaging.gathering import Gathered, Group, Schema, Write
from messaging.loaded import Key, Loaded
from messaging.log import fields

log = logging.getLogger("ruta.transaction")

Made = TypeVar("Made")
Result = TypeVar("Result")

Guarded = tuple[int, LiteralString, tuple[Any, ...]]
"""A row that may be kept out: the number of its message in the batch, its statement, and what tells it from others."""

# Of several processes of a service one has its transaction at a time: what one loads, no other changes meanwhile. That
# one reads the queue is not enough: another takes over, and the timers and what is parked run in all of them.
TAKE_TURN: Final = "select pg_advisory_xact_lock(x'72757461'::integer)"

_schemas: WeakKeyDictionary[Connection, Schema] = WeakKeyDictionary()


class KeptOut(Exception):
    """The database has kept out rows, or let them in, against what handlers took for granted: nothing is committed."""

    def __init__(self, rows: Collection[Guarded]) -> None:
        super().__init__(f"{len(rows)} rows")
        self.rows = frozenset(rows)


class Transaction:
    """What a handler reads and writes through."""

    def __init__(
        self,
        connection: Connection,
        kept_out: Collection[Guarded] | None = None,
        *,
        in_turn: bool = False,
        asks_who_may: bool = False,
    ) -> None:
        """`kept_out` are the guarded rows that the database will keep out; None: it is asked about each at once.

        `in_turn` keeps other processes of the service from writing before this has ended. `asks_who_may` asks for what
        `who_may` returns at the beginning, where that costs no wait.
        """
        self._connection = connection
        self._turn: psycopg.Cursor[Row] | None = None  # what was answered when it was asked for
        self._in_turn = in_turn
        self._asks_who_may = asks_who_may
        self._who_may: psycopg.Cursor[Row] | None = None  # what was answered to that
        self._powers: Mapping[str, frozenset[str]] | None = None
        self.comes_again = False
        self.brief = False  # of a timed handler: messages are being applied, and wait for it
        self._kept_out = kept_out
        self._unexpected: set[Guarded] = set()  # rows that were kept out, or let in, against expectation
        self._number = 0  # of the message that is being handled
        self._loaded = Loaded()
        self._gathered = Gathered(_schema_of(connection))  # by the messages before
        self._fresh: list[Write] = []  # by the message that is being handled
        self._wrote = False  # it has gathered more than what is known to be kept out
        self._sent: list[tuple[psycopg.Cursor[Row], Group]] = []  # guarded rows that nobody has looked at yet
        self._savepoint = False  # set, and not released yet
        self._savepoint_is_fresh = False  # by the message that is being handled
        self.ended = False

    def begin(self) -> None:
        """Ask for the turn, where that is still to be done; within a pipeline it costs no wait of its own."""
        if self._in_turn and self._turn is None:
            self._turn = self._connection.execute(TAKE_TURN)
        if self._asks_who_may and self._who_may is None:
            self._who_may = self._connection.execute(organisations.WHO_MAY)

    @property
    def has_no_turn(self) -> bool:
        """Whether it was asked for, and has not come."""
        return self._turn is not None and self._turn.pgresult is None

    # -- reading -------------------------------------------------------------------------------------------------

    def mention(self, keys: Iterable[Key]) -> None:
        """Say what the batch's messages speak of, or lead to: what `load` asks for at once."""
        self._loaded.mention(keys)

    def load(
        self, sql: LiteralString, key: Key, make: Callable[[Row], Made], *, lock: LiteralString | None = None
    ) -> Made | None:
        """Return what `make` makes of the row of `key`, or what was `put` there since; None when there is none.

        `sql` takes an array of keys and returns a row for each that it finds, with its key as `key`; it locks what will
        be changed. The first call takes along everything of this kind that the batch mentions, so that the messages
        after it find theirs loaded: what `sql` reads may change while the transaction is open by `put` only. `lock` is
        a statement on the same keys that goes before: what `sql` gathers from several rows would be as it was before
        its own lock was waited for.
        """
        if not self._loaded.knows(sql, key):
            wanted = self._loaded.wanted(sql, key)
            rows = {row.pop("key"): row for row in self._read(sql, (wanted,), lock)}
            # what is not there is not asked for again, either
            found = {one: make(rows[one]) if one in rows else None for one in wanted}
            # what was locked after a savepoint is not locked any more when the message is undone
            self._loaded.learn(sql, found, for_good=not self._savepoint_is_fresh)
        return cast("Made | None", self._loaded.get(sql, key))

    def put(self, sql: LiteralString, key: Key, now: object) -> None:
        """Say what `load` is to return from now on: what the message has made of it."""
        self._loaded.put(sql, key, now)

    def amend(self, sql: LiteralString, key: Key, change: Callable[[Any], object]) -> None:
        """Say what becomes of what `load` knows of this key; where it has not asked yet, it will find it changed."""
        self._loaded.amend(sql, key, change)

    def loaded(self, sql: LiteralString) -> Iterator[Any]:
        """Go through everything that `load` knows by this statement, without what is not there."""
        return self._loaded.all_of(sql)

    def load_again(self, sql: LiteralString) -> None:
        """Have `load` ask anew by this statement: what it knows has changed in ways that only the database can tell."""
        self._loaded.forget(sql)

    def who_may(self, power: Power) -> frozenset[str]:
        """Return the organisations that have a power now, by what the hub has said of them."""
        if self._powers is None:
            rows = self.fetch(organisations.WHO_MAY) if self._who_may is None else self._who_may.fetchall()
            self._powers = {row["power"]: frozenset(row["ids"]) for row in rows}
        return self._powers.get(power, frozenset())

    def powers_changed(self) -> None:
        """Have `who_may` ask anew: what it knows has changed."""
        self._asks_who_may, self._who_may, self._powers = False, None, None

    def fetch(self, sql: LiteralString, params: Sequence[Any] | Mapping[str, Any] = ()) -> list[Row]:
        """Run one statement now and return its rows as dicts; it sees all that was written before it."""
        with self._pipeline():
            if not self._savepoint_is_fresh:
                self._send(self._gathered.take())
                if self._savepoint:
                    self._connection.execute("release savepoint message")
                self._connection.execute("savepoint message")
                self._savepoint = self._savepoint_is_fresh = True
            self._send_fresh()
            cursor = self._connection.execute(sql, params)
        return rows(cursor)

    # -- writing -------------------------------------------------------------------------------------------------

    def write(self, sql: LiteralString, row: Row) -> None:
        """Gather one row for a set-based statement (its forms: `gathering.Statement`).

        Values are anything that JSON has, UUIDs, dates, and times with a zone.
        """
        self._fresh.append(Write(gathering.read(sql), row, self._number))
        self._wrote = True

    def insert(self, sql: LiteralString, row: Row) -> bool:
        """Gather one row for an insert that the database may keep out; tell whether it goes in.

        The statement ends with `on conflict do nothing returning …`: all columns that tell its rows apart.
        """
        if self._kept_out is None:
            return bool(self.fetch(sql, (as_json([row]),)))
        write = Write(gathering.read(sql), row, self._number)
        # Also one that is known to be kept out: whether it is, from where it stands, is looked at again.
        self._fresh.append(write)
        goes_in = _guarded(write) not in self._kept_out
        self._wrote |= goes_in
        return goes_in

    def come_again(self) -> None:
        """Of a timed handler: it has done a part, and is to run again at once where no message comes."""
        self.comes_again = True

    def keep(self) -> None:
        """End a message: its writes are part of the transaction now."""
        for write in self._fresh:
            self._gathered.add(write)
        self._loaded.keep()
        self._end_message()

    def undo(self) -> None:
        """End a message as if it had never written anything."""
        if self._savepoint_is_fresh:
            self._connection.execute("rollback to savepoint message")
        for write in self._fresh:
            if self._kept_out and _guarded(write) in self._kept_out:
                self._gathered.add(write)
        self._loaded.undo()
        self._end_message()

    def flush(self) -> None:
        """Send every gathered write to the database, for whoever looks there before the transaction ends."""
        with self._pipeline():
            self._send(self._gathered.take())
            self._send_fresh()

    @contextmanager
    def ending(self) -> Iterator[None]:
        """Send every gathered write, what the block writes, and the commit, all in one round trip.

        Before it goes what the database may keep out, where there is such. Raises KeptOut where that was not foreseen.
        """
        for write in self._fresh:
            self._gathered.add(write)
        self._fresh.clear()
        groups = self._gathered.take()
        may_be_kept_out = {group.statement.table for group in groups if group.statement.returning}
        if may_be_kept_out:
            with self._pipeline():
                self._send(group for group in groups if group.statement.table in may_be_kept_out)
        self.check()
        with self._pipeline():
            self._send(group for group in groups if group.statement.table not in may_be_kept_out)
            yield
            commit(self._connection)
        self.ended = True

    def check(self) -> None:
        """Raise KeptOut where the database has let in, or kept out, another guarded row than was taken for granted."""
        if self._unexpected:
            raise KeptOut(self._unexpected)

    # -- inside --------------------------------------------------------------------------------------------------

    def _read(self, sql: LiteralString, params: Sequence[Any], lock: LiteralString | None) -> list[Row]:
        if self._wrote or self._savepoint_is_fresh:
            if lock is not None:
                self.fetch(lock, params)
            return self.fetch(sql, params)
        with self._pipeline():
            self._send(self._gathered.take())
            if lock is not None:
                self._connection.execute(lock, params)
            cursor = self._connection.execute(sql, params)
        return cursor.fetchall()

    def _send_fresh(self) -> None:
        fresh = Gathered(_schema_of(self._connection))
        for write in self._fresh:
            fresh.add(write)
        self._send(fresh.take())
        self._fresh.clear()

    def _send(self, groups: Iterable[Group]) -> None:
        for group in groups:
            cursor = self._connection.execute(group.statement.sql, (as_json([one.row for one in group.writes]),))
            if group.statement.returning:
                self._sent.append((cursor, group))

    @contextmanager
    def _pipeline(self) -> Iterator[None]:
        """Send what the block sends without waiting for each answer; then see which guarded rows have gone in."""
        try:
            with self._connection.pipeline():
                self.begin()
                yield
        finally:
            for cursor, group in self._sent:
                if cursor.pgresult is not None:  # else an error came before it
                    self._look(group, Counter(tuple(row.values()) for row in cursor.fetchall()))
            self._sent.clear()

    def _look(self, group: Group, let_in: Counter[tuple[Any, ...]]) -> None:
        for write in group.writes:
            goes_in = let_in[write.identity] > 0
            let_in[write.identity] -= 1
            if goes_in == (_guarded(write) in (self._kept_out or ())):
                self._unexpected.add(_guarded(write))

    def _end_message(self) -> None:
        self._fresh.clear()
        self._wrote = self._savepoint_is_fresh = False
        self._number += 1


def _guarded(write: Write) -> Guarded:
    return write.number, write.statement.sql, write.identity


def _schema_of(connection: Connection) -> Schema:
    if connection not in _schemas:
        _schemas[connection] = gathering.read_schema(connection)
    return _schemas[connection]


@contextmanager
def transaction(
    connection: Connection,
    kept_out: Collection[Guarded] | None = None,
    *,
    in_turn: bool = False,
    asks_who_may: bool = False,
) -> Iterator[Transaction]:
    """Open a transaction that commits at the end of the block and rolls back when it raises.

    `kept_out`, `in_turn` and `asks_who_may` are for `Transaction`. Raises KeptOut in place of an error that came
    of rows that were taken to be in, and NotOurTurnError where another process's transaction has not ended in time.
    """
    tx = Transaction(connection, kept_out, in_turn=in_turn, asks_who_may=asks_who_may)
    try:
        yield tx
        if not tx.ended:
            with tx.ending():
                pass
    except BaseException as error:
        interruption = _interruption(error)
        if interruption is not None:
            connection.close()  # it may be in the middle of a statement
            raise interruption from None
        try:
            connection.rollback()
            if isinstance(error, WAITED_IN_VAIN):
                end_frozen(connection)
        except psycopg.Error:  # it broke
            connection.close()
        if isinstance(error, psycopg.errors.LockNotAvailable) and tx.has_no_turn:
            raise NotOurTurnError("another process has the turn") from None
        if not (isinstance(error, DatabaseLost) and connection.closed):
            tx.check()
        raise


def in_attempts(attempt: Callable[[Collection[Guarded] | None], Result], *, alone: bool = False) -> Result:
    """Handle messages as if the database kept nothing out; if it does, again with that known.

    Raises KeptOut where even that is not what comes of it, for what was kept out had made others come in: then each
    message is handled alone, and `alone` asks the database about each row in its turn.
    """
    try:
        return attempt(frozenset())
    except KeptOut as wrong:
        kept_out = wrong.rows
        log.info("rows were kept out; the messages are handled again", extra=fields(count=len(kept_out)))
    try:
        return attempt(kept_out)
    except KeptOut:
        if not alone:
            raise
    return attempt(None)


def _interruption(error: BaseException | None) -> BaseException | None:
    """Find what ended the block from outside: psycopg may have put an error of the broken pipeline over it."""
    while isinstance(error, Exception):
        error = error.__context__
    return error


def commit(connection: Connection) -> None:
    """Commit. A function of its own, so that the tests can stop a process just before or after it.

    psycopg's own commit waits for an answer of its own within a pipeline.
    """
    connection.execute("commit", prepare=False)
