"""One process that serves HTTP: where it may listen, how its certificate is renewed, and how it stops."""

import contextlib
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme

from deploy.local.state import ROOT
from hub.gateway.http import serving as runs
from hub.gateway.http.listening import Unusable, listen, names, read_address
from tests.hub.http.serving import Server, read, serving
from tests.waiting import eventually

GET = b"GET /count HTTP/1.1\r\nHost: localhost\r\n"


# -- where -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "host", "port", "loopback"),
    [
        ("127.0.0.1:8080", "127.0.0.1", 8080, True),
        ("127.3.2.1:8080", "127.3.2.1", 8080, True),
        ("localhost:1", "localhost", 1, True),
        ("[::1]:8080", "::1", 8080, True),
        ("0.0.0.0:443", "0.0.0.0", 443, False),  # noqa: S104
        ("[::]:443", "::", 443, False),
        ("192.0.2.1:443", "192.0.2.1", 443, False),
        ("ruta.example:443", "ruta.example", 443, False),
        ("localhost.example:443", "localhost.example", 443, False),
        ("[::ffff:127.0.0.1]:443", "::ffff:127.0.0.1", 443, False),  # the resolver may give it to others
    ],
)
def test_an_address_is_read(said: str, host: str, port: int, loopback: bool) -> None:
    address = read_address(said)

    assert address == (host, port)
    assert address.is_loopback is loopback
    assert str(address) == said


@pytest.mark.parametrize(
    "said", ["", "8080", ":8080", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:65536", "::1:80", "a b:80", "/run/x"]
)
def test_what_is_no_address_is_refused_in_a_sentence(said: str) -> None:
    with pytest.raises(Unusable, match="is no address to listen on"):
        read_address(said)


@pytest.mark.parametrize("said", ["0.0.0.0:443", "[::]:443", "192.0.2.1:443", "ruta.example:443"])
def test_plain_http_is_served_on_this_machine_only(said: str) -> None:
    with pytest.raises(Unusable, match="Without TLS"):
        listen(read_address(said), encrypted=False)


def test_an_address_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = read_address(f"127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(Unusable, match=rf"{address} is taken"):
            listen(address, encrypted=False)


@pytest.mark.parametrize(
    ("said", "outside", "also"),
    [
        ("127.0.0.1:80", None, set()),
        ("192.0.2.1:443", None, {b"192.0.2.1"}),
        ("[2001:db8::1]:443", None, {b"[2001:db8::1]"}),
        ("0.0.0.0:443", "https://Ruta.example", {b"ruta.example"}),
        ("127.0.0.1:80", "https://ruta.example:8443/hub", {b"ruta.example"}),
        ("[::]:443", "https://[2001:db8::1]", {b"[2001:db8::1]"}),
    ],
)
def test_requests_may_call_it_by_its_own_names(said: str, outside: str | None, also: set[bytes]) -> None:
    assert names(read_address(said), outside) == {b"127.0.0.1", b"[::1]", b"localhost", *also}


@pytest.mark.parametrize("outside", [None, "", "ruta.example", "ftp://ruta.example", "https://", "https://[x"])
def test_on_all_addresses_it_has_to_be_said_by_which_name_it_is_reached(outside: str | None) -> None:
    with pytest.raises(Unusable, match="RUTA_HTTP_URL"):
        names(read_address("0.0.0.0:443"), outside)


# -- what keeps it from serving ----------------------------------------------------------------------------------------


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


class Files:
    """The two files of a certificate."""

    def __init__(self, directory: Path, authority: trustme.CA) -> None:
        self.certificate, self.key = directory / "certificate.pem", directory / "key.pem"
        self.write(authority.issue_cert("localhost"))

    def write(self, issued: trustme.LeafCert) -> None:
        """Key first: in between they do not belong together."""
        self.put(self.key, issued.private_key_pem.bytes())
        self.put(self.certificate, b"".join(one.bytes() for one in issued.cert_chain_pems))

    @staticmethod
    def put(path: Path, content: bytes) -> None:
        """As a careful renewal does it: whole or not at all."""
        new = path.with_suffix(".new")
        new.write_bytes(content)
        new.replace(path)

    @property
    def environment(self) -> dict[str, str]:
        return {"RUTA_HTTP_CERTIFICATE": str(self.certificate), "RUTA_HTTP_KEY": str(self.key)}


@pytest.fixture
def files(tmp_path: Path, authority: trustme.CA) -> Files:
    return Files(tmp_path, authority)


@pytest.mark.parametrize("lacking", ["RUTA_HTTP_CERTIFICATE", "RUTA_HTTP_KEY"])
def test_a_certificate_without_its_key_is_refused(files: Files, lacking: str) -> None:
    with pytest.raises(Unusable, match="together"):
        runs.certificate_of({name: said for name, said in files.environment.items() if name != lacking})


@pytest.mark.parametrize("content", [b"", b"nothing", None], ids=["empty", "no PEM", "missing"])
@pytest.mark.parametrize("which", ["certificate", "key"])
def test_a_certificate_that_cannot_be_used_is_named(files: Files, which: str, content: bytes | None) -> None:
    path: Path = getattr(files, which)
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)

    with pytest.raises(Unusable, match=str(path)):
        runs.certificate_of(files.environment)


def test_a_key_of_another_certificate_is_refused(files: Files, authority: trustme.CA) -> None:
    files.key.write_bytes(authority.issue_cert("localhost").private_key_pem.bytes())

    with pytest.raises(Unusable, match=str(files.key)):
        runs.certificate_of(files.environment)


def test_what_keeps_it_from_serving_is_the_last_thing_it_says(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = runs_out(tmp_path, f"127.0.0.1:{port}")
    assert ended["says"] == f"The address 127.0.0.1:{port} is taken, so HTTP is not served."


def runs_out(tmp_path: Path, address: str) -> dict[str, Any]:
    """The last line of a process that cannot serve, which ends with 1."""
    ended = subprocess.run(
        [sys.executable, "-P", "-m", "tests.hub.http.standin", address],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    said: dict[str, Any] = json.loads(ended.stderr.splitlines()[-1])
    return said


# -- TLS ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def encrypted(tmp_path: Path, files: Files) -> Iterator[Server]:
    with serving(tmp_path, environment=files.environment) as server:
        yield server


def client(authority: trustme.CA) -> ssl.SSLContext:
    """Trusts this authority alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(context)
    return context


def number(server: Server, context: ssl.SSLContext) -> int:
    """The serial number of the certificate that a new connection is shown."""
    with server.connect() as plain, context.wrap_socket(plain, server_hostname="localhost") as secure:
        said: Mapping[str, Any] = secure.getpeercert() or {}
        return int(said["serialNumber"], 16)


def ask(connection: http.client.HTTPConnection) -> int:
    connection.request("POST", "/count", body=b"hello")
    answer = connection.getresponse()
    answer.read()
    return answer.status


def test_a_renewed_certificate_is_served_and_no_request_is_lost_meanwhile(
    encrypted: Server, files: Files, authority: trustme.CA
) -> None:
    context, stop = client(authority), threading.Event()
    statuses: list[int] = []
    failures: list[Exception] = []

    def go_on() -> None:
        kept = http.client.HTTPSConnection("localhost", encrypted.port, context=context, timeout=60)
        try:
            while not stop.is_set():
                statuses.append(ask(kept))
                fresh = http.client.HTTPSConnection("localhost", encrypted.port, context=context, timeout=60)
                statuses.append(ask(fresh))
                fresh.close()
        except Exception as error:
            failures.append(error)
        finally:
            kept.close()

    asking = threading.Thread(target=go_on)
    asking.start()
    try:
        eventually(lambda: len(statuses) >= 2 or failures)
        before = number(encrypted, context)
        for _ in range(2):
            files.write(authority.issue_cert("localhost"))
            eventually(lambda shown=before: number(encrypted, context) != shown)  # type: ignore[misc]
            before = number(encrypted, context)
        so_far = len(statuses)
        eventually(lambda: len(statuses) >= so_far + 4 or failures)
    finally:
        stop.set()
        asking.join()

    assert failures == []
    assert set(statuses) == {200}


@pytest.mark.parametrize("broken", ["empty", "half", "another's key", "gone"])
def test_a_broken_new_certificate_leaves_the_old_one_and_is_said(
    encrypted: Server, files: Files, authority: trustme.CA, broken: str
) -> None:
    context = client(authority)
    before, whole = number(encrypted, context), files.certificate.read_bytes()

    if broken == "gone":
        files.certificate.unlink()
    elif broken == "another's key":
        files.put(files.key, authority.issue_cert("localhost").private_key_pem.bytes())
    else:
        files.put(files.certificate, whole[: len(whole) // 3] if broken == "half" else b"")
    eventually(lambda: problems(encrypted) == {("certificate of HTTP", "unusable")})
    assert number(encrypted, context) == before

    files.write(authority.issue_cert("localhost"))
    eventually(lambda: not problems(encrypted))
    assert number(encrypted, context) != before


def problems(server: Server) -> set[tuple[str, str]]:
    """What the process says that keeps it from its work."""
    try:
        return {(one["what"], one["code"]) for one in json.loads(server.health.read_text())["problems"]}
    except ValueError:
        return set()


def test_a_certificate_that_has_expired_is_served_and_said(tmp_path: Path, files: Files, authority: trustme.CA) -> None:
    files.write(authority.issue_cert("localhost", not_after=datetime.now(UTC) - timedelta(days=1)))
    with serving(tmp_path, environment=files.environment) as server:
        eventually(lambda: problems(server) == {("certificate of HTTP", "expired")})
        context = client(authority)
        with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
            number(server, context)

        files.write(authority.issue_cert("localhost"))
        eventually(lambda: not problems(server))
        assert number(server, context)


def test_older_tls_than_1_2_is_refused(encrypted: Server, authority: trustme.CA) -> None:
    context = client(authority)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1

    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        number(encrypted, context)


def test_what_is_refused_is_told_over_tls_too(encrypted: Server, authority: trustme.CA) -> None:
    with encrypted.connect() as plain, client(authority).wrap_socket(plain, server_hostname="localhost") as secure:
        secure.sendall(b"GET /count HTTP/1.1\r\nHost: evil.example\r\n\r\n")
        with secure.makefile("rb") as stream:
            answer = read(stream)

    assert answer is not None
    assert answer.json["code"] == "host"


def test_plain_http_is_not_answered_where_tls_is_spoken(encrypted: Server, authority: trustme.CA) -> None:
    with encrypted.connect() as plain, contextlib.suppress(ConnectionResetError):
        plain.sendall(GET + b"\r\n")
        assert b"200" not in plain.recv(1000)

    assert number(encrypted, client(authority))


# -- the process -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("asked", [signal.SIGTERM, signal.SIGINT])
def test_asked_to_stop_it_answers_what_is_under_way_ends_streams_and_ends_in_order(
    tmp_path: Path, asked: signal.Signals
) -> None:
    with serving(tmp_path) as server:
        waiting, stream, idle, half = (server.connect() for _ in range(4))
        waiting.sendall(GET.replace(b"/count", b"/waiting") + b"\r\n")
        stream.sendall(GET.replace(b"/count", b"/events") + b"Accept: text/event-stream\r\n\r\n")
        half.sendall(GET)
        idle.sendall(GET + b"\r\n")
        with idle.makefile("rb") as answers, stream.makefile("rb") as events:
            assert read(answers)
            assert read(events, without_body=True)
            assert events.readline() == b"%x\r\n" % (1000 + len("data: \n\n"))

            server.process.send_signal(asked)

            with waiting.makefile("rb") as others:
                answer = read(others)
                assert others.read() == b""
            assert events.read().endswith(b"0\r\n\r\n")
            assert answers.read() == b""

        assert answer is not None
        assert answer.json == "answered"
        assert server.process.wait(60) == 0
        assert not server.health.exists()


def test_while_it_stops_nobody_new_is_let_in(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        server.process.send_signal(signal.SIGTERM)
        eventually(lambda: refused(server))
        assert server.process.wait(60) == 0


def refused(server: Server) -> bool:
    try:
        server.connect().close()
    except ConnectionError:
        return True
    return False


def test_while_it_serves_its_heart_beats(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        first = eventually(lambda: beats(server))
        eventually(lambda: beats(server) > first)


def beats(server: Server) -> int:
    try:
        return int(json.loads(server.health.read_text())["beats"])
    except ValueError:
        return 0
