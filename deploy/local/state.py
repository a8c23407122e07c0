"""The state directory (`.ruta/`): secrets, ports, logs, and the lock that says who is running from it."""

import contextlib
import fcntl
import json
import os
import random
import secrets
import select
import signal
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deploy.local.operator_error import OperatorError

ROOT = Path(__file__).resolve().parents[2]  # of the project
# Below the range from which Linux takes the near end of outgoing connections: nobody takes a port while its server
# restarts.
PORTS = range(20_000, 32_000)
STOP_WITHIN = 60  # seconds for a running network to stop when asked from another shell


def default_directory() -> Path:
    """`RUTA_STATE`, or `.ruta` in the project."""
    return Path(os.environ.get("RUTA_STATE") or ROOT / ".ruta").absolute()


def write_private(path: Path, text: str, *, mode: int = 0o600) -> None:
    """Write a file that only its owner can read, unless another `mode` is named; whole or not at all."""
    with tempfile.NamedTemporaryFile(
        "w", dir=path.parent, prefix=path.name, delete=False
    ) as new:  # made with mode 0600
        new.write(text)
    Path(new.name).chmod(mode)
    Path(new.name).replace(path)


class State:
    """Everything of one network that outlives a run, below one directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory.absolute()
        self.logs = self.directory / "logs"
        self.health = self.directory / "health"  # what each process says of itself (messaging/health.py)
        self.organisations = self.directory / "organisations"
        self.signing = self.directory / "signing"  # the key that signs the directory of public keys
        self.signed_directory_file = self.directory / "directory.jws"
        self.audit = self.directory / "audit"  # the key that signs it, and the copy of its checkpoints
        self.console = self.directory / "console"  # its key, and the same of its own audit
        self.sample = self.directory / "sample"  # of a network that began as the sample (demo/sample/), and of no other
        self.directory_file = self.directory / "directory.json"  # the organisations and their public keys
        self.organisations_file = self.directory / "organisations.json"  # who takes part (messaging/register.py)
        self._secrets = self.directory / "secrets.json"
        self._lock = self.directory / "lock"
        self._running = self.directory / "running.json"

    def make(self) -> None:
        """Make the directories, with room for nobody else's eyes where secrets lie."""
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            self.logs.mkdir(exist_ok=True)
            self.health.mkdir(exist_ok=True)
            self.organisations.mkdir(exist_ok=True)
            self._secrets.touch(mode=0o600)
        except OSError as error:
            raise OperatorError(
                f"Cannot write to {self.directory} ({error.strerror}); set RUTA_STATE to a place of yours."
            ) from error

    @property
    def console_key_file(self) -> Path:
        """The key of what is encrypted in the console's database (hub/console/keyring.py)."""
        return self.console / "console.key"

    @property
    def console_audit(self) -> Path:
        """The key that signs the console's audit, and the copy of its checkpoints."""
        return self.console / "audit"

    @property
    def alerts_book(self) -> Path:
        """What has been told of alerts, silenced, and heard (hub/monitor/alerts/keeping.py)."""
        return self.directory / "alerts.json"

    @property
    def custody_socket(self) -> Path:
        """Where custody is asked to open what is sealed to organisations that use the hub's screens."""
        return self.console / "custody.sock"

    def has_database(self) -> bool:
        """Whether an embedded PostgreSQL has ever been started here."""
        return (self.directory / "postgres").exists()

    def last_used(self) -> float:
        """When somebody last took this directory or let go of it, in seconds since 1970; 0 where nobody ever did."""
        with contextlib.suppress(OSError):
            return self._lock.stat().st_mtime
        return 0.0

    def password(self, user: str) -> str:
        """The password of a database role or broker user, made when first asked for."""
        said = self._secrets.read_text()
        passwords: dict[str, str] = json.loads(said) if said else {}
        if user not in passwords:
            passwords[user] = secrets.token_urlsafe(24)
            write_private(self._secrets, json.dumps(passwords, indent=1))
        return passwords[user]

    def forget_password(self, user: str) -> None:
        """Have another made when the user is there again."""
        passwords = self.known_passwords()
        if passwords.pop(user, None) is not None:
            write_private(self._secrets, json.dumps(passwords, indent=1))

    def known_passwords(self) -> dict[str, str]:
        """The passwords that have been made so far, by database role or broker user; none is made."""
        with contextlib.suppress(FileNotFoundError):
            if said := self._secrets.read_text():
                passwords: dict[str, str] = json.loads(said)
                return passwords
        return {}

    @contextlib.contextmanager
    def repairing(self) -> Iterator[None]:
        """Be the only one who repairs, beside whoever holds the directory; OperatorError when somebody else does."""
        with (self.directory / "repair.lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise OperatorError("Another `./ruta repair` is at work; wait for it, or end it.") from None
            yield

    def is_being_repaired(self) -> bool:
        """Whether somebody repairs."""
        try:
            with (self.directory / "repair.lock").open() as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Hold the directory for this process, until whatever ends it; raises OperatorError when another one has it."""
        self.make()
        with self._lock.open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pid = self.running_pid()
                raise OperatorError(
                    f"Ruta already runs from {self.directory} (process {pid}); `./ruta down` stops it."
                ) from None
            self._running.unlink(missing_ok=True)  # of one that was killed
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            try:
                yield
            finally:
                self._running.unlink(missing_ok=True)
                lock.truncate(0)

    def running_pid(self) -> int | None:
        """The process that holds this directory, if any."""
        try:
            with self._lock.open() as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return None
        except BlockingIOError:
            with contextlib.suppress(ValueError):
                return int(self._lock.read_text())
        return None

    def stop_running(self) -> bool:
        """Ask the process that holds this directory to stop, and wait for it; False when there is none."""
        pid = self.running_pid()
        if pid is None:
            return False
        try:
            process = os.pidfd_open(pid)
        except ProcessLookupError:  # it has just ended
            return True
        try:
            os.kill(pid, signal.SIGTERM)
            if not select.select([process], [], [], STOP_WITHIN)[0]:
                os.kill(pid, signal.SIGKILL)
                raise OperatorError(f"Process {pid} did not stop within {STOP_WITHIN} seconds and was killed.")
        finally:
            os.close(process)
        return True

    def write_running(self, what: dict[str, Any]) -> None:
        """Say what runs, for `./ruta status` in another shell."""
        write_private(self._running, json.dumps(what))

    def write_targets(self, targets: list[dict[str, Any]]) -> None:
        """Say where Prometheus collects metrics: its `file_sd_configs` may name this file."""
        write_private(self.directory / "targets.json", json.dumps(targets), mode=0o644)

    def was_cut_off(self) -> bool:
        """Whether what ran here last was ended without being told to: it has not taken back what it said of itself."""
        return self._running.exists() and self.running_pid() is None

    def read_running(self) -> dict[str, Any] | None:
        """What runs from this directory, or None when nothing does."""
        if self.running_pid() is None:
            return None
        with contextlib.suppress(FileNotFoundError):
            running: dict[str, Any] = json.loads(self._running.read_text())
            return running
        return None


def free_ports(how_many: int) -> list[int]:
    """Ports of the loopback interface that nobody uses at the moment."""
    ports: list[int] = []
    for port in random.sample(PORTS, len(PORTS)):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        ports.append(port)
        if len(ports) == how_many:
            return ports
    raise OperatorError(f"No {how_many} free ports between {PORTS.start} and {PORTS.stop} on this machine.")
