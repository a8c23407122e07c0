"""What a form led to, kept for some minutes for the session that has sent it, and for nobody else.

The page that shows it is asked for at an address of its own, which names the request that sent the form: what itself
answers a form browsers keep with all that was typed, on their disk as well. So each tab has its own, and a form that is
opened anew is empty.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final
from uuid import UUID

from hub.console.keyring import Keyring
from messaging.database import Connection

PURPOSE: Final = "answers"  # of the keyring
FIELD: Final = "respuesta"  # in an address: to which request
KEPT_FOR: Final = "15 minutes"
MOST: Final = 32  # of one session: the oldest go first

KEEP: Final = "insert into kept_answer (session, path, content) values (%s, %s, %s)"
FIND: Final = f"""
    select content from kept_answer where session = %s and path = %s and kept_at > now() - interval '{KEPT_FOR}'
"""
DROP: Final = "delete from kept_answer where session = %s and path = %s"
DROP_MORE: Final = f"""
    delete from kept_answer where session = %(session)s and path in (
        select path from kept_answer where session = %(session)s order by kept_at desc offset {MOST}
    )
"""
DROP_OLD: Final = f"delete from kept_answer where kept_at < now() - interval '{KEPT_FOR}'"


@dataclass(frozen=True)
class Kept:
    """What is shown for a form that was sent."""

    said: Mapping[str, Any]
    """What JSON can say for the page."""
    form: Mapping[str, Sequence[str]]
    """What was typed, where the form comes back with it."""
    is_shown_once: bool = False


def address(path: str, request_id: str) -> str:
    """Where the page is that shows what a request led to."""
    return f"{path}{'&' if '?' in path else '?'}{FIELD}={request_id}"


def keep(tx: Connection, keyring: Keyring, session: UUID, page: str, kept: Kept) -> None:
    """Keep it for a page, by its path and the request."""
    content = json.dumps(asdict(kept)).encode()
    tx.execute(KEEP, (session, page, keyring.seal(PURPOSE, f"{session} {page}", content)))
    tx.execute(DROP_MORE, {"session": session})


def find(tx: Connection, keyring: Keyring, session: UUID, page: str) -> Kept | None:
    """What is kept for a page; None where nothing is, or no longer. What is shown once is no longer kept then."""
    row = tx.execute(FIND, (session, page)).fetchone()
    if row is None:
        return None
    kept = Kept(**json.loads(keyring.open(PURPOSE, f"{session} {page}", bytes(row["content"]))))
    if kept.is_shown_once:
        tx.execute(DROP, (session, page))
    return kept


def drop_old(tx: Connection) -> None:
    """Drop what nobody looks at any more."""
    tx.execute(DROP_OLD)
