"""Browsers that come to the console: cookies and forms, and whoever enrols in one."""

import asyncio
import gzip
import http.client
import re
import ssl
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol
from urllib.parse import urlencode

import pyotp
from starlette.applications import Starlette

from hub.console.web.answers import FIELD

PASSWORD = "cuatro palabras muy seguidas"  # noqa: S105 - of people made up
PIN = "480261"
FORM = "application/x-www-form-urlencoded"
ENROLMENT = re.compile(r"[A-Z2-9]{4}(-[A-Z2-9]{4}){3}")
TOKEN = re.compile(r'name="form_token" value="([0-9a-f]{128})"')
WITHIN = 60.0  # seconds: reached only where something is broken


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes
    """As it was sent, compressed where that was asked for."""
    seconds: float = field(default=0.0, compare=False)
    """How long it took, from the request to its last byte, where it came from another process."""

    @property
    def text(self) -> str:
        return (gzip.decompress(self.body) if self.header("content-encoding") == "gzip" else self.body).decode()

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


class Answering(Protocol):
    """What browsers come to."""

    def ask(
        self, method: str, path: str, headers: Sequence[tuple[str, str]], body: bytes, address: str = "127.0.0.1"
    ) -> Answer:
        """One request."""
        ...


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


class Remote:
    """A process that serves, to which each request comes by a connection of its own."""

    def __init__(self, port: int, tls: ssl.SSLContext | None = None) -> None:
        self._port = port
        self._tls = tls

    @property
    def address(self) -> str:
        """Where a browser of this machine finds it, where there is no TLS."""
        return f"http://127.0.0.1:{self._port}"

    def ask(
        self, method: str, path: str, headers: Sequence[tuple[str, str]], body: bytes, address: str = "127.0.0.1"
    ) -> Answer:
        """One request; `address` is this machine's."""
        host = f"localhost:{self._port}"
        made = http.client.HTTPSConnection("localhost", self._port, timeout=WITHIN, context=self._tls)
        connection = made if self._tls else http.client.HTTPConnection("127.0.0.1", self._port, timeout=WITHIN)
        replaced = {name: host if name == "host" else value for name, value in headers}
        if "origin" in replaced:
            replaced["origin"] = f"http{'s' if self._tls else ''}://{host}"
        if method == "POST":
            replaced["content-length"] = str(len(body))
        try:
            connection.connect()
            began = time.perf_counter()
            connection.request(method, path, body, replaced)
            response = connection.getresponse()
            content = response.read()
            seconds = time.perf_counter() - began
            return Answer(response.status, [(k.lower(), v) for k, v in response.getheaders()], content, seconds)
        finally:
            connection.close()


@dataclass
class Browser:
    """Somebody's browser: it keeps cookies, and sends the forms of the page that it shows."""

    running: Answering
    address: str = "127.0.0.1"
    cookies: dict[str, str] = field(default_factory=dict)
    language: str = ""
    encoding: str = ""
    """That pages are sent in; empty: as they are."""
    page: Answer | None = None
    """That it shows."""
    at: str = ""
    """Its address."""
    set_cookies: list[str] = field(default_factory=list)

    def get(self, path: str, **headers: str) -> Answer:
        return self._ask("GET", path, {name.replace("_", "-"): value for name, value in headers.items()})

    def post(self, path: str, fields: Mapping[str, str], **headers: str) -> Answer:
        """Send fields as they are, without the token of a form. Where what they led to is shown at an address of its
        own, go there, and count both.
        """
        return self.see(self.post_alone(path, fields, **headers))

    def see(self, sent: Answer) -> Answer:
        """What a form led to, where that is shown at an address of its own; else the answer to it."""
        if sent.leads_to is None or f"{FIELD}=" not in sent.leads_to:
            return sent
        seen = self.get(sent.leads_to)
        return replace(seen, seconds=sent.seconds + seen.seconds)

    def post_alone(self, path: str, fields: Mapping[str, str], **headers: str) -> Answer:
        """Send fields, and go nowhere."""
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
        if self.encoding:
            given.append(("accept-encoding", self.encoding))
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
            self.page, self.at = answer, path
        return answer


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
