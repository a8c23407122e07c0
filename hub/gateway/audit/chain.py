"""The chain: the one canonical form of an entry and of a checkpoint, and what is wrong with those that are read back.

Nothing here reads or writes: entries and checkpoints are given in the order of their numbers, and each is looked at
once, so a chain of any length takes no more memory than a short one.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

BEFORE_THE_FIRST: Final = bytes(32)
"""What the first entry has as the hash of the one before it."""

DATABASE: Final = "database"
"""Where entries are, and checkpoints too; any other source of checkpoints is a copy outside of it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that was done. All as the database has it: who tampers may have written anything, null included."""

    number: int
    at: str  # as the database writes it, in UTC
    actor: str
    act: str
    subject: str
    details: str  # JSON, as it was hashed
    previous: bytes
    hash: bytes


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The hub's word that the entry of this number had this hash, and so that all before it were as they were."""

    number: int
    hash: bytes
    at: str
    signature: bytes

    def as_line(self) -> str:
        """Write it as a line of a file, without the end of the line."""
        return json.dumps(
            {"number": self.number, "hash": self.hash.hex(), "at": self.at, "signature": self.signature.hex()}
        )


Code = Literal[
    "changed", "moved", "unlinked", "missing", "out_of_order", "tail_cut", "rewritten", "not_signed",
    "checkpoint_missing", "checkpoint_forged", "checkpoint_out_of_order", "checkpoint_unreadable", "no_copy",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong; what each code means stands in words.py."""

    code: Code
    number: int
    """Of the entry, the checkpoint, or, of what cannot be read, the line."""
    until: int = 0
    """Of several entries, the last; of `moved`, what it was written as; of `rewritten`, the last checkpoint that is
    right (0: none)."""
    source: str = DATABASE
    """Where the checkpoint is."""


def hash_of(number: int, at: str, actor: str, act: str, subject: str, details: str, previous: bytes) -> bytes:
    """Return the SHA-256 of an entry: of a JSON array, in which no field can pass for a part of its neighbour."""
    said = json.dumps(["ruta audit entry 1", number, at, actor, act, subject, details, _hex(previous)])
    return hashlib.sha256(said.encode()).digest()


def to_sign(number: int, hash: bytes, at: str) -> bytes:
    """Return what is signed of a checkpoint."""
    return json.dumps(["ruta audit checkpoint 1", number, _hex(hash), at]).encode()


def read_line(line: str) -> Checkpoint | None:
    """Read a checkpoint of a file; None where this is no line that `as_line` has written."""
    try:
        said = json.loads(line)
        read = Checkpoint(
            int(said["number"]), bytes.fromhex(said["hash"]), str(said["at"]), bytes.fromhex(said["signature"])
        )
    except (ValueError, TypeError, KeyError):
        return None
    return read if read.as_line() == line else None


def _hex(value: Any) -> str | None:
    return value.hex() if isinstance(value, bytes) else None


def find(
    entries: Iterable[Entry],
    sources: Mapping[str, Iterable[Checkpoint | Problem]],
    is_signed: Callable[[Checkpoint], bool],
) -> Iterator[Problem]:
    """Yield everything that is wrong, in the order of the numbers; what follows from one fault only as far as it must.

    `sources` are the checkpoints in the database, which have to be given, and each copy of them; a copy may lack some,
    of the first and of the last ones. A source may also yield what it could not read.
    """
    held = {source: _Held(source, iter(checkpoints), is_signed) for source, checkpoints in sources.items()}
    last: Entry | None = None
    hashes = {BEFORE_THE_FIRST}  # what the next entry may have as the one before: the last's as it is, and should be
    shift = 0  # by how much the numbers are higher than they were written, where rows have been moved
    for entry in entries:
        expected = last.number + 1 if last is not None else 1
        if entry.number < expected:
            yield Problem("out_of_order", entry.number)
            continue
        if entry.number > expected:
            yield Problem("missing", expected, entry.number - 1)
        right = _hash(entry, entry.number - shift)
        if right != entry.hash:
            shifts = (one for one in (0, shift + 1, shift - 1, 1, -1) if _hash(entry, entry.number - one) == entry.hash)
            found = next(shifts, None)
            if found is None:
                yield Problem("changed", entry.number)
            else:
                shift, right = found, entry.hash
                if shift:
                    yield Problem("moved", entry.number, entry.number - shift)
        elif entry.number == expected and entry.previous not in hashes:
            yield Problem("unlinked", entry.number)
        hashes = {entry.hash, right}
        for one in held.values():
            yield from one.check(entry.number, hashes)
        if any(one.had(entry.number) for one in held.values()) and not held[DATABASE].had(entry.number):
            yield Problem("checkpoint_missing", entry.number)
        last = entry
    end = last.number if last is not None else 0
    for one in held.values():
        yield from one.rest(end)
    if end > held[DATABASE].last:
        yield Problem("not_signed", held[DATABASE].last + 1, end)


def _hash(entry: Entry, number: int) -> bytes:
    return hash_of(number, entry.at, entry.actor, entry.act, entry.subject, entry.details, entry.previous)


class _Held:
    """The checkpoints of one source, against which entries are held as they come."""

    def __init__(
        self, source: str, checkpoints: Iterator[Checkpoint | Problem], is_signed: Callable[[Checkpoint], bool]
    ) -> None:
        self._source = source
        self._checkpoints = checkpoints
        self._is_signed = is_signed
        self._next: Checkpoint | None = None
        self._over = False
        self.last = 0  # the number of the last one that was come by
        self._right = 0  # and of the last one that was right

    def _read(self) -> Iterator[Problem]:
        """Have the next one that is signed, if there is any."""
        while self._next is None and not self._over:
            one = next(self._checkpoints, None)
            if one is None:
                self._over = True
            elif isinstance(one, Problem):
                yield one
            elif not self._is_signed(one):
                yield Problem("checkpoint_forged", one.number, source=self._source)
            elif one.number <= self.last:
                yield Problem("checkpoint_out_of_order", one.number, source=self._source)
            else:
                self._next = one

    def check(self, number: int, hashes: set[bytes]) -> Iterator[Problem]:
        """Hold an entry against the checkpoint of its number; one of an entry that is missing is passed over."""
        yield from self._read()
        while self._next is not None and self._next.number <= number:
            one, self._next = self._next, None
            self.last = one.number
            if one.number == number and one.hash not in hashes:
                yield Problem("rewritten", number, self._right, self._source)
            elif one.number == number:
                self._right = number
            yield from self._read()

    def had(self, number: int) -> bool:
        """Whether there was one of this number, of all up to which `check` has been asked."""
        return self.last == number

    def rest(self, end: int) -> Iterator[Problem]:
        """What there is of checkpoints behind the last entry: that entry is not the last one that was written."""
        written = 0
        yield from self._read()
        while self._next is not None:
            written = self.last = self._next.number
            self._next = None
            yield from self._read()
        if written:
            yield Problem("tail_cut", end + 1, written, self._source)
