"""One PostgreSQL and one RabbitMQ for the whole suite, started when a test first asks; never the machine's own."""

import os
import shutil
from collections import defaultdict
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest

from deploy.local import Network, Stack, postgres
from deploy.local.provision import provision
from messaging import broker, topology
from tests.directories import make_directory
from tests.messaging import forked

SEQUENCES = 200  # a service: some two minutes for all
SEED = 1  # always the same, so that no run fails by chance

LONGEST = 30  # files that are named at the end
BEGIN_FIRST = (Path(__file__).parent / "longest.txt").read_text(encoding="utf-8").split()
"""What took longest of late, as the end of a run has it: begun last, each would leave the other processes idle."""

MARKED = {"long": "--faults", "cross": "--all"}
"""What the suite leaves out, by its mark: the option that asks for it."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """How many sequences of messages each service is tried with (tests/services/sequences), and which ones."""
    parser.addoption("--sequences", type=int, default=SEQUENCES, help="so many sequences for each service")
    parser.addoption("--seed", type=int, default=SEED, help="what they are drawn from: the same seed, the same ones")
    parser.addoption("--faults", action="store_true", help="those faults too that take longer than the suite can wait")
    parser.addoption("--all", action="store_true", help="every page of the console in both languages and widths")
    parser.addoption("--first-sequence", type=int, default=0, help="the number of the first")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is marked, unless the option is given that asks for it; the longest files come first."""
    unasked = [mark for mark, option in MARKED.items() if not config.getoption(option)]
    left_out = {item: any(item.get_closest_marker(mark) for mark in unasked) for item in items}
    config.hook.pytest_deselected(items=[item for item in items if left_out[item]])
    places = {file: place for place, file in enumerate(BEGIN_FIRST)}
    items[:] = sorted(
        (item for item in items if not left_out[item]),
        key=lambda item: places.get(item.nodeid.partition("::")[0], len(places)),
    )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say for how many sequences the property has held, and of a whole run where its time went."""
    for test in terminalreporter.stats.get("passed", []):
        for name, said in test.user_properties:
            if name == "held":
                terminalreporter.line(str(said))
    seconds: dict[str, float] = defaultdict(float)
    for report in chain.from_iterable(terminalreporter.stats.values()):
        if isinstance(report, pytest.TestReport):
            seconds[report.nodeid.partition("::")[0]] += report.duration
    if len(seconds) > LONGEST:
        longest = sorted(seconds.items(), key=lambda one: -one[1])[:LONGEST]
        of_those, of_all = sum(took for _, took in longest), sum(seconds.values())
        terminalreporter.section(f"{LONGEST} of {len(seconds)} files took {of_those:.0f} of {of_all:.0f} s")
        for file, took in longest:
            terminalreporter.line(f"{took:6.0f} s  {file}")


@pytest.fixture(scope="session", autouse=True)
def no_heartbeats() -> None:
    """The suite's own connections to a broker may be silent for as long as a slow machine lets a test wait."""
    broker.HEARTBEAT = 0


@pytest.fixture(scope="session", autouse=True)
def cheap_passwords() -> None:
    """In the suite's PostgreSQL: a test makes hundreds of connections, and half of what each takes is its password."""
    postgres.SETTINGS["scram_iterations"] = "1"


@pytest.fixture(scope="session", autouse=True)
def no_process_is_left() -> Iterator[None]:
    """What processes are forked from ends with the suite."""
    yield
    forked.stop()


@pytest.fixture(scope="session")
def state_directory() -> Iterator[Path]:
    """A directory that is gone after the suite."""
    directory = make_directory("tests")
    yield directory
    shutil.rmtree(directory, ignore_errors=True)  # of a server that had to be killed, the last process may still write


@pytest.fixture(scope="session")
def stack(state_directory: Path) -> Iterator[Stack]:
    """Started servers with nothing in them. An empty environment: no variable can lead the suite to real servers."""
    with Stack(state_directory, environment={}) as stack:
        yield stack
        if stack.broker is not None:
            stack.broker.kill()  # nobody needs what is in it any more, and to end in order takes it seconds


@pytest.fixture(scope="session")
def declared() -> topology.DeclaredNetwork:
    """What deploy/network.toml declares."""
    return topology.read()


@pytest.fixture(scope="session")
def provisioned(stack: Stack, declared: topology.DeclaredNetwork) -> Stack:
    """The servers with every database, queue, user and key of the declared network."""
    for id in declared.organisations:
        stack.state.password(id)  # connected before: with queues that tests can name
    provision(stack, declared)
    return stack


@pytest.fixture(scope="module")
def network(provisioned: Stack) -> Iterator[Network]:
    """The hub's real processes, running for one module: others read the same queues with processes of their own."""
    assert "RUTA_CLOCK_FILE" not in os.environ, "other tests have moved the time of what these start"
    with Network(provisioned) as network:
        yield network
