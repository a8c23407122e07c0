"""A story: all that belongs together with a message, of which the failures are drawn first.

    story(connection, id)               -> Story, or None
    asked(connection, id, about=50)     -> Asked: the story, and the messages of that very id, or about it; or None

It is read in whatever transaction is open; nothing is written, and nothing committed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from hub.gateway.outcomes import GATEWAY
from hub.monitor.log.reading import COLUMNS, Entry, entries, select
from messaging.database import Connection, Row

DRAWN: Final = 100  # messages of a story that are drawn
MOST: Final = 20_000  # messages of a story that are read
BEGINNINGS: Final = 1_000  # messages by which it is known what belongs to a story

BEGIN: Final = f"""
    select correlation, subject from message
    where id = %(id)s or subject = %(id)s or correlation = %(id)s limit {BEGINNINGS}
"""
IS_KNOWN: Final = "select from message where id = %(id)s or subject = %(id)s or correlation = %(id)s limit 1"
# What belongs together, and of that what is drawn: failures first. Of no story more than MOST are read. Of what was
# refused by admission the failure is admission's; of what passed under the same id, the services'.
CHOSEN: Final = f"""
    with belongs as materialized (
        select arrived_at, id, kind from message
        where correlation = any(%(correlations)s::uuid[]) or subject = any(%(subjects)s::uuid[]) limit {MOST + 1}
    ), failed as materialized (
        select distinct message_id, case when service = '{GATEWAY}' then 'refused' else 'passed' end as kind
        from failure where message_id in (select id from belongs)
    )
    select arrived_at, id, belongs.kind, count(*) over () as count, count(message_id) over () as failed,
        count(*) filter (where id = %(id)s) over () > 0 as is_of_message
    from belongs left join failed on message_id = id and failed.kind = belongs.kind
    order by message_id is null, arrived_at, id limit %(drawn)s
"""
ROWS: Final = f"""
    select {COLUMNS} from unnest(%s::timestamptz[], %s::uuid[], %s::text[]) as chosen(at, chosen_id, chosen_kind)
    join message on arrived_at = at and id = chosen_id and kind = chosen_kind order by arrived_at, id
"""


@dataclass(frozen=True, slots=True)
class Story:
    """All that belongs together: what began it, what it has caused, and what is about the same subject."""

    entries: tuple[Entry, ...]
    """Those that are drawn: failures first of all, then the first ones; in the order in which they came."""
    count: int
    failed: int
    is_whole: bool
    """False where there are more than MOST, of which the first are read."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A story, and what stands under the very id that was asked for."""

    story: Story
    itself: tuple[Entry, ...]
    """The messages of this id; none where it is what messages are about, or what began them."""
    about: tuple[Entry, ...]
    """Where there are none, the newest messages that are about it."""


def is_known(connection: Connection, id: UUID) -> bool:
    """Whether there is a story of an id."""
    return connection.execute(IS_KNOWN, {"id": id}).fetchone() is not None


def story(connection: Connection, id: UUID, *, drawn: int = DRAWN) -> Story | None:
    """Return what belongs together with a message, a subject or a correlation; None where nothing is known of it."""
    chosen = _chosen(connection, id, drawn)
    return _story(chosen, entries(connection, _rows(connection, chosen))) if chosen else None


def asked(connection: Connection, id: UUID, *, about: int) -> Asked | None:
    """Return the story of an id with what is its own, of what is about it so many messages; None as `story`."""
    chosen = _chosen(connection, id, DRAWN)
    if not chosen:
        return None
    rows = _rows(connection, chosen)
    may_be_message = chosen[0]["is_of_message"] or chosen[0]["count"] > MOST  # of what was not read it may be one
    itself = select(connection, [("id = %s", id)], None, 1) if may_be_message else []
    of_it = select(connection, [("subject = %s", id)], None, about - 1) if not itself else []
    # What became of all these is looked for once: in three months of days that takes longer than anything else here.
    shown = entries(connection, [*rows, *itself, *of_it])
    own = len(rows) + len(itself)
    return Asked(_story(chosen, shown[: len(rows)]), tuple(shown[len(rows) : own]), tuple(shown[own:]))


def _chosen(connection: Connection, id: UUID, drawn: int) -> list[Row]:
    """What is drawn of a story; each with how many were read and how many failed, and whether one has the very id."""
    begin = connection.execute(BEGIN.encode(), {"id": id}).fetchall()
    if not begin:
        return []
    correlations = list({row["correlation"] for row in begin})
    subjects = list({row["subject"] for row in begin} - {None})
    params = {"id": id, "correlations": correlations, "subjects": subjects, "drawn": drawn}
    return connection.execute(CHOSEN.encode(), params).fetchall()


def _rows(connection: Connection, chosen: Sequence[Row]) -> list[Row]:
    names = [[row[name] for row in chosen] for name in ("arrived_at", "id", "kind")]
    return connection.execute(ROWS.encode(), names).fetchall()


def _story(chosen: Sequence[Row], drawn: Sequence[Entry]) -> Story:
    count = chosen[0]["count"]
    return Story(tuple(drawn), min(count, MOST), chosen[0]["failed"], count <= MOST)
