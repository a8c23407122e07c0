"""`./ruta` on its way to the command line: a copy of it with a lock of nothing and a command line that says hello."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

RUTA = Path(__file__).parents[2] / "ruta"


@contextmanager
def new_project() -> Iterator[Path]:
    """A project that has never run, and that anybody may write to."""
    home = Path(tempfile.mkdtemp(prefix="ruta-bootstrap-"))
    shutil.copy(RUTA, home)
    (home / "requirements.lock").write_text("# nothing\n")
    (home / "deploy" / "local").mkdir(parents=True)
    (home / "deploy" / "local" / "__main__.py").write_text("print('hello')\n")
    home.chmod(0o777)
    yield home
    shutil.rmtree(home)


@pytest.fixture
def project() -> Iterator[Path]:
    """A project that has never run."""
    with new_project() as home:
        yield home


@pytest.fixture(scope="module")
def made_project() -> Iterator[Path]:
    """A project that has run before."""
    with new_project() as home:
        assert run(home).stdout == "hello\n"
        yield home


def run(
    project: Path, *arguments: str, as_nobody: bool = False, **environment: str
) -> "subprocess.CompletedProcess[str]":
    """Run the copy; as nobody where the suite runs as root."""
    prefix = (
        ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--"]
        if as_nobody and os.geteuid() == 0
        else []
    )
    return subprocess.run(
        [*prefix, project / "ruta", *arguments],
        env={"PATH": os.environ["PATH"], "HOME": str(project), "RUTA_RABBITMQ_BIN": str(project), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def assert_one_sentence(ran: "subprocess.CompletedProcess[str]") -> str:
    """It failed, and said why in one line of its own; returns the line."""
    assert ran.returncode != 0
    said = [line for line in ran.stderr.splitlines() if "making .venv" not in line and "installing" not in line]
    assert len(said) == 1, ran.stderr
    assert "Traceback" not in ran.stdout + ran.stderr
    return said[0]


def test_the_first_run_sets_up_and_the_second_skips_it(project: Path) -> None:
    first, second = run(project), run(project)

    assert first.stdout == second.stdout == "hello\n"
    assert "making .venv" in first.stderr
    assert second.stderr == ""


def test_it_runs_from_any_directory(made_project: Path) -> None:
    ran = subprocess.run([made_project / "ruta"], cwd="/", capture_output=True, text=True, timeout=120, check=False)

    assert ran.stdout == "hello\n"


@pytest.mark.parametrize("broken", ["bin/python", ".finished"])
def test_a_half_made_environment_is_made_again(made_project: Path, broken: str) -> None:
    (made_project / ".venv" / broken).unlink()

    assert run(made_project).stdout == "hello\n"
    assert (made_project / ".venv" / broken).exists()


def test_a_changed_lock_is_installed(made_project: Path) -> None:
    with (made_project / "requirements.lock").open("a") as lock:
        lock.write("# nothing else\n")

    assert "making .venv" in run(made_project).stderr
    assert run(made_project).stderr == ""


def test_two_first_runs_at_once_set_up_once(project: Path) -> None:
    with ThreadPoolExecutor() as at_once:
        runs = list(at_once.map(lambda _: run(project), range(2)))

    assert [ran.stdout for ran in runs] == ["hello\n", "hello\n"]
    assert sum("making .venv" in ran.stderr for ran in runs) == 1


def test_without_rabbitmq_an_ordinary_user_is_told_what_to_install(project: Path) -> None:
    sentence = assert_one_sentence(run(project, "demo", "--once", as_nobody=True))

    assert sentence.endswith("sudo apt-get install -y rabbitmq-server")


def test_a_python_that_cannot_make_environments_is_named_with_all_else_that_is_missing(project: Path) -> None:
    tools = project / "tools"
    tools.mkdir()
    for name in ("python3", "python3.11", "python3.12", "python3.13", "python3.14"):
        (tools / name).write_text('#!/bin/sh\ncase "$2" in *ensurepip*) exit 1 ;; esac\n')
        (tools / name).chmod(0o755)

    ran = run(project, "demo", as_nobody=True, PATH=f"{tools}:{os.environ['PATH']}")

    assert assert_one_sentence(ran).endswith("sudo apt-get install -y python3-venv rabbitmq-server")


def test_a_real_broker_needs_no_rabbitmq_here(made_project: Path) -> None:
    assert run(made_project, "up", as_nobody=True, RUTA_AMQP_URL="amqp://there").stdout == "hello\n"


def test_a_state_directory_that_cannot_be_written_is_named(project: Path) -> None:
    sentence = assert_one_sentence(run(project, RUTA_STATE="/proc/ruta"))

    assert "/proc/ruta" in sentence


def test_a_package_that_is_not_what_the_lock_says_is_not_installed(project: Path) -> None:
    (project / "requirements.lock").write_text(f"six==1.17.0 \\\n    --hash=sha256:{'0' * 64}\n")

    assert "pip could not install" in assert_one_sentence(run(project))
    assert not (project / ".venv" / ".finished").exists()


def test_the_lock_names_no_package_index() -> None:
    lock = (RUTA.parent / "requirements.lock").read_text()

    assert "://" not in lock
    assert "index" not in lock.split("\n", 2)[2]
