"""`./ruta` on its way to the command line: a copy of it with a lock of nothing and a command line that says hello."""

import os
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import pytest

from deploy.local import help_pages
from deploy.local.cli import app

RUTA = Path(__file__).parents[2] / "ruta"


def stand_in(project: Path, tool: str, script: str) -> None:
    """Put a program of ours before the machine's own of this name."""
    tools = project / "tools"
    tools.mkdir(exist_ok=True)
    (tools / tool).write_text(f"#!/bin/sh\n{script}\n")
    (tools / tool).chmod(0o755)


@contextmanager
def new_project() -> Iterator[Path]:
    """A project that has never run, and that anybody may write to."""
    home = Path(tempfile.mkdtemp(prefix="ruta-bootstrap-"))
    shutil.copy(RUTA, home)
    (home / "requirements.lock").write_text("# nothing\n")
    stand_in(home, "apt-get", "exit 1")  # no test installs anything on this machine
    (home / "deploy" / "local").mkdir(parents=True)
    shutil.copy(help_pages.FILE, home / "deploy" / "local")
    (home / "deploy" / "local" / "__main__.py").write_text("print('hello')\n")
    home.chmod(0o777)
    yield home
    shutil.rmtree(home)


@pytest.fixture(scope="module")
def environment(made_project: Path) -> Iterator[Path]:
    """An environment as Python has made it, whatever becomes of the project that it was made for."""
    kept = made_project.with_name(f"{made_project.name}-environment")
    shutil.copytree(made_project / ".venv", kept, symlinks=True, ignore=shutil.ignore_patterns(".finished"))
    yield kept
    shutil.rmtree(kept)


@pytest.fixture
def project(environment: Path) -> Iterator[Path]:
    """A project that has never run; that Python makes an environment for it takes no seconds."""
    with new_project() as home:
        have_made(home, environment)
        yield home


def have_made(project: Path, environment: Path) -> None:
    """Have a Python for which to make an environment is to copy this one."""
    copies = (
        f'if [ "$1 $2" = "-m venv" ]; then cp -a {environment}/. "$3"; else exec {shutil.which("python3")} "$@"; fi'
    )
    stand_in(project, "python3", copies)


@pytest.fixture(scope="module")
def new_one() -> Iterator[Path]:
    """A project that has never run, for what leaves it so."""
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
    """Run the copy, `status` unless told otherwise; as nobody where the suite runs as root."""
    prefix = (
        ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--"]
        if as_nobody and os.geteuid() == 0
        else []
    )
    return subprocess.run(
        [*prefix, project / "ruta", *(arguments or ["status"])],
        env={
            "PATH": f"{project / 'tools'}:{os.environ['PATH']}",
            "HOME": str(project),
            "RUTA_RABBITMQ_BIN": str(project),
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def save_wheel(folder: Path, name: str) -> Path:
    """Save a package that pip would install; no test needs an index on the network."""
    wheel, about = folder / f"{name}-1.0-py3-none-any.whl", f"{name}-1.0.dist-info"
    with zipfile.ZipFile(wheel, "w") as packed:
        packed.writestr(f"{name}.py", "")
        packed.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        packed.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        packed.writestr(f"{about}/RECORD", "")
    return wheel


def assert_one_sentence(ran: "subprocess.CompletedProcess[str]") -> str:
    """It failed, and said why in one line of its own; returns the line."""
    assert ran.returncode != 0
    said = [line for line in ran.stderr.splitlines() if "making .venv" not in line and "installing" not in line]
    assert len(said) == 1, ran.stderr
    assert "Traceback" not in ran.stdout + ran.stderr
    return said[0]


def test_the_first_run_sets_up_and_the_second_skips_it() -> None:
    with new_project() as project:
        first, second = run(project), run(project)

    assert first.stdout == second.stdout == "hello\n"
    assert "making .venv" in first.stderr
    assert second.stderr == ""


def test_it_runs_from_any_directory(made_project: Path) -> None:
    ran = subprocess.run(
        [made_project / "ruta", "status"], cwd="/", capture_output=True, text=True, timeout=120, check=False
    )

    assert ran.stdout == "hello\n"


@pytest.mark.parametrize("broken", ["bin/python", ".finished"])
def test_a_half_made_environment_is_made_again(made_project: Path, environment: Path, broken: str) -> None:
    have_made(made_project, environment)
    (made_project / ".venv" / broken).unlink()

    assert run(made_project).stdout == "hello\n"
    assert (made_project / ".venv" / broken).exists()


def test_a_changed_lock_is_installed(made_project: Path) -> None:
    with (made_project / "requirements.lock").open("a") as lock:
        lock.write("# nothing else\n")

    assert "making .venv" in run(made_project).stderr
    assert run(made_project).stderr == ""


def test_a_package_that_has_gone_from_the_environment_is_installed_again(project: Path) -> None:
    package = project / "deploy" / "local"
    for name in ("__main__", "state", "operator_error"):
        shutil.copy(RUTA.parent / "deploy" / "local" / f"{name}.py", package)
    (package / "cli.py").write_text(
        "import os\nif 'RUTA_MENDED' not in os.environ: import gone\ndef main(): print('mended')\n"
    )

    ran = run(project)

    assert ran.stdout == "mended\n"
    assert ran.stderr.count("making .venv") == 2


def test_two_first_runs_at_once_set_up_once(project: Path) -> None:
    with ThreadPoolExecutor() as at_once:
        runs = list(at_once.map(lambda _: run(project), range(2)))

    assert [ran.stdout for ran in runs] == ["hello\n", "hello\n"]
    assert sum("making .venv" in ran.stderr for ran in runs) == 1


COMMANDS = [name for name in app if not name.startswith("-")]


@pytest.mark.parametrize(
    ("arguments", "usage"),
    [
        ((), "ruta COMMAND"),
        (("--help",), "ruta COMMAND"),
        (("-h",), "ruta COMMAND"),
        *(((command, "--help"), command) for command in COMMANDS),
        (("demo", "--once", "-h"), "ruta demo"),
        (("--help", "demo"), "ruta demo"),
        (("report", "5w", "--help"), "ruta report"),
    ],
)
def test_help_is_there_before_anything_is_installed_and_leaves_nothing(
    new_one: Path, arguments: tuple[str, ...], usage: str
) -> None:
    before = sorted(new_one.rglob("*"))
    ran = subprocess.run(
        [new_one / "ruta", *arguments],
        env={"PATH": f"{new_one / 'tools'}:{os.environ['PATH']}", "RUTA_RABBITMQ_BIN": str(new_one)},
        capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip

    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.lower().startswith("usage: ")
    assert usage in ran.stdout.splitlines()[0]
    assert ran.stdout.lower().count("usage: ") == 1
    assert sorted(new_one.rglob("*")) == before


def test_the_help_before_the_install_is_that_of_the_commands() -> None:
    said = help_pages.FILE.read_text()
    assert said == help_pages.as_text(), "run ./ruta generate"
    assert max(map(len, said.splitlines())) <= help_pages.COLUMNS


def test_help_installs_no_broker(made_project: Path) -> None:
    assert run(made_project, "demo", "--help").stdout == "hello\n"


@pytest.mark.parametrize("command", ["nothing", "u.", "=== up", "*", ".*"])
@pytest.mark.parametrize("asked", [(), ("--help",)])
def test_a_command_that_there_is_not_installs_nothing(new_one: Path, command: str, asked: tuple[str, ...]) -> None:
    ran = run(new_one, command, *asked)
    assert ran.returncode == 1
    assert ran.stdout == ""
    assert ran.stderr.startswith("ruta: there is no command ")
    assert not (new_one / ".venv").exists()


def test_a_checkout_that_is_read_only_is_named(project: Path) -> None:
    project.chmod(0o555)

    sentence = assert_one_sentence(run(project, as_nobody=True))

    assert f"cannot make .venv in {project}, which you may not write to" in sentence


def test_a_package_index_that_cannot_be_reached_is_what_is_said(project: Path) -> None:
    (project / "requirements.lock").write_text(f"some-words==1.0 \\\n    --hash=sha256:{'0' * 64}\n")

    sentence = assert_one_sentence(
        run(
            project,
            PIP_CONFIG_FILE=os.devnull,
            PIP_INDEX_URL="http://127.0.0.1:1/simple",
            PIP_EXTRA_INDEX_URL="",
            PIP_FIND_LINKS="",
            PIP_RETRIES="1",
        )
    )

    assert "the place where packages are fetched from cannot be reached" in sentence
    assert "127.0.0.1" not in sentence


@pytest.mark.skipif(os.geteuid() != 0, reason="only root installs packages")
@pytest.mark.parametrize(
    ("says", "sentence"),
    [
        (
            "W: Failed to fetch http://x/InRelease  Temporary failure resolving 'x'\nE: Unable to locate package y",
            "cannot be reached: Temporary failure resolving (",
        ),
        ("E: Unable to locate package y", "E: Unable to locate package y ("),
        (
            "W: Could not connect to x:80, it has timed out\nE: dpkg was interrupted",
            "E: dpkg was interrupted (",
        ),
    ],
)
def test_what_apt_get_could_not_do_is_said_truly(made_project: Path, says: str, sentence: str) -> None:
    (made_project / "says").write_text(says)
    stand_in(made_project, "apt-get", f"cat {made_project}/says; echo; exit 100")

    assert sentence in assert_one_sentence(run(made_project, "up"))


def test_without_rabbitmq_an_ordinary_user_is_told_what_to_install(project: Path) -> None:
    sentence = assert_one_sentence(run(project, "demo", "--once", as_nobody=True))

    assert sentence.endswith("sudo apt-get install -y rabbitmq-server")


@contextmanager
def without_chromium(project: Path, user: int) -> Iterator[str]:
    """A PATH with this machine's programs but the browser, beside RabbitMQ, and an `id` that says who one is."""
    programs = project / "programs"
    programs.mkdir()
    for folder in os.environ["PATH"].split(":"):
        for program in Path(folder).glob("*"):
            if program.name not in ("chromium", "id") and not (programs / program.name).exists():
                (programs / program.name).symlink_to(program)
    (programs / "id").write_text(f"#!/bin/sh\necho {user}\n")
    (programs / "id").chmod(0o755)
    (project / "rabbitmq-server").touch(mode=0o755)
    try:
        yield f"{project / 'tools'}:{programs}"
    finally:
        (project / "rabbitmq-server").unlink()
        shutil.rmtree(programs)


def test_an_ordinary_user_without_a_browser_takes_no_pictures_and_runs_the_other_tests(made_project: Path) -> None:
    with without_chromium(made_project, user=1000) as path:
        pictures, tests = (run(made_project, *said, PATH=path) for said in (("screenshots", "x"), ("test",)))

    assert assert_one_sentence(pictures).partition("sudo apt-get install -y ")[2].startswith("chromium")
    assert tests.stdout == "hello\n"


def test_root_gets_the_browser_for_the_tests_and_not_for_a_network(made_project: Path) -> None:
    with without_chromium(made_project, user=0) as path:
        tests, network = (run(made_project, said, PATH=path) for said in ("test", "up"))

    assert "installing chromium" in tests.stderr
    assert network.stdout == "hello\n"


def test_a_python_that_cannot_make_environments_is_named_with_all_else_that_is_missing(project: Path) -> None:
    for python in ("python3", "python3.11", "python3.12", "python3.13", "python3.14"):
        stand_in(project, python, 'case "$2" in *ensurepip*) exit 1 ;; esac')

    ran = run(project, "demo", as_nobody=True)

    assert assert_one_sentence(ran).endswith("sudo apt-get install -y python3-venv rabbitmq-server")


def test_a_real_broker_needs_no_rabbitmq_here(made_project: Path) -> None:
    assert run(made_project, "up", RUTA_AMQP_URL="amqp://there").stdout == "hello\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root installs packages")
def test_root_gets_rabbitmq_installed_and_no_system_wide_one_is_started(made_project: Path) -> None:
    # Does what the package's own scripts would do, with the PATH that dpkg would have.
    stand_in(
        made_project,
        "apt-get",
        f"""
        [ "$1" = install ] || exit 0
        cd {made_project}
        for option; do case "$option" in DPkg::Path=*) PATH=${{option#*=}} ;; esac; done
        invoke-rc.d rabbitmq-server start >>started || echo refused >>started
        deb-systemd-invoke start epmd.socket >>started || echo refused >>started
        deb-systemd-helper enable rabbitmq-server.service >>started || echo refused >>started
        deb-systemd-invoke start prometheus-alertmanager.service >>started || echo refused >>started
        touch rabbitmq-server; chmod 755 rabbitmq-server
        """,
    )
    try:
        ran = run(made_project, "up")
    finally:
        (made_project / "rabbitmq-server").unlink(missing_ok=True)

    assert ran.stdout == "hello\n"
    assert "installing rabbitmq-server with apt-get" in ran.stderr
    assert (made_project / "started").read_text() == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root installs system packages")
def test_a_set_up_that_takes_long_says_how_far_it_has_come_and_then_no_more(made_project: Path) -> None:
    stand_in(made_project, "apt-get", f"echo Setting up erlang {'━' * 100}; sleep 6; exit 1")

    failed = run(made_project, "up")

    assert "s: Setting up erlang" in failed.stderr
    assert failed.returncode == 1
    assert not subprocess.run(
        ["pgrep", "-f", f"setup.log.*{made_project}"], capture_output=True, text=True, check=False
    ).stdout


def test_a_state_directory_that_cannot_be_written_is_named(project: Path) -> None:
    sentence = assert_one_sentence(run(project, RUTA_STATE="/proc/ruta"))

    assert "/proc/ruta" in sentence


def test_a_package_that_is_not_what_the_lock_says_is_not_installed(project: Path) -> None:
    (project / "requirements.lock").write_text(f"some-words==1.0 \\\n    --hash=sha256:{'0' * 64}\n")
    digest = sha256(save_wheel(project, "some_words").read_bytes()).hexdigest()

    sentence = assert_one_sentence(run(project, PIP_NO_INDEX="1", PIP_FIND_LINKS=str(project)))

    assert "pip could not install" in sentence
    assert digest in sentence  # it was found, and is not what it should be
    assert not (project / ".venv" / ".finished").exists()


def test_the_lock_names_no_package_index() -> None:
    lock = (RUTA.parent / "requirements.lock").read_text()

    assert "://" not in lock
    assert "index" not in lock.split("\n", 2)[2]
