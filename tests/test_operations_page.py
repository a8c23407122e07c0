"""The page for operations names every variable that the hub's processes read."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
RUN_BY_THE_HUB = ("messaging", "hub/gateway", "services", "hub/reports")
PREFIXES = ("SERVICE_", "RELAY_", "GATEWAY_", "HUB_", "RUTA_")
# The demo and the tests move time with it, and nobody else should.
NOT_FOR_OPERATIONS = {"RUTA_CLOCK_FILE"}


def variables(root: Path) -> Iterator[str]:
    """The names of environment variables that stand in the code, as whole strings."""
    for part in RUN_BY_THE_HUB:
        for file in (root / part).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Constant) and isinstance(node.value, str) and _is_variable(node.value):
                    yield node.value


def _is_variable(text: str) -> bool:
    return text.startswith(PREFIXES) and text.replace("_", "").isalpha() and text.isupper()


def test_every_variable_that_the_hubs_processes_read_is_explained() -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    assert {one for one in variables(ROOT) if f"`{one}`" not in page} - NOT_FOR_OPERATIONS == set()


def test_a_planted_variable_is_found(tmp_path: Path) -> None:
    (tmp_path / "messaging").mkdir()
    (tmp_path / "messaging" / "anything.py").write_text('import os\nos.environ["SERVICE_SECRET"]\n')
    assert set(variables(tmp_path)) == {"SERVICE_SECRET"}
