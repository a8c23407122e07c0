"""The members of staff of the sample: enrolled from the beginning, so that whoever looks at it is inside at once.

What they come in with is drawn at random for each sample, and lies in a file that is its owner's alone. Of no other
account the console's key, or this command line, tells anybody anything.
"""

import json
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg
import pyotp

from demo.sample.cast import STAFF, Member
from deploy.local.operator_error import OperatorError
from deploy.local.state import State, write_private
from deploy.local.trail import Trail, trail
from hub.console.keyring import Keyring, UnusableKeyring
from hub.console.web import accounts, credentials
from hub.console.web.permissions import Role

FILE: Final = "accounts.json"


@dataclass(frozen=True)
class Account:
    """What a member of staff comes in with."""

    member: Member
    password: str
    pin: str
    totp_secret: str

    def __repr__(self) -> str:
        return f"<Account {self.member.login}>"

    def code(self, at: float) -> str:
        """The code of their authenticator at a time."""
        return pyotp.TOTP(self.totp_secret).at(int(at))


def make(state: State, folder: Path, database_url: str, staff: Sequence[Member] = STAFF) -> Sequence[Account]:
    """Return the accounts of the sample; those that are not there are made. Raises OperatorError."""
    try:
        with trail(database_url, state, state.console_audit) as noted:
            keyring = Keyring.read(state.console_key_file)
            for member in staff:
                if accounts.of_login(noted.connection, member.login) is None:
                    _add(noted, keyring, folder, member)
    except UnusableKeyring as error:
        raise OperatorError(f"The console's key cannot be used: {error}.") from None
    except psycopg.Error as error:
        raise OperatorError(f"The console's database cannot be used: {str(error).splitlines()[0]}") from None
    return known(folder, staff)


def known(folder: Path, staff: Sequence[Member] = STAFF) -> Sequence[Account]:
    """The accounts of a sample; none where there is no sample. Raises OperatorError."""
    said = _read(folder)
    return [Account(member, **said[member.login]) for member in staff if member.login in said]


def _add(noted: Trail, keyring: Keyring, folder: Path, member: Member) -> None:
    """Add and enrol somebody. The file has it before the database, so that nobody comes in with what nobody knows."""
    tx = noted.connection
    added = accounts.add(
        tx, organisation=member.organisation, name=member.name, login=member.login, roles=[Role(member.role)]
    )
    assert added is not None  # the login name was free in this transaction
    code, enrolment = added
    digest = credentials.code_digest(enrolment)
    found = accounts.begin_enrolment(tx, keyring, digest)
    assert found is not None
    password, pin = credentials.new_code(4), _new_pin()
    accounts.enrol(tx, digest, code, password=password, pin=pin, step=0)
    noted.note("staff_added", member.organisation, staff=code, roles=[member.role])
    noted.note("enrolled", member.organisation, staff=code)
    kept = {"password": password, "pin": pin, "totp_secret": found.secret}
    write_private(folder / FILE, json.dumps({**_read(folder), member.login: kept}, indent=1))
    noted.commit()


def _new_pin() -> str:
    while credentials.is_weak_pin(pin := "".join(secrets.choice("0123456789") for _ in range(credentials.PIN_DIGITS))):
        pass
    return pin


def _read(folder: Path) -> dict[str, Any]:
    try:
        said: dict[str, Any] = json.loads((folder / FILE).read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError):
        raise OperatorError(f"The accounts of the sample cannot be read from {folder / FILE}.") from None
    return said


def table(known: Sequence[Account]) -> str:
    """Who comes in with what, in a line each."""
    rows = [("name", "password", "PIN", "role", "organisation")]
    rows += [(one.member.login, one.password, one.pin, one.member.role, one.member.organisation) for one in known]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  " + "  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def code_of(known: Sequence[Account], login: str) -> str:
    """The code of somebody's authenticator now, and for how long it is good. Raises OperatorError."""
    if not known:
        raise OperatorError("There is no sample here: who was added by `./ruta staff add` has an authenticator.")
    found = next((one for one in known if one.member.login == accounts.normal_login(login)), None)
    if found is None:
        names = ", ".join(one.member.login for one in known)
        raise OperatorError(f"Only accounts of the sample have their code here: {names}.")
    now = time.time()
    left = (1 + max(credentials.STEPS)) * credentials.STEP - int(now) % credentials.STEP
    return f"{found.code(now)}  (good for {left} s, once)"
