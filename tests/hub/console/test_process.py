"""The process that really serves: what it has to be told, where it listens, and that it says nothing of anybody."""

import http.client
import re
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlencode

import pyotp
import pytest
import trustme

from deploy.local.forking import Adopted
from deploy.local.state import ROOT, free_ports
from tests.hub.console.kit import FORM, TOKEN, Browser, Console, Person, Remote
from tests.messaging.forked import fork
from tests.waiting import eventually

CANARIES = ("canario.usuario", "Canario Canarini", "canario canta en la jaula", "135790")


class Served:
    """A process, with its log."""

    def __init__(self, process: Adopted, port: int, log: Path) -> None:
        self.process = process
        self.port = port
        self.log = log

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


def environment(console: Console, port: int, **more: str) -> dict[str, str]:
    return {
        "CONSOLE_DATABASE_URL": console.url,
        "CONSOLE_LISTEN": f"127.0.0.1:{port}",
        "CONSOLE_KEY_FILE": str(console.state.console_key_file),
        "CONSOLE_AUDIT_DIRECTORY": str(console.state.console_audit),
        "RUTA_DIRECTORY_FILE": str(console.directory),
        "RUTA_ORGANISATIONS_FILE": str(console.state.organisations_file),
        "PYTHONPATH": str(ROOT),
        "PATH": "/usr/bin:/bin",
        **more,
    }


def start(console: Console, log: Path, **more: str) -> Served:
    (port,) = free_ports(1)
    process = fork(["hub.console.web"], environment(console, port, **more), log)
    assert process is not None
    eventually(lambda: b"ready console-web" in log.read_bytes() or process.poll() is not None)
    assert process.poll() is None, log.read_text()
    return Served(process, port, log)


@pytest.fixture(scope="module")
def served(console: Console, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    one = start(console, tmp_path_factory.mktemp("served") / "console-web.log")
    yield one
    one.process.send_signal(signal.SIGKILL)


def test_nothing_that_anybody_types_stands_in_a_log_or_an_address(console: Console, served: Served) -> None:
    login, name, password, pin = CANARIES
    code, enrolment = console.invite(login, name=name)
    browser = Browser(Remote(served.port))
    assert browser.open("/alta", code=enrolment).leads_to == "/alta/datos"
    form = browser.get("/alta/datos")
    secret = re.findall(r'class="code-word">([A-Z2-7]{32})<', form.text)[0]
    one_time = pyotp.TOTP(secret).now()
    fields = {"password": password, "password_again": password, "pin": pin, "pin_again": pin, "code": one_time}
    assert browser.send("/alta/datos", **fields).status == 200
    assert name in browser.get("/").text
    browser.send("/bloquear")
    console.query("update staff set totp_step = 0 where code = %s", code)
    person = Person(code, login, secret, (), password, pin)
    assert browser.log_in(person, password=f"{password} no").status == 401
    assert browser.log_in(person).leads_to == "/"
    browser.get("/nada?canario=canario")
    console.query("alter table staff rename to staffs")
    try:
        browser.get("/entrar")
        assert browser.post("/entrar", {"login": login, "password": password, "code": one_time}).status == 500
    finally:
        console.query("alter table staffs rename to staff")

    said = served.log.read_text() + "".join(row["details"] for row in console.acts())
    assert "a request failed" in said
    for planted in (*CANARIES, secret, one_time, enrolment, "canario"):
        assert planted not in said, planted
    assert not any(canary in value for canary in CANARIES for value in browser.cookies.values())


def test_on_this_machine_without_tls_cookies_are_taken_by_every_browser(served: Served) -> None:
    browser = Browser(Remote(served.port))
    browser.get("/entrar")
    assert [*browser.cookies] == [f"ruta-{served.port}"]
    assert "Secure" not in browser.set_cookies[0]


def test_with_a_certificate_cookies_are_for_this_host_alone(console: Console, tmp_path: Path) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    certificate.write_bytes(b"".join(one.bytes() for one in issued.cert_chain_pems))
    key.write_bytes(issued.private_key_pem.bytes())
    names = {"RUTA_CONSOLE_CERTIFICATE": str(certificate), "RUTA_CONSOLE_KEY": str(key)}
    one = start(console, tmp_path / "log", **names)
    try:
        browser = Browser(Remote(one.port, ssl.create_default_context(cadata=authority.cert_pem.bytes().decode())))
        assert browser.get("/entrar").header("strict-transport-security") == "max-age=31536000"
        assert [*browser.cookies] == ["__Host-ruta"]
    finally:
        assert one.stop() == 0


def test_asked_to_stop_it_leaves_no_checkpoint_uncopied(console: Console, tmp_path: Path) -> None:
    one = start(console, tmp_path / "log")
    browser = Browser(Remote(one.port))
    browser.log_in(Person("", "nobody.at.all", "A" * 32, ()))
    assert one.stop() == 0
    (last,) = console.query("select max(number) as number from audit_checkpoint")
    assert f'"number": {last["number"]},' in (console.state.console_audit / "checkpoints.jsonl").read_text()


def test_a_form_that_is_too_long_is_refused_before_it_is_read(served: Served) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
    body = urlencode({"a": "x" * 70_000}).encode()
    connection.request("POST", "/entrar", body, {"content-type": FORM})
    assert connection.getresponse().status == 413
    connection.close()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"CONSOLE_LISTEN": "0.0.0.0:8443"}, "RUTA_CONSOLE_URL has to say"),
        ({"CONSOLE_LISTEN": "192.0.2.1:8443"}, r"Without TLS \(RUTA_CONSOLE_CERTIFICATE, RUTA_CONSOLE_KEY\)"),
        ({"RUTA_CONSOLE_CERTIFICATE": "/x"}, "RUTA_CONSOLE_CERTIFICATE and RUTA_CONSOLE_KEY have to be set together"),
        ({"CONSOLE_KEY_FILE": "/no/such"}, "/no/such cannot be read"),
        ({"CONSOLE_AUDIT_DIRECTORY": "/no/such"}, "/no/such/private.pem cannot be read"),
        ({"RUTA_CONSOLE_LOCK_MINUTES": "soon"}, "RUTA_CONSOLE_LOCK_MINUTES is not a whole number from 1 on"),
        ({"CONSOLE_LISTEN": ""}, "CONSOLE_LISTEN has to be set"),
    ],
)
def test_what_keeps_it_from_serving_is_said_in_a_sentence(console: Console, more: Mapping[str, str], said: str) -> None:
    (port,) = free_ports(1)
    run = subprocess.run(
        [sys.executable, "-P", "-m", "hub.console.web"],
        env={**environment(console, port), **more}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert run.returncode == 1
    assert re.search(said, run.stderr), run.stderr
    assert "Traceback" not in run.stderr


def test_a_form_is_taken_over_the_wire_as_a_browser_sends_it(served: Served) -> None:
    browser = Browser(Remote(served.port))
    page = browser.get("/entrar")
    assert TOKEN.search(page.text)
    assert browser.send("/entrar", login="nobody", password="x", code="1").status == 401
