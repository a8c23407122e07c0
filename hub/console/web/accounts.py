"""Members of staff and what they come in with, in the console's database."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Literal

from contracts.codes import Power
from hub.console.keyring import Keyring
from hub.console.web import credentials
from hub.console.web.permissions import OF_THE_CENTRE, Role
from messaging.database import Connection
from messaging.topology import Organisation

TOTP: Final = "totp"  # a purpose of the keyring
ENROL_WITHIN: Final = "72 hours"
GRANT_WITHIN: Final = "24 hours"

OF_LOGIN: Final = "select * from staff where login = %s"
NAMES: Final = "select code, name, login from staff where code = any(%s)"
OF_CODE: Final = "select * from staff where code = %s"
ALL: Final = "select * from staff order by organisation, login"
ADD: Final = f"""
    insert into staff (code, organisation, name, login, roles, enrolment, enrolment_until)
    values (%s, %s, %s, %s, %s, %s, now() + interval '{ENROL_WITHIN}')
    on conflict (login) do nothing
    returning code
"""
SUSPEND: Final = "update staff set status = 'suspended' where code = %s and status <> 'suspended' returning code"
RESUME: Final = """
    update staff set status = case when password is null then 'invited' else 'active' end
    where code = %s and status = 'suspended' returning code
"""
INVITE_AGAIN: Final = f"""
    update staff
    set status = 'invited', password = null, pin = null, totp_secret = null, totp_step = 0, enrolment = %s,
        enrolment_until = now() + interval '{ENROL_WITHIN}'
    where code = %s and status <> 'suspended' returning code
"""
OF_ENROLMENT: Final = "select * from staff where enrolment = %s and enrolment_until > now() and status = 'invited'"
KEEP_AUTHENTICATOR: Final = "update staff set totp_secret = %s where code = %s and status = 'invited'"
ENROL: Final = """
    update staff set status = 'active', password = %s, pin = %s, totp_step = %s, enrolment = null,
                     enrolment_until = null, enrolled_at = now()
    where code = %s and enrolment = %s and status = 'invited' returning code
"""
USE_STEP: Final = "update staff set totp_step = %s where code = %s and totp_step < %s returning code"
USE_CODE: Final = """
    update recovery_code set used_at = now() where staff = %s and sha256 = %s and used_at is null returning staff
"""
CODES_LEFT: Final = "select count(*) as left from recovery_code where staff = %s and used_at is null"
DROP_CODES: Final = "delete from recovery_code where staff = %s"
ADD_CODES: Final = "insert into recovery_code (staff, sha256) select %b, unnest(%b::bytea[])"
PENDING: Final = """
    select recovery.*, staff.organisation from recovery join staff on staff.code = recovery.staff
    where until > now() order by until
"""
ASK: Final = f"""
    insert into recovery (staff, asked_by, until) values (%s, %s, now() + interval '{GRANT_WITHIN}')
    on conflict (staff) do update set asked_by = excluded.asked_by, until = excluded.until
    where recovery.until <= now()
    returning staff
"""
DROP_RECOVERY: Final = "delete from recovery where staff = %s"
GRANT: Final = "delete from recovery where staff = %s and asked_by <> %s and until > now() returning asked_by"


@dataclass(frozen=True, slots=True)
class Staff:
    """A member of staff."""

    code: str
    organisation: str
    name: str
    login: str
    roles: frozenset[Role]
    status: str

    @classmethod
    def of_row(cls, row: dict[str, Any]) -> "Staff":
        """Read a row of the table."""
        roles = frozenset(Role(one) for one in row["roles"])
        return cls(row["code"], row["organisation"], row["name"], row["login"], roles, row["status"])


def at_present(staff: Staff, organisation: Organisation | None) -> Staff:
    """Somebody with the roles that count now: those of the centre only while the organisation coordinates."""
    if organisation is not None and Power.COORDINATE in organisation.powers:
        return staff
    return replace(staff, roles=staff.roles - OF_THE_CENTRE)


Outcome = Literal["right", "unknown", "password", "code", "suspended"]


@dataclass(frozen=True, slots=True)
class Login:
    """What came of an attempt: whoever tried sees only whether it was right."""

    outcome: Outcome
    staff: Staff | None
    """Whose name it was, also where the rest was wrong."""
    by_recovery_code: bool = False


def normal_login(said: str) -> str:
    """A login name as it is kept."""
    return said.strip().lower()


def add(tx: Connection, *, organisation: str, name: str, login: str, roles: Iterable[Role]) -> tuple[str, str] | None:
    """Add somebody; return their code and what they enrol with. None where somebody has this login name."""
    code, enrolment = f"s-{credentials.new_code(2).lower()}", credentials.new_code(4)
    values = (code, organisation, name, login, sorted(roles), credentials.code_digest(enrolment))
    return (code, enrolment) if tx.execute(ADD, values).fetchone() is not None else None


def find(tx: Connection, code: str) -> Staff | None:
    """The member of staff of a code."""
    row = tx.execute(OF_CODE, (code,)).fetchone()
    return Staff.of_row(row) if row is not None else None


def names(tx: Connection, codes: Collection[str]) -> Mapping[str, str]:
    """What those of these codes are called, with their login names."""
    rows = tx.execute(NAMES, (list(codes),)).fetchall() if codes else []
    return {row["code"]: f"{row['name']} ({row['login']})" for row in rows}


def of_login(tx: Connection, login: str) -> Staff | None:
    """The member of staff of a login name."""
    row = tx.execute(OF_LOGIN, (login,)).fetchone()
    return Staff.of_row(row) if row is not None else None


def everybody(tx: Connection) -> Sequence[Staff]:
    """All of them, by organisation."""
    return [Staff.of_row(row) for row in tx.execute(ALL)]


def suspend(tx: Connection, code: str) -> bool:
    """Let somebody in no more (sessions.end_all ends what they have open); False where that was so already."""
    return tx.execute(SUSPEND, (code,)).fetchone() is not None


def resume(tx: Connection, code: str) -> bool:
    """Let somebody in again; False where they were not suspended."""
    return tx.execute(RESUME, (code,)).fetchone() is not None


def log_in(tx: Connection, keyring: Keyring, login: str, password: str, code: str) -> Login:
    """Check what somebody has typed; an unknown name takes as long as a wrong password or code."""
    row = tx.execute(OF_LOGIN, (login,)).fetchone()
    is_active = row is not None and row["status"] == "active"
    secret = credentials.NOBODYS_SECRET
    if row is not None and row["totp_secret"] is not None:
        secret = keyring.open(TOTP, row["code"], bytes(row["totp_secret"])).decode()
    kept = row["password"] if row is not None and row["password"] is not None else credentials.NOBODYS_HASH
    right_password = credentials.is_right(kept, password)
    step = credentials.totp_step(secret, code)
    right = right_password and is_active
    whose = row["code"] if row is not None and right else ""
    # Only of whom all else is right is something written; the statements are the same for everybody.
    by_step = tx.execute(USE_STEP, (step or 0, whose, step or 0)).fetchone() is not None
    by_code = not by_step and tx.execute(USE_CODE, (whose, credentials.code_digest(code))).fetchone() is not None
    if row is None:
        return Login("unknown", None)
    staff = Staff.of_row(row)
    if not right_password:
        return Login("password", staff)
    if staff.status != "active":
        return Login("suspended", staff)
    return Login("right" if by_step or by_code else "code", staff, by_code)


def codes_left(tx: Connection, code: str) -> int:
    """How many recovery codes somebody has not used yet."""
    row = tx.execute(CODES_LEFT, (code,)).fetchone()
    assert row is not None
    return int(row["left"])


@dataclass(frozen=True, slots=True)
class Enrolling:
    """Somebody who is about to choose a password."""

    staff: Staff
    secret: str
    """Of their authenticator."""


def begin_enrolment(tx: Connection, keyring: Keyring, digest: bytes) -> Enrolling | None:
    """Who has this code, with a secret for their authenticator, the same each time. None where nobody has it."""
    row = tx.execute(f"{OF_ENROLMENT} for update", (digest,)).fetchone()
    if row is None:
        return None
    if row["totp_secret"] is not None:
        secret = keyring.open(TOTP, row["code"], bytes(row["totp_secret"])).decode()
    else:
        secret = credentials.new_totp_secret()
        tx.execute(KEEP_AUTHENTICATOR, (keyring.seal(TOTP, row["code"], secret.encode()), row["code"]))
    return Enrolling(Staff.of_row(row), secret)


def enrol(tx: Connection, digest: bytes, code: str, *, password: str, pin: str, step: int) -> Sequence[str] | None:
    """Let somebody in from now on; return their recovery codes. None where the code of the enrolment was used."""
    values = (credentials.hashed(password), credentials.hashed(pin), step, code, digest)
    if tx.execute(ENROL, values).fetchone() is None:
        return None
    codes = credentials.new_recovery_codes()
    tx.execute(DROP_CODES, (code,))
    tx.execute(ADD_CODES, (code, [credentials.code_digest(one) for one in codes]))
    return codes


def invite_again(tx: Connection, code: str) -> str | None:
    """Take back everything that somebody comes in with; return what they enrol with anew. None where suspended."""
    enrolment = credentials.new_code(4)
    if tx.execute(INVITE_AGAIN, (credentials.code_digest(enrolment), code)).fetchone() is None:
        return None
    tx.execute(DROP_CODES, (code,))
    return enrolment


@dataclass(frozen=True, slots=True)
class Pending:
    """A recovery that a second administrator has not granted yet."""

    staff: str
    organisation: str
    asked_by: str
    until: datetime


def pending_recoveries(tx: Connection) -> Sequence[Pending]:
    """Those that can still be granted."""
    rows = tx.execute(PENDING).fetchall()
    return [Pending(row["staff"], row["organisation"], row["asked_by"], row["until"]) for row in rows]


def ask_recovery(tx: Connection, code: str, by: str) -> bool:
    """Have an administrator ask for somebody; False where somebody has asked already."""
    return tx.execute(ASK, (code, by)).fetchone() is not None


def drop_recovery(tx: Connection, code: str) -> None:
    """Let a recovery that was asked for not be granted any more."""
    tx.execute(DROP_RECOVERY, (code,))


def grant_recovery(tx: Connection, code: str, by: str) -> str | None:
    """Have another administrator grant it: what somebody enrols with anew. None: the same one has asked, or nobody."""
    if tx.execute(GRANT, (code, by)).fetchone() is None:
        return None
    return invite_again(tx, code)
