"""The console on a database of its own, served in this process, and browsers that come to it: cookies and forms."""

import contextlib
import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from bench.console.browsing import (
    ENROLMENT,
    FORM,
    PASSWORD,
    PIN,
    TOKEN,
    Answer,
    Browser,
    Person,
    Remote,
    Running,
    enrol,
)
from contracts import sealing
from contracts.codes import OrganisationStatus
from deploy.local import Stack, staff
from deploy.local.state import ROOT, State
from deploy.local.trail import trail
from hub.console import keyring
from hub.console.keyring import Keyring
from hub.console.web import app as web
from hub.console.web.settings import Settings
from hub.gateway.audit import keys
from hub.monitor import seen
from hub.monitor.alerts.keeping import Keeper
from hub.monitor.alerts.telling import Open
from hub.monitor.seen import Seen
from messaging import database, register, topology
from messaging.identity import HUB
from tests.databases import fresh
from tests.waiting import eventually

__all__ = [
    "ENROLMENT",
    "FORM",
    "PASSWORD",
    "PIN",
    "TOKEN",
    "Answer",
    "Browser",
    "Person",
    "Remote",
    "Running",
    "enrol",
]  # for tests

CENTRE = "barranquilla"
DATABASE = "console_tried"
SCREENS = {"console": {"reads": ["*"], "sends": [], "amqp": False}}


class Console:
    """The database, the keys, the accounts; serving is begun when first asked."""

    def __init__(self, stack: Stack, directory: Path, hosted: Collection[str] = ()) -> None:
        """`hosted` are the organisations that use the hub's screens."""
        self.url = fresh(stack, DATABASE, ROOT / "hub" / "console")
        self.state = State(directory)
        self.state.make()
        keyring.make(self.state.console_key_file)
        keys.make(self.state.console_audit)
        self.network = topology.read()
        self.hosted = {*hosted}
        self.private = {id: sealing.new_key() for id in (HUB, *self.network.organisations)}
        self.directory = directory / "directory.json"
        self._write_directory()
        self._roles = {id: roles_of(id) for id in self.network.organisations}
        self._statuses = dict.fromkeys(self.network.organisations, OrganisationStatus.ACTIVE)
        self._write_organisations()
        self.keyring = Keyring.read(self.state.console_key_file)
        self.settings = Settings(
            database_url=self.url,
            keyring=self.keyring,
            sign=keys.signer(self.state.console_audit),
            audit=self.state.console_audit,
            organisations=register.Register(self.network, self.state.organisations_file).now,
            directory=self.directory,
            alerts_book=self.state.alerts_book,
        )
        self._running: list[Running] = []

    def look(self, evaluated: datetime, *open: Open) -> None:
        """Have the book of alerts say what was open then."""
        with Keeper(self.state.alerts_book).changing() as book:
            book.evaluated = evaluated.isoformat()
            book.open = {f"{one.name} {one.what}": one for one in open}

    def see(self, last: Seen) -> None:
        """Have this be what was last seen of the network."""
        seen.write(seen.beside(self.state.alerts_book), last)

    def _write_organisations(self) -> None:
        said = {
            id: {"said": self._said(id, one.name), "status": self._statuses[id], "suffixes": {}}
            for id, one in self.network.organisations.items()
        }
        self.state.organisations_file.write_text(register.written(said))

    def _write_directory(self) -> None:
        said = {id: {"name": id, "public_key": sealing.public_part(key)} for id, key in self.private.items()}
        self.directory.write_text(json.dumps({"number": 1, "organisations": said}))

    def _let_it_be_known(self) -> None:
        """Write the organisations, and return when the application has read them: it looks now and then."""
        self._write_organisations()
        said = register.read(self.state.organisations_file, self.network).organisations
        eventually(lambda: self.settings.organisations() == said)

    def host(self, *organisations: str) -> None:
        """Let organisations use the hub's screens."""
        self.hosted |= {*organisations}
        self._let_it_be_known()

    def host_no_more(self, organisation: str) -> None:
        """Let an organisation no longer use the hub's screens."""
        self.hosted.remove(organisation)
        self._let_it_be_known()

    def has_no_key(self, organisation: str) -> None:
        """Let nobody seal anything to an organisation any more."""
        del self.private[organisation]
        self._write_directory()

    def _said(self, id: str, name: str) -> dict[str, Any]:
        systems = SCREENS if id in self.hosted else {}
        return {"name": name, "roles": self._roles[id], "systems": systems}

    def say(self, organisation: str, status: OrganisationStatus) -> None:
        """Let an organisation be suspended, or take part again."""
        self._statuses[organisation] = status
        self._let_it_be_known()

    def say_roles(self, organisation: str, roles: Sequence[str]) -> None:
        """Let an organisation have other roles than it had."""
        self._roles[organisation] = list(roles)
        self._let_it_be_known()

    def run(self, **settings: Any) -> Running:
        """Serve, with other settings than usual where they are named."""
        self._running.append(Running(web.make_app(replace(self.settings, **settings))))
        return self._running[-1]

    def stop(self) -> None:
        for one in self._running:
            one.stop()
        self._running.clear()

    def query(self, sql: Any, *params: object) -> list[dict[str, Any]]:
        with psycopg.connect(self.url, row_factory=dict_row, autocommit=True) as connection:
            cursor = connection.execute(sql, params)
            return database.rows(cursor)

    @contextlib.contextmanager
    def office(self) -> Iterator[staff.StaffOffice]:
        """What `./ruta staff` does."""
        with trail(self.url, self.state, self.state.console_audit) as noted:
            yield staff.StaffOffice(noted, self.state)

    def invite(
        self, login: str, *roles: str, organisation: str = "redcross", name: str = "Ana Pérez"
    ) -> tuple[str, str]:
        """Add somebody: their code, and what they enrol with."""
        with self.office() as office:
            said = office.add(name, organisation=organisation, login=login, roles=roles or ("partner_staff",))
        found = ENROLMENT.search(said)
        assert found is not None
        return said.split()[0], found[0]

    def enrol(
        self, browser: Browser, login: str, *roles: str, organisation: str = "redcross", name: str = "Ana"
    ) -> Person:
        """Add somebody and have them enrol in a browser, in which they have come in then."""
        code, enrolment = self.invite(login, *roles, organisation=organisation, name=name)
        return enrol(browser, code, login, enrolment)

    def log_in(self, browser: Browser, person: Person, **wrong: str) -> Answer:
        """Have somebody come in, with a code of the same half minute too."""
        self.query("update staff set totp_step = 0 where code = %s", person.code)
        return browser.log_in(person, **wrong)

    def acts(self, *names: str) -> list[dict[str, Any]]:
        """What the audit has, of these acts where any are named."""
        rows = self.query("select * from audit_entry order by number")
        return [row for row in rows if not names or row["act"] in names]

    def age(self, table: str, seconds: int, *columns: str) -> None:
        """Let time pass for rows."""
        for column in columns:
            self.query(f"update {table} set {column} = {column} - make_interval(secs => %s)", seconds)


def roles_of(organisation: str) -> list[str]:
    return ["partner", "coordinator", "custody"] if organisation == CENTRE else ["partner", "custody"]
