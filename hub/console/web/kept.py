"""What somebody had typed and is not done: it waits for their return.

They had not sent it yet (static/drafts.js says it a moment after they typed), or sent it when their session was locked
or over, or when it could not be done.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from hub.console.keyring import Keyring
from messaging.database import Connection

PURPOSE: Final = "forms"  # of the keyring
KEPT_FOR: Final = "72 hours"
MOST: Final = 32  # pages of one person: the oldest go first
FORM_ID: Final = "formulario"  # the field of a form that is known by an id

KEEP: Final = """
    insert into kept_form (staff, path, content) values (%s, %s, %s)
    on conflict (staff, path) do update set content = excluded.content, kept_at = now() returning path
"""
FIND: Final = f"""
    select content from kept_form where staff = %s and path = %s and kept_at > now() - interval '{KEPT_FOR}'
"""
DROP_MORE: Final = f"""
    delete from kept_form where staff = %(staff)s and path in (
        select path from kept_form where staff = %(staff)s order by kept_at desc offset {MOST}
    )
"""
IS_DONE: Final = "select from act where message_id = %(id)s or batch = %(id)s limit 1"
DROP: Final = "delete from kept_form where staff = %s and path = %s"
DROP_OLD: Final = f"delete from kept_form where kept_at < now() - interval '{KEPT_FOR}'"

Form = Mapping[str, Sequence[str]]


def keep(tx: Connection, keyring: Keyring, staff: str, path: str, form: Form) -> bool:
    """Keep a form for a page, in place of what was kept for it before.

    Return whether it is kept: of a case whose person is erased, or was deleted by the organisation, nothing is
    (migration 0037).
    """
    sealed = keyring.seal(PURPOSE, f"{staff} {path}", json.dumps(form).encode())
    is_kept = tx.execute(KEEP, (staff, path, sealed)).fetchone() is not None
    tx.execute(DROP_MORE, {"staff": staff})
    return is_kept


def find(tx: Connection, keyring: Keyring, staff: str, path: str) -> Form:
    """What is kept for a page; empty where nothing is, or what was decided by that very form: it came late."""
    row = tx.execute(FIND, (staff, path)).fetchone()
    if row is None:
        return {}
    found: Form = json.loads(keyring.open(PURPOSE, f"{staff} {path}", bytes(row["content"])))
    return {} if _is_done(tx, found) else found


def _is_done(tx: Connection, form: Form) -> bool:
    try:
        id = UUID(form[FORM_ID][0])
    except (LookupError, ValueError):  # of a form that has none
        return False
    return tx.execute(IS_DONE, {"id": id}).fetchone() is not None


def drop(tx: Connection, staff: str, path: str) -> None:
    """Keep nothing any more for a page: it has been sent."""
    tx.execute(DROP, (staff, path))


def drop_old(tx: Connection) -> None:
    """Drop what nobody has come back for."""
    tx.execute(DROP_OLD)
