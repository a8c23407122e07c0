"""What somebody had typed when their session was locked or over: it is not done, and waits for their return."""

import json
from collections.abc import Mapping, Sequence
from typing import Final

from hub.console.keyring import Keyring
from messaging.database import Connection

PURPOSE: Final = "forms"  # of the keyring
KEPT_FOR: Final = "72 hours"

KEEP: Final = """
    insert into kept_form (staff, path, content) values (%s, %s, %s)
    on conflict (staff, path) do update set content = excluded.content, kept_at = now()
"""
FIND: Final = f"""
    select content from kept_form where staff = %s and path = %s and kept_at > now() - interval '{KEPT_FOR}'
"""
DROP: Final = "delete from kept_form where staff = %s and path = %s"
DROP_OLD: Final = f"delete from kept_form where kept_at < now() - interval '{KEPT_FOR}'"

Form = Mapping[str, Sequence[str]]


def keep(tx: Connection, keyring: Keyring, staff: str, path: str, form: Form) -> None:
    """Keep a form for a page, in place of what was kept for it before."""
    tx.execute(KEEP, (staff, path, keyring.seal(PURPOSE, f"{staff} {path}", json.dumps(form).encode())))


def find(tx: Connection, keyring: Keyring, staff: str, path: str) -> Form:
    """What is kept for a page; empty where nothing is."""
    row = tx.execute(FIND, (staff, path)).fetchone()
    if row is None:
        return {}
    found: Form = json.loads(keyring.open(PURPOSE, f"{staff} {path}", bytes(row["content"])))
    return found


def drop(tx: Connection, staff: str, path: str) -> None:
    """Keep nothing any more for a page: it has been sent."""
    tx.execute(DROP, (staff, path))


def drop_old(tx: Connection) -> None:
    """Drop what nobody has come back for."""
    tx.execute(DROP_OLD)
