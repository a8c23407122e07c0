"""The console on a database of its own, served in this process, and browsers that come to it: cookies and forms."""

import asyncio
import contextlib
import json
import re
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psycopg
import pyotp
from psycopg.rows import dict_row
from starlette.applications import Starlette

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
from messaging import register, topology
from messaging.identity import HUB
from messaging.migrate import migrate

PASSWORD = "cuatro palabras muy seguidas"
PIN = "480261"
FORM = "application/x-www-form-urlencoded"
ENROLMENT = re.compile(r"[A-Z2-9]{4}(-[A-Z2-9]{4}){3}")
TOKEN = re.compile(r'name="form_token" value="([0-9a-f]{64})"')
WITHIN = 60.0  # seconds: reached only where something is broken
CENTRE = "barranquilla"
DATABASE = "console_tried"
SCREENS = {"console": {"reads": ["*"], "sends": [], "amqp": False}}


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    def header(self, name: str) -> str | None:
        """A header that may be there once."""
        found = [value for known, value in self.headers if known == name]
        assert len(found) <= 1, f"{name} is there {len(found)} times"
        return found[0] if found else None

    @property
    def leads_to(self) -> str | None:
        """Where the browser is sent; None where it is not."""
        return self.header("location") if self.status == 303 else None


@dataclass(frozen=True)
class Person:
    """A member of staff, and what they know."""

    code: str
    login: str
    secret: str
    recovery_codes: Sequence[str]
    password: str = PASSWORD
    pin: str = PIN


class Running:
    """An application between its start and its end, on a loop in a thread of its own."""

    def __init__(self, app: Starlette) -> None:
        self.app = app
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._lifespan = app.router.lifespan_context(app)
        self._run(self._lifespan.__aenter__())

    def _run(self, what: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(WITHIN)

    def stop(self) -> None:
        self._run(self._lifespan.__aexit__(None, None, None))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def ask(
        self, method: str, path: str, headers: Sequence[tuple[str, str]], body: bytes, address: str = "127.0.0.1"
    ) -> Answer:
        """One request."""
        plain, _, query = path.partition("?")
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "https",
            "path": plain, "raw_path": plain.encode(), "query_string": query.encode(), "root_path": "",
            "headers": [(name.encode(), value.encode()) for name, value in headers],
            "client": (address, 50_000), "server": ("console.test", 443),
        }  # fmt: skip
        return Answer(*self._run(self._ask(scope, body)))

    async def _ask(self, scope: dict[str, Any], body: bytes) -> tuple[int, Sequence[tuple[str, str]], bytes]:
        said: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            said.append(message)

        await self.app(scope, receive, send)
        start = said[0]
        content = b"".join(one.get("body", b"") for one in said[1:])
        return start["status"], [(name.decode(), value.decode()) for name, value in start["headers"]], content


@dataclass
class Browser:
    """Somebody's browser: it keeps cookies, and sends the forms of the page that it shows."""

    running: Running
    address: str = "127.0.0.1"
    cookies: dict[str, str] = field(default_factory=dict)
    language: str = ""
    page: Answer | None = None
    set_cookies: list[str] = field(default_factory=list)

    def get(self, path: str, **headers: str) -> Answer:
        return self._ask("GET", path, headers)

    def post(self, path: str, fields: Mapping[str, str], **headers: str) -> Answer:
        """Send fields as they are, without the token of a form."""
        given = {"content-type": FORM, **{name.replace("_", "-"): value for name, value in headers.items()}}
        return self._ask("POST", path, given, urlencode(fields).encode())

    def send(self, path: str, **fields: str) -> Answer:
        """Send a form of the page that is shown, as a browser does."""
        assert self.page is not None
        token = TOKEN.search(self.page.text)
        assert token is not None, self.page.text
        return self.post(
            path, {"form_token": token[1], **fields}, origin="https://console.test", sec_fetch_site="same-origin"
        )

    def open(self, path: str, **fields: str) -> Answer:
        """Go to a page and send its form."""
        self.get(path)
        return self.send(path, **fields)

    def log_in(self, person: Person, *, password: str | None = None, code: str | None = None) -> Answer:
        self.get("/entrar")
        return self.send(
            "/entrar",
            login=person.login,
            password=password if password is not None else person.password,
            code=code if code is not None else pyotp.TOTP(person.secret).now(),
        )

    def _ask(self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        given = [("host", "console.test"), *headers.items()]
        if self.language:
            given.append(("accept-language", self.language))
        if self.cookies:
            given.append(("cookie", "; ".join(f"{name}={value}" for name, value in self.cookies.items())))
        answer = self.running.ask(method, path, given, body, self.address)
        for name, value in answer.headers:
            if name == "set-cookie":
                self.set_cookies.append(value)
                cookie, _, content = value.partition(";")[0].partition("=")
                self.cookies[cookie] = content.strip('"')
        if answer.status != 303:
            self.page = answer
        return answer


class Console:
    """The database, the keys, the accounts; serving is begun when first asked."""

    def __init__(self, stack: Stack, directory: Path, hosted: Collection[str] = ()) -> None:
        """`hosted` are the organisations that use the hub's screens."""
        stack.drop_database(DATABASE)
        self.url = stack.create_database(DATABASE)
        migrate(self.url, ROOT / "hub" / "console")
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
        )
        self._running: list[Running] = []

    def _write_organisations(self) -> None:
        said = {
            id: {"said": self._said(id, one.name), "status": self._statuses[id], "suffixes": {}}
            for id, one in self.network.organisations.items()
        }
        self.state.organisations_file.write_text(register.written(said))

    def _write_directory(self) -> None:
        said = {id: {"name": id, "public_key": sealing.public_part(key)} for id, key in self.private.items()}
        self.directory.write_text(json.dumps({"number": 1, "organisations": said}))

    def host(self, *organisations: str) -> None:
        """Let organisations use the hub's screens."""
        self.hosted |= {*organisations}
        self._write_organisations()

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
        self._write_organisations()

    def say_roles(self, organisation: str, roles: Sequence[str]) -> None:
        """Let an organisation have other roles than it had."""
        self._roles[organisation] = list(roles)
        self._write_organisations()

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
            return cursor.fetchall() if cursor.description else []

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


def enrol(browser: Browser, code: str, login: str, enrolment: str) -> Person:
    """Enrol with a code that was handed over."""
    assert browser.open("/alta", code=enrolment).leads_to == "/alta/datos"
    form = browser.get("/alta/datos")
    found = re.search(r'class="code-word">([A-Z2-7]{32})<', form.text)
    assert found is not None
    done = browser.send(
        "/alta/datos", password=PASSWORD, password_again=PASSWORD, pin=PIN, pin_again=PIN,
        code=pyotp.TOTP(found[1]).now(),
    )  # fmt: skip
    assert done.status == 200, done.text
    codes = re.findall(r"<li>([A-Z2-9]{4}-[A-Z2-9]{4}-[A-Z2-9]{4})</li>", done.text)
    return Person(code, login, found[1], codes)


def roles_of(organisation: str) -> list[str]:
    return ["partner", "coordinator", "custody"] if organisation == CENTRE else ["partner", "custody"]
