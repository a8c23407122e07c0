"""How much of each organisation is accepted, or about to be, and not yet taken up by the gateway."""

import threading
from collections import Counter
from collections.abc import Iterable
from uuid import UUID

from messaging.database import Connection

# Of writers that are not ours, or no longer: what the relay has to publish.
LEFT = """
    select split_part(outbox.routing_key, '.', 2) as organisation, count(*) as messages,
           sum(octet_length(outbox.body)) as bytes
    from outbox join outbox_writer using (writer)
    where outbox_writer.published < outbox_writer.committed and outbox.position > outbox_writer.published
      and outbox.position > (select min(published) from outbox_writer where published < committed)
      and writer is distinct from %s::uuid
    group by 1
"""


class Backlog:
    """Counted in memory for what this process publishes itself, in the database for all else."""

    def __init__(self, messages: int, bytes_: int) -> None:
        self._messages, self._bytes = messages, bytes_
        self._lock = threading.Lock()
        # What this process has to publish, what the relay has, and what the broker has.
        self._ours: Counter[str] = Counter()
        self._our_bytes: Counter[str] = Counter()
        self._left: dict[str, tuple[int, int]] = {}
        self._standing: dict[str, tuple[int, int]] = {}

    def takes(self, organisation: str, sizes: list[int]) -> bool:
        """Take so many messages of so many bytes in, if there is room for them."""
        with self._lock:
            left, left_bytes = self._left.get(organisation, (0, 0))
            stand, stand_bytes = self._standing.get(organisation, (0, 0))
            if (
                self._ours[organisation] + left + stand + len(sizes) > self._messages
                or self._our_bytes[organisation] + left_bytes + stand_bytes + sum(sizes) > self._bytes
            ):
                return False
            self._ours[organisation] += len(sizes)
            self._our_bytes[organisation] += sum(sizes)
            return True

    def leaves(self, gone: Iterable[tuple[str, int]]) -> None:
        """Let go of messages: of which organisation, and how long each was."""
        with self._lock:
            for organisation, size in gone:
                self._ours[organisation] -= 1
                self._our_bytes[organisation] -= size
                if not self._ours[organisation]:
                    del self._ours[organisation], self._our_bytes[organisation]

    def is_left(self, gone: Iterable[tuple[str, int]]) -> None:
        """Leave messages to the relay: it is counted with what that has to publish, until it is counted anew."""
        gone = list(gone)
        self.leaves(gone)
        with self._lock:
            for organisation, size in gone:
                messages, bytes_ = self._left.get(organisation, (0, 0))
                self._left[organisation] = messages + 1, bytes_ + size

    def stands(self, organisation: str, size: int) -> None:
        """Note that a message has gone into its organisation's queue (standing.py)."""
        with self._lock:
            messages, bytes_ = self._standing.get(organisation, (0, 0))
            self._standing[organisation] = messages + 1, bytes_ + size

    def counted(self, organisation: str, messages: int) -> None:
        """Say how many messages stand in its queues; how many bytes is reckoned by what it was."""
        with self._lock:
            before, bytes_ = self._standing.pop(organisation, (0, 0))
            if messages:
                self._standing[organisation] = messages, bytes_ * messages // max(before, messages)

    @property
    def has_left(self) -> bool:
        """Whether the relay had something to publish when it was counted last."""
        return bool(self._left)

    def count_left(self, connection: Connection, writer: UUID | None) -> None:
        """Count what the relay has to publish, which is what `writer` did not write, and commit."""
        rows = connection.execute(LEFT, (writer,)).fetchall()
        connection.commit()
        left = {row["organisation"]: (row["messages"], int(row["bytes"])) for row in rows}
        with self._lock:
            self._left = left
