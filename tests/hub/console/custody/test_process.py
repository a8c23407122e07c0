"""The process: its socket is its owner's alone, many ask at once, and killed at any moment it has hidden nothing."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from deploy.local.process import start_child
from deploy.local.state import ROOT
from hub.console.custody import server
from hub.console.custody.client import Asking, Custody, CustodyError
from hub.console.custody.protocol import MOST_ASKED
from hub.console.custody.server import Server, address_of, listen
from messaging import topology
from tests.hub.console.custody.boxes import ANA, HOSTED, SESSION, Console, line
from tests.waiting import eventually

ASKING = Asking("redcross", "rc-07", SESSION, "case")
WITHIN = 60.0  # seconds; reached only where something is broken


class Running:
    """The process, on the console's database and folders."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.socket = console.folder / "custody.sock"
        self.log = console.folder / "custody.log"
        self._process: subprocess.Popen[bytes] | None = None
        said = topology.NETWORK_FILE.read_text()
        for id in HOSTED:
            said += f'\n[organisations.{id}.systems.console]\nreads = ["referral.*"]\nsends = []\n'
        self.network = console.folder / "network.toml"
        self.network.write_text(said)

    def start(self, *module: str, **environment: str) -> "Running":
        with self.log.open("ab") as log:
            self._process = start_child(
                [sys.executable, "-P", "-m", *(module or ("hub.console.custody",))],
                env={
                    **os.environ,
                    "PYTHONPATH": str(ROOT),
                    "CONSOLE_DATABASE_URL": self.console.url,
                    "CONSOLE_KEY_FILE": str(self.console.key_file),
                    "CONSOLE_AUDIT_DIRECTORY": str(self.console.audit_folder),
                    "CONSOLE_CUSTODY_SOCKET": str(self.socket),
                    "CONSOLE_CUSTODY_KEYS": str(self.console.organisations_folder),
                    "RUTA_NETWORK_FILE": str(self.network),
                    "RUTA_DIRECTORY_FILE": str(self.console.directory),
                    **environment,
                },
                stdout=subprocess.PIPE,
                stderr=log,
            )
        assert self._process.stdout is not None
        with self._process.stdout as said:
            assert said.readline() == b"ready console-custody\n", self.log.read_text()
        return self

    @property
    def process(self) -> "subprocess.Popen[bytes]":
        assert self._process is not None
        return self._process

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(WITHIN)

    def ask(self, asked: bytes) -> bytes:
        """Ask as anything may that can connect; what is answered until the end."""
        with connected(self.socket) as connection:
            connection.sendall(asked)
            return answer_of(connection)


@contextlib.contextmanager
def connected(path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as connection, address_of(path) as address:
        connection.settimeout(WITHIN)
        connection.connect(address)
        yield connection


def answer_of(connection: socket.socket) -> bytes:
    said = b""
    with contextlib.suppress(ConnectionResetError):  # what was asked has not been read to its end
        while piece := connection.recv(65536):
            said += piece
    return said


@pytest.fixture
def running(console: Console) -> Iterator[Running]:
    running = Running(console)
    yield running
    running.close()


def opened(running: Running, *blocks: UUID) -> list[Any]:
    said = asyncio.run(Custody(running.socket).open(ASKING, blocks))
    return [said[one].content or said[one].code for one in blocks]


# -- the socket -------------------------------------------------------------------------------------------------------


def test_the_socket_is_its_owners_alone_and_goes_with_the_process(running: Running) -> None:
    block = running.console.offer()
    running.start()
    assert running.socket.stat().st_mode & 0o777 == 0o600
    assert opened(running, block) == [ANA]
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(WITHIN) == 0
    assert not running.socket.exists()
    with pytest.raises(CustodyError, match="away"):
        opened(running, block)


def test_one_that_was_killed_is_followed_by_another_at_the_same_place(running: Running) -> None:
    block = running.console.offer()
    running.start()
    running.close()
    assert running.socket.exists()
    with pytest.raises(CustodyError, match="away"):
        opened(running, block)
    running.start()
    assert opened(running, block) == [ANA]


def test_a_path_may_be_longer_than_the_system_lets_an_address_be(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    with contextlib.closing(listen(folder / "custody.sock")) as listening, connected(folder / "custody.sock"):
        listening.accept()[0].close()


def test_others_of_the_system_are_let_in_by_nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 4711)  # we are another

    def ask() -> bytes:
        with connected(tmp_path / "custody.sock") as connection:
            with contextlib.suppress(BrokenPipeError):
                connection.sendall(line())
            return answer_of(connection)

    assert asyncio.run(served(tmp_path, lambda _: b"opened\n", ask)) == b""


async def served(folder: Path, answer: Any, ask: Any) -> Any:
    """What `ask` returns, in a thread, while a server answers."""
    stopping, ready = asyncio.Event(), asyncio.Event()
    task = asyncio.create_task(Server(folder / "custody.sock", answer).run(stopping, ready.set))
    await ready.wait()
    try:
        return await asyncio.to_thread(ask)
    finally:
        stopping.set()
        await task


# -- callers ----------------------------------------------------------------------------------------------------------


def test_many_ask_at_once_and_each_gets_its_own(running: Running) -> None:
    blocks = [running.console.offer(person=ANA | {"notes": f"number {one}"}, person_id=uuid4()) for one in range(20)]
    running.start()

    async def all_of_them() -> list[Any]:
        custody = Custody(running.socket)
        return await asyncio.gather(*(custody.open(ASKING, [one]) for one in blocks * 5))

    answers = asyncio.run(all_of_them())
    assert [one[block].content["notes"] for one, block in zip(answers, blocks * 5, strict=True)] == [
        f"number {one}" for one in range(20)
    ] * 5


def test_a_whole_page_of_the_longest_blocks_is_answered(running: Running) -> None:
    console = running.console
    blocks = [console.offer(person=ANA | {"notes": 'ñ"' * 2000}, person_id=uuid4()) for _ in range(10)]
    running.start()
    assert {len(one["notes"]) for one in opened(running, *blocks)} == {4000}


def test_who_says_nothing_too_much_or_goes_away_keeps_nobody_waiting(running: Running) -> None:
    block = running.console.offer()
    running.start()
    with contextlib.ExitStack() as held:
        for _ in range(50):
            held.enter_context(connected(running.socket))  # and say nothing
        for _ in range(50):
            with connected(running.socket) as connection:
                connection.sendall(line(do="open", organisation="redcross", blocks=[str(block)]))  # and go
        began = time.monotonic()
        assert running.ask(b"a" * (MOST_ASKED * 3) + b"\n") == b'{"code":"not_a_request"}\n'
        assert opened(running, block) == [ANA]
        assert time.monotonic() - began < server.ASKED_WITHIN


def test_what_ends_without_its_end_of_line_is_no_request(running: Running) -> None:
    running.start()
    with connected(running.socket) as connection:
        connection.sendall(line(do="search", organisation="redcross", text="Ana").rstrip())
        connection.shutdown(socket.SHUT_WR)
        assert answer_of(connection) == b'{"code":"not_a_request"}\n'
    assert running.console.acts() == []


def test_beyond_so_many_under_way_it_is_busy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(server, "MOST_UNDER_WAY", 2)

    def ask() -> set[bytes]:
        path, said = tmp_path / "custody.sock", set()
        with connected(path), connected(path):  # and say nothing
            for _ in range(100):  # whichever of the two is quicker
                with connected(path) as third:
                    third.sendall(line())
                    said.add(answer_of(third))
        return said

    assert asyncio.run(served(tmp_path, lambda _: b"opened\n", ask)) == {b'{"code":"busy"}\n'}


def test_the_client_says_that_custody_is_away_or_what_it_has_said(tmp_path: Path) -> None:
    custody = Custody(tmp_path / "custody.sock")
    with pytest.raises(CustodyError) as caught:
        asyncio.run(custody.search(ASKING, "Ana"))
    assert caught.value.code == "away"
    for answer, code in ((b'{"code":"busy"}\n', "busy"), (b"{}\n", "failed"), (b"what\n", "failed"), (b"cut", "away")):
        with pytest.raises(CustodyError) as caught:
            asyncio.run(served(tmp_path, lambda _, said=answer: said, lambda: asyncio.run(custody.search(ASKING, "a"))))
        assert caught.value.code == code


# -- what is left of it -----------------------------------------------------------------------------------------------


def test_killed_between_the_entry_and_the_answer_the_entry_stands_and_does_no_harm(running: Running) -> None:
    block = running.console.offer()
    running.start("tests.hub.console.custody.killed_after_commit")
    with pytest.raises(CustodyError, match="away"):
        opened(running, block)
    assert running.process.wait(WITHIN) == -signal.SIGKILL
    assert running.console.acts().count("opened") == 1
    running.start()
    assert opened(running, block) == [ANA]
    assert running.console.acts().count("opened") == 2
    copy = running.console.audit_folder / "checkpoints.jsonl"
    eventually(lambda: copy.exists() and len(copy.read_text().splitlines()) >= 2)


def test_the_process_indexes_what_arrives_and_nobody_may_read_its_memory(running: Running) -> None:
    running.start()
    running.console.offer()
    found = eventually(lambda: asyncio.run(Custody(running.socket).search(ASKING, "Zulmarixa Brezhuvia")).hits)
    assert [one.terms for one in found] == [2]
    limits = Path(f"/proc/{running.process.pid}/limits").read_text()
    assert "Max core file size        0                    0" in limits
    said = running.log.read_text()
    assert "Zulmarixa" not in said
    assert all(json.loads(one)["level"] != "error" for one in said.splitlines())


def test_without_what_it_has_to_be_told_it_ends_with_a_sentence() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CONSOLE_")}
    ended = subprocess.run(
        [sys.executable, "-P", "-m", "hub.console.custody"],
        env={**environment, "PYTHONPATH": str(ROOT)}, capture_output=True, timeout=WITHIN, check=False,
    )  # fmt: skip
    assert ended.returncode == 1
    assert ended.stderr == b"CONSOLE_DATABASE_URL has to be set: docs/operations.md says to what.\n"
