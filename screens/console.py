"""A console with invented cases and people, and the process that serves its pages."""

import contextlib
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from uuid import UUID, uuid5

import psycopg
from psycopg import sql

from contracts import sealing
from contracts.codes import OrganisationStatus
from deploy.local import Stack
from deploy.local.process import Process
from deploy.local.processes import program
from deploy.local.state import ROOT, State, free_ports
from hub.console import keyring, presence
from hub.console.keyring import Keyring
from hub.console.store import holding
from hub.console.store.acts import ActState
from hub.console.web import accounts, credentials
from hub.console.web.permissions import Role
from hub.gateway.audit import keys
from hub.monitor import emergency, seen
from hub.monitor.alerts import pages as alert_pages
from hub.monitor.alerts.keeping import Keeper
from hub.monitor.alerts.telling import Open, Silence
from hub.monitor.seen import Seen
from messaging import database, register, topology
from messaging.identity import HUB
from messaging.migrate import migrate
from messaging.topology import CONSOLE_WEB
from screens import audited, cases, delivered, failing, frozen, log, people

DATABASE: Final = "console_shown"
CENTRE: Final = cases.CENTRE
PASSWORD: Final = "cuatro palabras muy seguidas"
PIN: Final = "480261"
OF_STAFF: Final = 1  # seeds: what the process makes are other codes
FEW: Final = 2  # recovery codes that one of the people has left

LETS_IN: Final = sql.SQL("alter database {} with allow_connections {}")
END_ALL_SESSIONS: Final = "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s"
END_SESSIONS: Final = """
    select pg_terminate_backend(pid) from pg_stat_activity where datname = %s and application_name = %s
"""


@dataclass(frozen=True)
class Person:
    """A member of staff; all have the same password, PIN and authenticator."""

    login: str
    name: str
    organisation: str
    role: Role
    code: str = ""


COORDINATOR: Final = Person("marta.gomez", "Marta Gómez", CENTRE, Role.COORDINATOR)
PARTNER: Final = Person("ana.perez", "Ana Pérez", "iom", Role.PARTNER_STAFF)
AUDITOR: Final = Person("hugo.rios", "Hugo Ríos", CENTRE, Role.AUDITOR)
ADMINISTRATOR: Final = Person("luis.mora", "Luis Mora", CENTRE, Role.ADMINISTRATOR)
SECOND_ADMINISTRATOR: Final = Person("rosa.diaz", "Rosa Díaz", CENTRE, Role.ADMINISTRATOR)
OPERATOR: Final = Person("ines.leal", "Inés Leal", CENTRE, Role.OPERATIONS)
IDLE: Final = Person("nelly.rojas", "Nelly Rojas", "oportunidades", Role.PARTNER_STAFF)
"""Of whom nobody wants anything, and who has few recovery codes left."""
SHARING: Final = Person("carmen.vega", "Carmen Vega", "redcross", Role.PARTNER_STAFF)
"""Who locks the computer."""
NEWCOMER: Final = Person("julian.ortiz", "Julián Ortiz", "fuvadis", Role.PARTNER_STAFF)
LOST: Final = Person("olga.soto", "Olga Soto", "redcross", Role.PARTNER_STAFF)
"""Who has lost what they come in with."""
APART: Final = Person("pedro.lara", "Pedro Lara", "fuvadis", Role.PARTNER_STAFF)
"""Whose organisation has a system of its own."""
COLLEAGUE: Final = Person("beatriz.cano", "Beatriz Cano", "iom", Role.PARTNER_STAFF)
"""Who works beside PARTNER."""
PEOPLE: Final = (
    COORDINATOR, PARTNER, AUDITOR, ADMINISTRATOR, SECOND_ADMINISTRATOR, IDLE, SHARING, NEWCOMER, LOST, APART, COLLEAGUE,
    OPERATOR,
)  # fmt: skip
HOSTED: Final = (CENTRE, "iom", "redcross")
"""Who uses the hub's screens."""
WITHOUT_KEY: Final = "americares"
"""To whom nobody can seal anything."""
MEASURED: Final = {
    "broker_away": "The broker does not answer.",
    "database_away": "The database of all services is away: nothing answers at its address.",
    "supervisor_frozen": "./ruta up has not looked for 95 seconds.",
}
"""What alerts say of what was seen."""
WHY_SILENCED: Final = "se cambia un disco, hasta la tarde"
SCREENS: Final = {"console": {"reads": ["*"], "sends": [], "amqp": False}}
INDEXED_WITHIN: Final = 30.0  # seconds
BACK_WITHIN: Final = 30.0  # seconds
ASKED_WITHIN: Final = 10.0  # seconds


class ShownConsole:
    """The database, the people and the cases in it, and the process; a context manager, in which it serves."""

    def __init__(self, stack: Stack, directory: Path, looks_again: int = frozen.LOOKS_AGAIN) -> None:
        """`stack` has PostgreSQL; keys and logs are put below `directory`; pages ask again after so many seconds."""
        self._state = State(directory)
        self._state.make()
        keyring.make(self._state.console_key_file)
        keys.make(self._state.console_audit)
        self._keyring = Keyring.read(self._state.console_key_file)
        self._write_organisations()
        self._keys = self._made_keys()
        self.failing = failing.Failing(stack)
        self.delivered = delivered.Delivered(stack)
        stack.drop_database(DATABASE)
        self._url = stack.create_database(DATABASE)
        migrate(self._url, ROOT / "hub" / "console")
        audited.fill(self._url, self._keyring)
        cases.fill(self._url, cases.messages())
        people.bring(self._url, self._state, self._keys)
        with frozen.still(OF_STAFF):
            self.people = {one.login: self._added(one) for one in PEOPLE}
        self.query(
            "update recovery_code set used_at = now() where sha256 in "
            "(select sha256 from recovery_code where staff = %s order by sha256 offset %s)",
            self.people[IDLE.login].code, FEW,
        )  # fmt: skip
        first, second = (cases.an_id(name) for name in cases.SAME_CODE)
        self.query(
            "update referral set short_code = (select short_code from referral where referral_id = %s) "
            "where referral_id = %s", first, second,
        )  # fmt: skip
        self._stack = stack
        self._is_away = False
        stack.drop_database(log.DATABASE)
        log_url = stack.create_database(log.DATABASE)
        migrate(log_url, ROOT / "hub" / "monitor")
        log.fill(log_url)
        self._log_url = log_url
        (port,) = free_ports(1)
        self.address = f"http://127.0.0.1:{port}"
        own = {
            "CONSOLE_DATABASE_URL": self._url,
            "CONSOLE_KEY_FILE": str(self._state.console_key_file),
            "CONSOLE_AUDIT_DIRECTORY": str(self._state.console_audit),
            "CONSOLE_ALERTS_BOOK": str(self._state.alerts_book),
            "CONSOLE_OPERATORS": json.dumps(self.failing.operators | self.delivered.operators),
            "CONSOLE_CUSTODY_SOCKET": str(self._state.custody_socket),
            "RUTA_ORGANISATIONS_FILE": str(self._state.organisations_file),
        }
        pages = own | {
            "CONSOLE_LISTEN": f"127.0.0.1:{port}",
            "RUTA_DIRECTORY_FILE": str(self._state.directory_file),
            "RUTA_SMTP_FROM": "ruta@red.example",
            "MONITOR_DATABASE_URL": stack.provide_log_reader(log.DATABASE),
        }
        opens = own | {
            "CONSOLE_CUSTODY_KEYS": str(self._state.organisations),
            "RUTA_NETWORK_FILE": str(topology.NETWORK_FILE),
            "RUTA_DIRECTORY_FILE": str(self._state.directory_file),
        }
        self._processes = [
            Process(program(self._state, "console-custody", ["hub.console.custody"], opens)),
            Process(program(self._state, CONSOLE_WEB, ["screens.frozen", str(looks_again)], pages)),
        ]

    def __enter__(self) -> Self:
        for one in self._processes:
            one.start()
        for one in self._processes:
            one.wait_ready()
        ends = time.monotonic() + INDEXED_WITHIN
        while self.query("select from sealed_block where index_due is not null"):
            assert time.monotonic() < ends, "custody indexes nobody"
            time.sleep(0.05)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        for one in self._processes:
            one.stop()

    @property
    def log(self) -> str:
        """What the process has said."""
        return self._processes[-1].program.log.read_text()

    def _write_organisations(self) -> None:
        declared = topology.read().organisations
        said = {
            id: {
                "said": {
                    "name": one.name,
                    "roles": ["partner", *(["coordinator"] if id == CENTRE else [])],
                    "systems": SCREENS if id in HOSTED else {},
                },
                "status": OrganisationStatus.ACTIVE,
                "suffixes": {},
            }
            for id, one in declared.items()
        }
        self._state.organisations_file.write_text(register.written(said))

    def _made_keys(self) -> Mapping[str, sealing.Key]:
        """Make everybody's key but one's; those of who uses the hub's screens lie where custody reads them."""
        made = {id: sealing.new_key() for id in (HUB, *topology.read().organisations) if id != WITHOUT_KEY}
        for id in HOSTED:
            folder = self._state.organisations / id
            folder.mkdir()
            sealing.save_key(made[id], folder / "private.jwk")
        return made

    def _added(self, person: Person) -> Person:
        with database.connect(self._url) as tx:
            added = accounts.add(
                tx, organisation=person.organisation, name=person.name, login=person.login, roles=[person.role]
            )
            assert added is not None  # nobody is in it yet
            code, enrolment = added
            digest = credentials.code_digest(enrolment)
            accounts.begin_enrolment(tx, self._keyring, digest)
            accounts.enrol(tx, digest, code, password=PASSWORD, pin=PIN, step=0)
        return replace(person, code=code)

    def query(self, sql: Any, *params: object) -> Sequence[Any]:
        """Change something in the database, or read it."""
        with psycopg.connect(self._url, autocommit=True) as connection:
            cursor = connection.execute(sql, params)
            return database.rows(cursor)

    def invite(self, person: Person) -> str:
        """Let somebody begin anew; return what they enrol with."""
        with frozen.still(OF_STAFF), database.connect(self._url) as tx:
            enrolment = accounts.invite_again(tx, self.people[person.login].code)
        assert enrolment is not None  # nobody is suspended
        return enrolment

    def ask_recovery(self, person: Person, by: Person) -> None:
        """Have an administrator ask that somebody begin anew, and nobody else."""
        self.query("delete from recovery")
        with database.connect(self._url) as tx:
            accounts.ask_recovery(tx, self.people[person.login].code, self.people[by.login].code)

    def forget_recoveries(self) -> None:
        """Have nobody ask for anybody."""
        self.query("delete from recovery")

    def forget_absences(self) -> None:
        """Have nobody be away."""
        self.query("delete from absence")

    def be_away(self, person: Person, colleague: Person) -> None:
        """Have somebody be away, and a colleague stand in for them, and nobody else."""
        self.forget_absences()
        with database.connect(self._url) as tx:
            until = frozen.NOW.replace(hour=5, minute=0) + timedelta(days=4)  # midnight in Colombia
            away, there = (self.people[one.login].code for one in (person, colleague))
            holding.begin_absence(tx, away, there, frozen.NOW, until)

    def look(self, seconds_ago: int, *open: str, silenced: str | None = None) -> None:
        """Have the book of alerts say which were open then, and which of them is silenced."""
        at = frozen.NOW - timedelta(seconds=seconds_ago)
        with Keeper(self._state.alerts_book).changing() as book:
            book.evaluated = at.isoformat()
            book.open, book.silences = {}, []
            if silenced is not None:
                until = (frozen.NOW + timedelta(hours=8)).isoformat()
                book.silences.append(Silence(silenced, None, until, WHY_SILENCED, "operator:0", at.isoformat()))
            for name in open:
                page, began = alert_pages.read()[name], at.isoformat()
                can_wait = page.wait != "never"
                book.open[name] = Open(
                    name, "x", MEASURED[name], page.first, began, began, ["x"], can_wait, organisations=["iom"]
                )

    def verify(self, *, right: bool) -> None:
        """Have the audit be verified a while ago, and be as it was written, or not."""
        with Keeper(self._state.alerts_book).changing() as book:
            at = frozen.NOW - timedelta(minutes=12)
            book.known["audit"] = {"at": at.isoformat(), "said": {"right": right, "text": ""}}

    def let_log_be_read(self, is_there: bool) -> None:
        """Have the message log answer, or not: nobody, for pages keep the connections that they have."""
        with self._stack.connect_as_administrator() as server:
            server.execute(LETS_IN.format(sql.Identifier(log.DATABASE), sql.Literal(is_there)))
            if not is_there:
                server.execute(END_ALL_SESSIONS, [log.DATABASE])

    def have_database_away(self) -> None:
        """Have the console's database take nobody in, and have no page that was made with it: nobody can log in."""
        self._is_away = True
        with self._stack.connect_as_administrator() as server:
            server.execute(LETS_IN.format(sql.Identifier(DATABASE), sql.Literal(False)))
            server.execute(END_SESSIONS, [DATABASE, CONSOLE_WEB])

    def _have_database_back(self) -> None:
        if not self._is_away:
            return
        with self._stack.connect_as_administrator() as server:
            server.execute(LETS_IN.format(sql.Identifier(DATABASE), sql.Literal(True)))
        ends = time.monotonic() + BACK_WITHIN
        while not self._answers():
            assert time.monotonic() < ends, "the pages do not come back"
            time.sleep(0.05)
        self._is_away = False

    def _answers(self) -> bool:
        """Whether pages are made with the database."""
        try:
            with urllib.request.urlopen(f"{self.address}/entrar", timeout=ASKED_WITHIN):  # noqa: S310 - of this machine
                return True
        except (urllib.error.URLError, TimeoutError):
            return False

    def open_emergency(self) -> str:
        """Open the account for emergencies; return the code that is typed into a browser."""
        file = emergency.beside(self._state.alerts_book)
        return emergency.open_account(file, "operator:0", "the database's disk", frozen.NOW)[0]

    def let_log_be_whole(self, seconds_ago: int) -> None:
        """Have nothing have waited for the message log last so long ago; where it answers."""
        with contextlib.suppress(psycopg.OperationalError), database.connect(self._log_url) as connection:
            connection.execute("update counted set until = %s", (frozen.NOW - timedelta(seconds=seconds_ago),))
            connection.commit()

    def see(self, seconds_ago: int, network: Callable[[datetime], Seen]) -> None:
        """Have somebody have looked at the network then."""
        seen.write(seen.beside(self._state.alerts_book), network(frozen.NOW - timedelta(seconds=seconds_ago)))

    def forget_attempts(self) -> None:
        """Have nobody wait who typed something wrong before, and every code of an authenticator be new."""
        self.query("delete from attempt")
        self.query("update staff set totp_step = 0")

    def begin_anew(self) -> None:
        """Have nobody have decided or typed anything, the tables be whole and of now, database and custody be there."""
        self._have_database_back()
        self.query("delete from act")
        self.query("delete from kept_form")
        self.query("delete from rebuild")
        self.query("delete from rebuild_part")
        self.query("delete from presence where part = %s", presence.READER)
        if self._away.exists():
            self._away.rename(self._state.custody_socket)

    def forget_views(self) -> None:
        """Have nobody have kept a list."""
        self.query("delete from saved_view")

    def fill_anew(self) -> None:
        """Have the tables be filled anew, and some of it have come."""
        ((rebuild_id,),) = self.query(
            "insert into rebuild (rebuild_id, asked_at, afresh, begun_at)"
            " values (gen_random_uuid(), %s, false, %s) returning rebuild_id",
            *[frozen.NOW - timedelta(minutes=4)] * 2,
        )
        self.query(
            "insert into rebuild_part (rebuild_id, service, page, facts) values (%s, 'referrals', 3, 1200)",
            rebuild_id,
        )

    def fall_behind(self) -> None:
        """Have the read service have applied nothing for some minutes."""
        then = frozen.NOW - timedelta(minutes=6)
        self.query(
            "insert into presence (part, seen_at, read_to) values (%s, %s, %s)", presence.READER, frozen.NOW, then
        )

    def have_custody_away(self) -> None:
        """Have custody answer nobody."""
        self._state.custody_socket.rename(self._away)

    @property
    def _away(self) -> Path:
        return self._state.custody_socket.with_suffix(".away")

    def decide(
        self, person: Person, what: str, state: ActState, *names: str, seconds_left: int = 0, **more: str | None
    ) -> str:
        """Have somebody have decided the same about cases, as one form; return its id. `more` are columns of `act`."""
        form = str(cases.an_id(f"form {what} {state} {names}"))
        say_at = frozen.NOW + timedelta(seconds=seconds_left)
        columns = {"code": None, "said_by": None, "problem": None, **more}
        for place, name in enumerate(names):
            referral = cases.an_id(name)
            self.query(
                "insert into act (message_id, organisation, staff, referral_id, batch, contract, state, kept_at,"
                " say_at, look_at, code, said_by, problem) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
                form if len(names) == 1 else uuid5(UUID(form), str(referral)), person.organisation,
                self.people[person.login].code, referral, form if len(names) > 1 else None, f"referral.{what}.v1",
                state, frozen.NOW + timedelta(microseconds=place), say_at,
                say_at if state == ActState.KEPT else None, *columns.values(),
            )  # fmt: skip
        return form

    @property
    def offered_service(self) -> str:
        """The id of the service that somebody is redirected to."""
        return str(cases.an_id("service to redirect to"))

    def offer_services(self) -> None:
        """Have another organisation offer what the case that is late needs."""
        self.query(
            "insert into service (service_id, organisation, name, need_codes, zones, active, published_at, capacity,"
            " stated_at, valid_until) values (%s, 'fuvadis', 'Consulta médica general', '{health.consultation}',"
            " '{08001}', true, %s, 'open', %s, %s) on conflict do nothing",
            self.offered_service, frozen.NOW, frozen.NOW, frozen.NOW + timedelta(days=3),
        )  # fmt: skip

    def offer_no_services(self) -> None:
        """Have nobody else offer it."""
        self.query("delete from service where service_id = %s", self.offered_service)

    def let_follow(self, person: Person, form: str, name: str) -> None:
        """Have what somebody has decided wait for a consent that is on its way."""
        consent = cases.an_id(f"consent before {form}")
        self.query(
            "insert into act (message_id, organisation, staff, referral_id, contract, state, kept_at, say_at, look_at)"
            " values (%s, %s, %s, %s, 'consent.granted.v1', 'accepted', %s, %s, %s)",
            consent, person.organisation, self.people[person.login].code, cases.an_id(name), frozen.NOW, frozen.NOW,
            frozen.NOW,
        )  # fmt: skip
        self.query("update act set follows = %s, look_at = null where message_id = %s", consent, form)

    def forget_notices(self) -> None:
        """Have nobody be told anything by e-mail."""
        self.query("delete from notice_choice")
        self.forget_attempts()

    def confirm_notices(self) -> None:
        """Have whoever has asked for notices confirmed their address."""
        self.query("update notice_choice set confirmed_at = since, code = null, code_notice = null, code_until = null")

    def slow_down(self, times: int) -> None:
        """Have whoever has tried to come in try it so many times, just now."""
        self.query("update attempt set count = %s, last_at = clock_timestamp()", times)


def short_codes(*names: str) -> Sequence[str]:
    """What cases are called by telephone."""
    from contracts import short_code

    return [short_code(cases.an_id(name)) for name in names]


def path_of(name: str) -> str:
    """Where a case is shown."""
    id: UUID = cases.an_id(name)
    return f"/caso/{id}"
