"""Sessions: rows behind the cookie of a browser, which anybody's end ends at the next request.

A browser may have sessions of several people who share a computer, one of them current. It is known by a random text of
which the database has the SHA-256 only, and which is another one after each login.
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal
from uuid import UUID

import contracts
from hub.console.web import credentials
from hub.console.web.accounts import Staff
from messaging.database import Connection

PIN_ATTEMPTS: Final = 5  # wrong PINs end the session: the password opens it again
ACTIVITY_EVERY: Final = "10 seconds"  # more often it is not written down
KEPT: Final = "30 days"  # after the end
KNOWN_FOR: Final = 180  # days in which a browser is remembered that nobody comes in with

COLUMNS: Final = (
    """
    session.id, session.staff, session.locked_at is not null as is_locked,
    session.locked_at is null and session.seen_at < now() - make_interval(mins => %(lock_after)s) as is_idle,
    extract(epoch from now() - session.seen_at) as idle_seconds, session.seen_at < now() - interval '"""
    + ACTIVITY_EVERY
    + """' as is_due, session.is_current, session.pin_failures,
    staff.code, staff.organisation, staff.name, staff.login, staff.roles, staff.status
"""
)
OPEN: Final = "session.ended_at is null and session.ends_at > now() and staff.status = 'active'"
OF_BROWSER: Final = f"""
    select {COLUMNS} from session join staff on staff.code = session.staff
    where session.browser = %(browser)s and {OPEN} order by session.is_current desc, staff.name
"""
CURRENT: Final = f"""
    select {COLUMNS} from session join staff on staff.code = session.staff
    where session.browser = %(browser)s and session.is_current and {OPEN}
"""
# Whose session was over because of its age, and nothing else: what they send still is theirs. Only the session that
# the browser was last used in is looked at: after it somebody else's is not the last one again.
EXPIRED: Final = """
    select staff.* from staff join (
        select * from session where browser = %s order by seen_at desc, began_at desc limit 1
    ) as latest on staff.code = latest.staff
    where staff.status = 'active' and (
        latest.ended_by = 'age' or (latest.ended_at is null and latest.is_current and latest.ends_at <= now())
    )
"""
SEEN: Final = "update session set seen_at = now() where id = %s"
LOCK: Final = "update session set locked_at = now() where id = %s and locked_at is null returning id"
# Who shares the computer stays in it, locked; of other organisations nobody does.
MOVE: Final = """
    update session set browser = %(new)s, is_current = false, locked_at = coalesce(locked_at, now())
    from staff
    where session.browser = %(old)s and session.ended_at is null and staff.code = session.staff
      and staff.organisation = %(organisation)s and staff.code <> %(staff)s
"""
END_REST: Final = """
    update session set ended_at = now(), ended_by = 'login', is_current = false
    where browser = %(old)s and ended_at is null
"""
BEGIN: Final = """
    insert into session (id, browser, staff, ends_at)
    values (%(id)s, %(new)s, %(staff)s, now() + make_interval(hours => %(hours)s))
"""
END: Final = """
    update session set ended_at = now(), ended_by = %s, is_current = false where id = %s and ended_at is null
    returning id
"""
END_ALL: Final = """
    update session set ended_at = now(), ended_by = %s, is_current = false where staff = %s and ended_at is null
    returning id
"""
OTHERS_REST: Final = """
    update session set is_current = false, locked_at = coalesce(locked_at, now())
    where browser = %s and id <> %s and is_current and ended_at is null
"""
UNLOCK: Final = """
    update session set locked_at = null, is_current = true, pin_failures = 0, seen_at = now() where id = %s
"""
PIN_FAILED: Final = "update session set pin_failures = pin_failures + 1 where id = %s returning pin_failures"
PIN_OF: Final = "select pin from staff where code = %s"
DROP_OLD: Final = f"delete from session where ended_at < now() - interval '{KEPT}'"
END_OLD: Final = "update session set ended_at = ends_at, ended_by = 'age', is_current = false where ended_at is null and ends_at < now()"  # noqa: E501
KNOW: Final = """
    insert into known_browser (sha256, staff) values (%s, %s)
    on conflict (sha256, staff) do update set seen_at = now()
"""
IS_KNOWN: Final = """
    update known_browser set seen_at = now() where sha256 = %s and staff = %s returning staff
"""
FORGET_KNOWN: Final = f"delete from known_browser where seen_at < now() - interval '{KNOWN_FOR} days'"

EndedBy = Literal["logout", "pin", "suspended", "recovery"]


@dataclass(frozen=True, slots=True)
class Session:
    """One person's session in a browser."""

    id: UUID
    staff: Staff
    is_current: bool
    is_locked: bool
    is_idle: bool
    """Nobody has done anything for so long that it is to be locked."""
    is_due: bool
    """Activity is to be written down."""
    idle_seconds: float
    """Since when nobody has done anything, as far as it was written down."""


def new_browser() -> str:
    """What a cookie has."""
    return secrets.token_urlsafe(32)


def digest(browser: str) -> bytes:
    """What the database has of it."""
    return hashlib.sha256(browser.encode()).digest()


def current(tx: Connection, browser: str, *, lock_after: int) -> Session | None:
    """The session that a browser's requests belong to; `lock_after` are minutes."""
    row = tx.execute(CURRENT, {"browser": digest(browser), "lock_after": lock_after}).fetchone()
    return _session(row) if row is not None else None


def of_browser(tx: Connection, browser: str, *, lock_after: int) -> Sequence[Session]:
    """Everybody's sessions in a browser, the current one first."""
    asked = {"browser": digest(browser), "lock_after": lock_after}
    return [_session(row) for row in tx.execute(OF_BROWSER, asked)]


def expired(tx: Connection, browser: str) -> Staff | None:
    """Whose session in a browser was over because of its age; None where it ended otherwise, or nobody had one."""
    row = tx.execute(EXPIRED, (digest(browser),)).fetchone()
    return Staff.of_row(row) if row is not None else None


def _session(row: dict[str, Any]) -> Session:
    return Session(
        row["id"], Staff.of_row(row), row["is_current"], row["is_locked"], row["is_idle"], row["is_due"],
        float(row["idle_seconds"]),
    )  # fmt: skip


def note_activity(tx: Connection, id: UUID) -> None:
    """Somebody is there."""
    tx.execute(SEEN, (id,))


def lock(tx: Connection, id: UUID) -> bool:
    """Lock until the PIN opens it; False where it was locked."""
    return tx.execute(LOCK, (id,)).fetchone() is not None


def begin(tx: Connection, staff: Staff, *, browser: str, hours: int) -> tuple[UUID, str]:
    """Begin a session, as somebody has come in by password; returns its id, and the browser's new text."""
    new = new_browser()
    id = contracts.uuid7()
    asked = {
        "id": id, "old": digest(browser), "new": digest(new), "staff": staff.code, "hours": hours,
        "organisation": staff.organisation,
    }  # fmt: skip
    for statement in (END_OLD, DROP_OLD, FORGET_KNOWN):
        tx.execute(statement)
    for statement in (MOVE, END_REST, BEGIN):
        tx.execute(statement, asked)
    return id, new


def end(tx: Connection, id: UUID, by: EndedBy) -> bool:
    """End one; False where it has ended."""
    return tx.execute(END, (by, id)).fetchone() is not None


def end_all(tx: Connection, staff: str, by: EndedBy) -> int:
    """End all that somebody has, in every browser; returns how many."""
    return len(tx.execute(END_ALL, (by, staff)).fetchall())


Unlocked = Literal["right", "wrong", "ended"]


def unlock(tx: Connection, browser: str, session: Session, pin: str) -> Unlocked:
    """Open a locked session, or change to another of the browser; the last of PIN_ATTEMPTS that is wrong ends it."""
    row = tx.execute(f"{PIN_OF} for no key update", (session.staff.code,)).fetchone()
    assert row is not None
    if credentials.is_right(row["pin"], pin):
        tx.execute(OTHERS_REST, (digest(browser), session.id))
        tx.execute(UNLOCK, (session.id,))
        return "right"
    failed = tx.execute(PIN_FAILED, (session.id,)).fetchone()
    if failed is not None and failed["pin_failures"] >= PIN_ATTEMPTS:
        end(tx, session.id, "pin")
        return "ended"
    return "wrong"


def know(tx: Connection, staff: str, known: str) -> str:
    """Remember a browser as one in which somebody has come in; returns what its cookie has, as before if it had any."""
    known = known or new_browser()
    tx.execute(KNOW, (digest(known), staff))
    return known


def is_known(tx: Connection, known: str, staff: str) -> bool:
    """Whether somebody has come in by this browser before."""
    return tx.execute(IS_KNOWN, (digest(known), staff)).fetchone() is not None
