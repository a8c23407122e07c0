"""A real browser at a console with invented cases; these tests are left out where an ordinary user has none."""

import os
from collections.abc import Iterator

import pytest

from deploy.local import Stack
from screens.console import ShownConsole
from screens.visiting import Visits, chromium, visits


@pytest.fixture(scope="module")
def shown(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShownConsole]:
    if chromium() is None:
        assert os.geteuid() != 0, "there is no chromium, which `./ruta test` installs as root"
        pytest.skip("no page is tried in a browser, for there is none: sudo apt-get install -y chromium")
    with ShownConsole(stack, tmp_path_factory.mktemp("shown")) as console:
        yield console


# Of a module: as long as it is there, its thread has a loop of asyncio, and other tests may not begin one.
@pytest.fixture(scope="module")
def browsers(shown: ShownConsole) -> Iterator[Visits]:
    with visits(shown) as made:
        yield made
