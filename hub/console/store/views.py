"""Lists that a member of staff has kept under names of their own. Every function takes a connection to the console's
database.
"""

from typing import Final, LiteralString
from uuid import UUID

import contracts
from hub.console.store.cases import Asked, Part
from messaging.database import Connection, Row

AT_MOST: Final = 20
"""Of one person: beyond, a list of lists is searched longer than the list itself."""

OF: Final[LiteralString] = "select id, name, part, state, need_code from saved_view where staff = %s order by name, id"
TAKE_TURN: Final[LiteralString] = "select from staff where code = %s for no key update"
IS_ANOTHER: Final[LiteralString] = "select count(*) as many from saved_view where staff = %s and name <> %s"
# The same name again is for what is asked for now.
SAVE: Final[LiteralString] = """
    insert into saved_view (id, staff, name, part, state, need_code)
    values (%(id)s, %(staff)s, %(name)s, %(part)s, %(state)s, %(need_code)s)
    on conflict (staff, name) do update
    set part = excluded.part, state = excluded.state, need_code = excluded.need_code, saved_at = now()
"""
DROP: Final[LiteralString] = "delete from saved_view where staff = %s and id = %s"


def of(connection: Connection, staff: str) -> list[tuple[Row, Asked]]:
    """All that somebody has kept, by name, with what each asks for."""
    rows = connection.execute(OF, (staff,)).fetchall()
    return [(row, Asked(Part(row["part"]), row["state"], row["need_code"])) for row in rows]


def save(connection: Connection, staff: str, name: str, asked: Asked) -> bool:
    """Keep what is asked for under a name; False where somebody has AT_MOST others."""
    connection.execute(TAKE_TURN, (staff,))
    others = connection.execute(IS_ANOTHER, (staff, name)).fetchone()
    if others is None or others["many"] >= AT_MOST:
        return False
    values = {"part": asked.part.value, "state": asked.state, "need_code": asked.need_code}
    connection.execute(SAVE, {"id": contracts.uuid7(), "staff": staff, "name": name, **values})
    return True


def drop(connection: Connection, staff: str, id: UUID) -> None:
    """Keep one no longer; of somebody else's, or one that is gone, nothing is done."""
    connection.execute(DROP, (staff, id))
