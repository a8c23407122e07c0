"""Counts what is refused by HTTP: one row for each organisation, code and minute, so that no flood fills a disk."""

import threading
from datetime import datetime
from uuid import UUID

from messaging.database import Connection

NOBODY = "-"  # in place of an organisation, where it is not known who it was
MOST = 10_000  # rows that wait for the database; beyond it nothing new is counted

COUNT = """
    insert into refusal_count (organisation, code, entrance, minute, count, first_message)
    select organisation, code, 'http', minute, count, first_message
    from unnest(%b::text[], %b::text[], %b::timestamptz[], %b::bigint[], %b::uuid[])
         as new(organisation, code, minute, count, first_message)
    on conflict (organisation, code, entrance, minute) do update
    set count = refusal_count.count + excluded.count,
        first_message = coalesce(refusal_count.first_message, excluded.first_message)
"""


class Refusals:
    """Gathered in memory, written every second by the thread that commits."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, str, datetime], tuple[int, UUID | None]] = {}

    def note(self, organisation: str | None, code: str, now: datetime, message_id: UUID | None = None) -> None:
        """Count one."""
        key = (organisation or NOBODY, code, now.replace(second=0, microsecond=0))
        with self._lock:
            known = self._counts.get(key)
            if known is not None:
                self._counts[key] = known[0] + 1, known[1] or message_id
            elif len(self._counts) < MOST:
                self._counts[key] = 1, message_id

    def write(self, connection: Connection) -> None:
        """Write what has been counted, and commit; what could not be written is kept for the next time."""
        with self._lock:
            taken, self._counts = self._counts, {}
        if not taken:
            return
        keys = sorted(taken)
        columns = ([key[0] for key in keys], [key[1] for key in keys], [key[2] for key in keys])
        try:
            connection.execute(COUNT, (*columns, [taken[key][0] for key in keys], [taken[key][1] for key in keys]))
            connection.commit()
        except BaseException:
            self._put_back(taken)
            raise

    def _put_back(self, taken: dict[tuple[str, str, datetime], tuple[int, UUID | None]]) -> None:
        with self._lock:
            for key, (count, first) in taken.items():
                later = self._counts.get(key, (0, None))
                self._counts[key] = count + later[0], first or later[1]
