"""The console of a module's tests: one database, one application, and a browser for each who asks."""

from collections.abc import Callable, Iterator

import pytest
from argon2 import PasswordHasher

from deploy.local import Stack
from hub.console.web import credentials
from messaging.migrate import migrate
from tests.hub.console.kept import FOLDER, Kept
from tests.hub.console.kit import Browser, Console, Person, Running

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture(scope="module", autouse=True)
def cheap_hashes() -> Iterator[None]:
    """Passwords and PINs cost next to nothing, for they are not what a module is about (test_entering.py is)."""
    with pytest.MonkeyPatch.context() as patching:
        patching.setattr(credentials, "HASHER", CHEAP)
        patching.setattr(credentials, "NOBODYS_HASH", CHEAP.hash("nobody's"))
        yield


@pytest.fixture(scope="module")
def console(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    console = Console(stack, tmp_path_factory.mktemp("console"))
    yield console
    console.stop()


@pytest.fixture(scope="module")
def running(console: Console) -> Running:
    return console.run()


@pytest.fixture
def browser(running: Running) -> Browser:
    return Browser(running)


@pytest.fixture
def another(running: Running) -> Browser:
    return Browser(running)


@pytest.fixture
def enrolled(console: Console, browser: Browser, request: pytest.FixtureRequest) -> Callable[..., Person]:
    """Enrols somebody of a new name in the test's browser."""
    count = 0

    def enrol(*roles: str, organisation: str = "redcross", name: str = "Ana Pérez", where: Browser = browser) -> Person:
        nonlocal count
        count += 1
        login = f"u{abs(hash(request.node.nodeid)) % 10**9}.{count}"
        return console.enrol(where, login, *roles, organisation=organisation, name=name)

    return enrol


@pytest.fixture(scope="session")
def reading(stack: Stack) -> Iterator[Kept]:
    url = stack.create_database("test_console_cases")
    migrate(url, FOLDER)
    service = Kept(url)
    yield service
    service.close()


@pytest.fixture
def kept(reading: Kept) -> Iterator[Kept]:
    """The read service with nothing in its tables."""
    yield reading
    reading.forget()
