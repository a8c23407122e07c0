"""What a form led to, kept for some minutes for the session that has sent it, and for nobody else.

The page that shows it is asked for at an address of its own: what itself answers a form browsers keep with all that was
typed, on their disk as well.
"""

import json
from typing import Any, Final
from uuid import UUID

from hub.console.keyring import Keyring
from messaging.database import Connection

PURPOSE: Final = "answers"  # of the keyring
KEPT_FOR: Final = "15 minutes"

KEEP: Final = """
    insert into kept_answer (session, path, content) values (%s, %s, %s)
    on conflict (session, path) do update set content = excluded.content, kept_at = now()
"""
FIND: Final = f"""
    select content from kept_answer where session = %s and path = %s and kept_at > now() - interval '{KEPT_FOR}'
"""
DROP: Final = "delete from kept_answer where session = %s and path = %s"
DROP_OLD: Final = f"delete from kept_answer where kept_at < now() - interval '{KEPT_FOR}'"


def keep(tx: Connection, keyring: Keyring, session: UUID, path: str, said: Any) -> None:
    """Keep what JSON can say for a page, in place of what was kept for it before."""
    tx.execute(KEEP, (session, path, keyring.seal(PURPOSE, f"{session} {path}", json.dumps(said).encode())))


def find(tx: Connection, keyring: Keyring, session: UUID, path: str) -> Any:
    """What is kept for a page; None where nothing is, or no longer."""
    row = tx.execute(FIND, (session, path)).fetchone()
    return None if row is None else json.loads(keyring.open(PURPOSE, f"{session} {path}", bytes(row["content"])))


def drop(tx: Connection, session: UUID, path: str) -> None:
    """Keep nothing any more for a page."""
    tx.execute(DROP, (session, path))


def drop_old(tx: Connection) -> None:
    """Drop what nobody looks at any more."""
    tx.execute(DROP_OLD)
