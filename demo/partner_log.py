"""What one organisation's own system remembers, in ids only: what it sent, what it was sent, what it did.

A SQLite file that is written through to the disk before the next step is taken: before a message is published, and
before a delivery is acknowledged. It is outside the network, so that the network's word can be checked against it.
"""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

TABLES = """
create table if not exists sent (
    step text primary key, message_id text, kind text not null, subject text not null, sha256 text not null,
    body blob,
    state text not null check (state in ('attempted', 'confirmed', 'failed', 'unknown')),
    publishes integer not null, confirms integer not null default 0, attempted_at real not null, published_at real
);
create table if not exists delivery (
    number integer primary key, message_id text not null, kind text not null, referral_id text, sequence integer,
    causation_id text, redelivered integer not null, at real not null
);
create table if not exists applied (
    message_id text primary key, referral_id text, sequence integer
);
create table if not exists refusal (
    message_id text primary key, refused_id text, sha256 text not null, code text not null, place text,
    at_entrance integer not null
);
create table if not exists submitted (
    messages integer not null
);
create table if not exists read (
    number integer not null, message_id text not null
);
"""


@dataclass(frozen=True)
class Attempt:
    """A message as it is, byte for byte, about to be published; `at` in seconds since the epoch."""

    step: str
    message_id: str | None
    kind: str
    subject: str
    sha256: str
    body: bytes
    copies: int
    at: float


@dataclass(frozen=True)
class Delivery:
    """One delivery from the inbox, repeats included; `at` in seconds since the epoch."""

    message_id: str
    kind: str
    referral_id: str | None
    sequence: int | None
    causation_id: str | None
    redelivered: bool
    at: float


@dataclass(frozen=True)
class Refusal:
    """What a `message.refused` said; `place` is the field, never its value."""

    message_id: str
    refused_id: str | None
    sha256: str
    code: str
    place: str | None
    at_entrance: bool = False  # answered by HTTP: nobody has the message


@dataclass(frozen=True)
class Read:
    """One delivery by HTTP, with its number in the inbox."""

    number: int
    message_id: str


class PartnerLog:
    """The organisation's log in one SQLite file; opened again after a crash, it knows what is unfinished."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path)
        self._db.execute("pragma journal_mode = wal")
        self._db.execute("pragma synchronous = full")
        self._db.executescript(TABLES)

    def close(self) -> None:
        self._db.close()

    def attempt(self, attempts: Iterable[Attempt]) -> None:
        """Keep the bytes of these messages, before any of them is published."""
        with self._db:
            self._db.executemany(
                "insert into sent (step, message_id, kind, subject, sha256, body, state, publishes, attempted_at)"
                " values (?, ?, ?, ?, ?, ?, 'attempted', ?, ?)",
                [(a.step, a.message_id, a.kind, a.subject, a.sha256, a.body, a.copies, a.at) for a in attempts],
            )

    def answer(self, answers: Iterable[tuple[str, float, str, int]]) -> None:
        """Keep what the broker said of (step, published at, state, confirms); the bytes stay, should it lose them."""
        with self._db:
            self._db.executemany(
                "update sent set published_at = coalesce(published_at, ?2), state = ?3, confirms = confirms + ?4,"
                " publishes = publishes + (?3 = 'unknown') where step = ?1",
                list(answers),
            )

    def take_in(
        self, deliveries: Iterable[Delivery], refusals: Iterable[Refusal], reads: Iterable[Read] = ()
    ) -> list[Delivery]:
        """Keep these deliveries, and under which numbers they were read; return those that were not known yet."""
        fresh = []
        with self._db:
            for delivery in deliveries:
                self._db.execute(
                    "insert into delivery (message_id, kind, referral_id, sequence, causation_id, redelivered, at)"
                    " values (?, ?, ?, ?, ?, ?, ?)",
                    (
                        delivery.message_id,
                        delivery.kind,
                        delivery.referral_id,
                        delivery.sequence,
                        delivery.causation_id,
                        delivery.redelivered,
                        delivery.at,
                    ),
                )
                applied = self._db.execute(
                    "insert into applied values (?, ?, ?) on conflict do nothing",
                    (delivery.message_id, delivery.referral_id, delivery.sequence),
                )
                if applied.rowcount:
                    fresh.append(delivery)
            for refusal in refusals:
                self._keep(refusal)
            self._db.executemany("insert into read values (?, ?)", [(one.number, one.message_id) for one in reads])
        return fresh

    def refused(self, refusal: Refusal) -> None:
        """Keep what was answered at once."""
        with self._db:
            self._keep(refusal)

    def submitted(self, messages: int) -> None:
        """Keep that so many messages were answered by HTTP."""
        with self._db:
            self._db.execute("insert into submitted values (?)", (messages,))

    def last_read(self) -> int | None:
        """The last number that was read by HTTP."""
        last: int | None = self._db.execute("select max(number) from read").fetchone()[0]
        return last

    def _keep(self, refusal: Refusal) -> None:
        self._db.execute(
            "insert into refusal values (?, ?, ?, ?, ?, ?) on conflict do nothing",
            (refusal.message_id, refusal.refused_id, refusal.sha256, refusal.code, refusal.place, refusal.at_entrance),
        )

    def resume(self) -> list[tuple[str, bytes]]:
        """(step, body) of what was published, or about to be, without an answer from the broker; oldest first."""
        with self._db:
            self._db.execute("update sent set publishes = publishes + 1 where state in ('attempted', 'unknown')")
        return self._db.execute(
            "select step, body from sent where state in ('attempted', 'unknown') order by attempted_at, rowid"
        ).fetchall()

    def say_again(self, message_ids: Iterable[str]) -> list[tuple[str, bytes]]:
        """(step, body) of those of these messages that the broker has taken, which are to be published once more."""
        known: list[tuple[str, bytes]] = []
        with self._db:
            for message_id in message_ids:
                known += self._db.execute(
                    "update sent set state = 'unknown', publishes = publishes + 1"
                    " where message_id = ? and state = 'confirmed' returning step, body",
                    (message_id,),
                ).fetchall()
        return known

    def answered_steps(self) -> set[str]:
        return {step for (step,) in self._db.execute("select step from sent where state in ('confirmed', 'failed')")}

    def numbers(self) -> dict[tuple[str, int], str]:
        """(referral id, number) → message id, of all that was applied."""
        rows = self._db.execute("select referral_id, sequence, message_id from applied where sequence is not null")
        return {(referral_id, sequence): message_id for referral_id, sequence, message_id in rows}
