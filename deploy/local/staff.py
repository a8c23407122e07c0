"""`./ruta staff`: who may come into the console, in the network that runs or the one that ran last.

What is done here is in the console's own audit. Names are of staff, and stand in the console's database alone.
"""

import contextlib
import re
from collections.abc import Iterator, Sequence

import psycopg

from contracts.codes import Power
from deploy.local.operator_error import OperatorError
from deploy.local.state import State
from deploy.local.trail import Trail, trail
from hub.console import audit
from hub.console.keyring import Keyring, UnusableKeyring
from hub.console.web import accounts, sessions
from hub.console.web.accounts import Staff
from hub.console.web.permissions import OF_THE_CENTRE, Role
from hub.gateway.audit import store, words
from messaging import register, topology
from messaging.topology import Organisation, TopologyError

LOGIN = re.compile(r"[a-z0-9._@-]{2,60}")
LONGEST_NAME = 80
MARKS = {"invited": "not enrolled yet", "active": "active", "suspended": "suspended"}


class StaffOffice:
    """What can be done to accounts."""

    def __init__(self, noted: Trail, state: State) -> None:
        self._noted = noted
        self._state = state

    def add(self, name: str, *, organisation: str, login: str, roles: Sequence[str]) -> str:
        """Add somebody; returns what to hand over, which is shown once. Raises OperatorError."""
        organisations = _organisations(self._state)
        if organisation not in organisations:
            raise OperatorError(f"No organisation {organisation} takes part: `./ruta partner list` shows which do.")
        said = _roles(roles, organisations[organisation])
        login = accounts.normal_login(login)
        if not LOGIN.fullmatch(login):
            raise OperatorError("A login name has 2 to 60 of a-z, 0-9 and . _ @ -.")
        name = name.strip()
        if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
            raise OperatorError(f"A name has up to {LONGEST_NAME} letters.")
        added = accounts.add(self._noted.connection, organisation=organisation, name=name, login=login, roles=said)
        if added is None:
            raise OperatorError("Somebody has this login name already: choose another.")
        code, enrolment = added
        self._noted.note("staff_added", organisation, staff=code, roles=sorted(said))
        self._noted.commit()
        return (
            f"{code} may enrol within 72 hours, at /alta of the console, with this code, shown this once: {enrolment}"
        )

    def suspend(self, code: str) -> str:
        """Let somebody in no more, and end what they have open. Raises OperatorError."""
        staff = self._find(code)
        if not accounts.suspend(self._noted.connection, staff.code):
            return f"{staff.code} was suspended already."
        ended = sessions.end_all(self._noted.connection, staff.code, "suspended")
        self._noted.note("staff_suspended", staff.organisation, staff=staff.code, sessions=ended)
        self._noted.commit()
        return f"{staff.code} comes in no more; {ended} sessions have ended."

    def resume(self, code: str) -> str:
        """Let somebody in again, with what they had. Raises OperatorError."""
        staff = self._find(code)
        if not accounts.resume(self._noted.connection, staff.code):
            return f"{staff.code} was not suspended."
        self._noted.note("staff_resumed", staff.organisation, staff=staff.code)
        self._noted.commit()
        return f"{staff.code} may come in again."

    def show(self, code: str | None) -> str:
        """Say who there is, or who one is. Raises OperatorError."""
        people = accounts.everybody(self._noted.connection) if code is None else [self._find(code)]
        lines = ["  ".join(_shown(one)) for one in people]
        return "\n".join(lines) or "Nobody may come in yet: `./ruta staff add`."

    def saw(self, person: str) -> str:
        """Say who saw or did what of a person (an id, or the code of a case); that is recorded, too.

        Raises OperatorError.
        """
        try:
            keyring = Keyring.read(self._state.console_key_file)
        except UnusableKeyring as error:
            raise OperatorError(f"The console's key cannot be used: {error}.") from None
        connection = self._noted.connection
        connection.execute(store.PLAIN)
        lines = [words.entry(one, "en") for one in audit.who_saw(connection, keyring, person)]
        if lines:
            self._noted.note("history_seen", "network", people=audit.encrypted(connection, keyring, [person]))
            self._noted.commit()
        return "\n".join(lines) or "Nobody has seen anything of this person, or it was erased."

    def _find(self, code: str) -> Staff:
        staff = accounts.find(self._noted.connection, code) or accounts.of_login(
            self._noted.connection, accounts.normal_login(code)
        )
        if staff is None:
            raise OperatorError("There is nobody of this code or login name: `./ruta staff show` says who there is.")
        return staff


def _shown(one: Staff) -> Sequence[str]:
    return one.code, one.organisation, one.login, one.name, ", ".join(sorted(one.roles)), MARKS[one.status]


def _organisations(state: State) -> dict[str, Organisation]:
    try:
        known = register.read(state.organisations_file, topology.read())
    except TopologyError as error:
        raise OperatorError(str(error)) from None
    return dict(known.organisations)


def _roles(said: Sequence[str], organisation: Organisation) -> set[Role]:
    roles = set()
    for one in said:
        if one not in set(Role):
            raise OperatorError(f"There is no role {one}: it is one of {', '.join(Role)}.")
        roles.add(Role(one))
    if not roles:
        raise OperatorError(f"Say at least one --role: {', '.join(Role)}.")
    if roles & OF_THE_CENTRE and Power.COORDINATE not in organisation.powers:
        raise OperatorError(
            f"{organisation.id} does not coordinate: its staff can be {Role.PARTNER_STAFF}, and no more."
        )
    return roles


@contextlib.contextmanager
def opened(state: State, database_url: str) -> Iterator[StaffOffice]:
    """The accounts of a network. Raises OperatorError."""
    try:
        with trail(database_url, state, state.console_audit) as noted:
            yield StaffOffice(noted, state)
    except psycopg.Error as error:
        raise OperatorError(f"The console's database cannot be used: {str(error).splitlines()[0]}") from None
