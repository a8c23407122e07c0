"""A real browser at a console with invented cases; these tests are left out where an ordinary user has none."""

import os
import signal
from collections.abc import Iterator
from typing import Final

import pytest

from deploy.local import Stack
from screens import frozen
from screens.console import ShownConsole
from screens.visiting import Visits, chromium, visits

WITHIN: Final = 120  # seconds for one test, its fixtures with it: a browser may wait for a page's script without an end


@pytest.fixture(scope="module", autouse=True)
def ends_when_it_takes_too_long() -> Iterator[None]:
    def fail(*_: object) -> None:
        raise TimeoutError(f"a browser has not answered within {WITHIN} s")

    before = signal.signal(signal.SIGALRM, fail)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(autouse=True)
def timed(ends_when_it_takes_too_long: None) -> Iterator[None]:
    signal.alarm(WITHIN)
    yield
    signal.alarm(0)


@pytest.fixture(scope="module")
def looks_again() -> int:
    """After how many seconds a page asks again of itself: it stands still for whoever looks at it."""
    return frozen.LOOKS_AGAIN


@pytest.fixture(scope="module")
def shown(stack: Stack, tmp_path_factory: pytest.TempPathFactory, looks_again: int) -> Iterator[ShownConsole]:
    if chromium() is None:
        assert os.geteuid() != 0, "there is no chromium, which `./ruta test` installs as root"
        pytest.skip("no page is tried in a browser, for there is none: sudo apt-get install -y chromium")
    with ShownConsole(stack, tmp_path_factory.mktemp("shown"), looks_again) as console:
        yield console


# Of a module: as long as it is there, its thread has a loop of asyncio, and other tests may not begin one.
@pytest.fixture(scope="module")
def browsers(shown: ShownConsole) -> Iterator[Visits]:
    with visits(shown) as made:
        yield made
