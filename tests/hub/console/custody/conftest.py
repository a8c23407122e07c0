"""The console's database, made once; and custody on it, with keys of its own for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local import Stack
from deploy.local.state import ROOT
from messaging.migrate import migrate
from tests.hub.console.custody.boxes import Console


@pytest.fixture(scope="session")
def console_url(stack: Stack) -> str:
    """A database with the console's tables."""
    url = stack.create_database("test_custody")
    migrate(url, ROOT / "hub" / "console")
    return url


@pytest.fixture
def console(console_url: str, tmp_path: Path) -> Iterator[Console]:
    """Two hosted organisations, with nothing in the database."""
    console = Console(console_url, tmp_path)
    yield console
    console.recording.close()
