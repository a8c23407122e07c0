"""What the package offers is what its modules have, without a list that somebody has to keep."""

import subprocess
import sys
from pathlib import Path
from shutil import copytree, ignore_patterns

import pytest

from contracts import exports

PACKAGE = exports.FILE.parent

NEW = '''
"""A family that nobody has named anywhere."""

from .fields import Model
from .registry import contract


@contract("comet.seen.v1", sent_by="partner", received_by="hub", personal_data=False, about=None)
class CometSeen(Model):
    """Somebody has seen a comet."""
'''


def test_what_the_package_offers_is_what_its_modules_have() -> None:
    assert exports.FILE.read_text() == exports.as_text()


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    copytree(PACKAGE, tmp_path / "contracts", ignore=ignore_patterns("examples"))
    return tmp_path


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", *command],
        cwd=folder,
        env={"PYTHONPATH": str(folder)},
        text=True,
        capture_output=True,
        check=False,
    )


def test_a_new_contract_is_offered_once_it_is_generated_and_missed_before(copied: Path) -> None:
    (copied / "contracts" / "comets.py").write_text(NEW.lstrip())
    before = run(copied, "-m", "contracts", "check")
    assert (before.returncode, "__init__.py: out of date" in before.stdout) == (1, True)
    assert run(copied, "-m", "contracts", "generate").returncode == 0
    after = run(copied, "-c", "import contracts; print(contracts.contract_of(contracts.CometSeen).type)")
    assert after.stdout == "comet.seen.v1\n"
    assert run(copied, "-m", "contracts", "check").returncode == 0
