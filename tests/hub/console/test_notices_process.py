"""The process that really sends: killed while it sends, told too little, and silent about whom it writes to."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from contracts.codes import Urgency
from deploy.local.state import ROOT
from hub.console.store import notices
from hub.console.store.notices import Wants
from messaging import clock, database
from tests.hub.console import mail
from tests.hub.console.kept import Kept
from tests.hub.console.kit import Browser, Console, Running
from tests.hub.console.test_notices import waiting
from tests.waiting import eventually

ADDRESS = "canario@cr.test"
PASSWORD = "canta-en-la-jaula"


def environment(console: Console, port: int, **more: str) -> dict[str, str]:
    return {
        "CONSOLE_DATABASE_URL": console.url,
        "CONSOLE_KEY_FILE": str(console.state.console_key_file),
        "RUTA_ORGANISATIONS_FILE": str(console.state.organisations_file),
        "RUTA_CONSOLE_URL": "https://consola.test/",
        "RUTA_SMTP_URL": f"smtp://ruta:{PASSWORD}@127.0.0.1:{port}",
        "RUTA_SMTP_FROM": "ruta@red.test",
        "PYTHONPATH": str(ROOT),
        "PATH": os.environ["PATH"],
        **more,
    }


@contextmanager
def running_with(said: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-P", "-m", "hub.console.notices"]
    with log.open("ab") as out, subprocess.Popen(command, env=said, stdout=out, stderr=out) as process:
        try:
            yield process
        finally:
            process.kill()


def test_killed_while_it_sends_it_sends_the_same_mail_again_and_says_nothing_of_anybody(
    console: Console, running: Running, tmp_path: Path
) -> None:
    code = console.enrol(Browser(running), "canario", name="Canario Canarini").code
    with database.connect(console.url) as tx:
        notices.ask(tx, console.keyring, code, Wants.ALL, ADDRESS, "es", clock.now())
        tx.execute("delete from notice")
        tx.execute("update notice_choice set confirmed_at = since")
    service = Kept(console.url)
    service.hear(*waiting("first", urgency=Urgency.EMERGENCY))
    service.close()
    log, on_its_way, go_on = tmp_path / "log", threading.Event(), threading.Event()
    with mail.serving() as server:

        def hold(_: str) -> None:
            if not on_its_way.is_set():
                on_its_way.set()
                assert go_on.wait(60)

        server.before_taking = hold
        said = environment(console, server.port)
        with running_with(said, log) as process:
            assert on_its_way.wait(60)
            process.send_signal(signal.SIGKILL)
            process.wait()
        go_on.set()
        eventually(lambda: server.taken)  # what was said to the server stays said
        with running_with(said, log) as process:
            eventually(lambda: console.query("select id from notice where outcome = 'sent'"))
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
    assert len(server.taken) == 2
    assert len({one.mail["Message-ID"] for one in server.taken}) == 1
    written = log.read_text()
    for word in (ADDRESS, "cr.test", PASSWORD, "Canario", "first"):
        assert word not in written


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"RUTA_SMTP_URL": ""}, "RUTA_SMTP_URL has to be set"),
        ({"RUTA_SMTP_URL": f"ftp://ruta:{PASSWORD}@h"}, "RUTA_SMTP_URL has to be smtp://"),
        ({"RUTA_SMTP_FROM": "Ruta"}, "RUTA_SMTP_FROM has to be an address"),
        ({"RUTA_CONSOLE_URL": ""}, "RUTA_CONSOLE_URL has to be set"),
        ({"CONSOLE_KEY_FILE": "/nowhere"}, "/nowhere cannot be read"),
    ],
)
def test_told_too_little_it_says_what_in_one_sentence(
    console: Console, tmp_path: Path, said: Mapping[str, str], sentence: str
) -> None:
    log = tmp_path / "log"
    with running_with(environment(console, 1, **said), log) as process:
        assert process.wait(60) == 1
    written = log.read_text()
    assert sentence in written
    assert len(written.splitlines()) == 1
    assert PASSWORD not in written
