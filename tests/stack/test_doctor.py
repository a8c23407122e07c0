"""`./ruta doctor`: what is there and what is missing, in words."""

import os
import subprocess
from pathlib import Path

import pytest

from deploy.local import doctor
from deploy.local.state import ROOT


def test_a_machine_that_runs_this_suite_lacks_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RUTA_STATE", str(tmp_path))

    assert [finding.text for finding in doctor.examine() if not finding.healthy] == []


def test_what_is_missing_is_named_with_what_to_do_about_it(tmp_path: Path) -> None:
    environment = {**os.environ, "RUTA_STATE": str(tmp_path), "RUTA_RABBITMQ_BIN": "/nowhere"}
    ran = subprocess.run(
        [ROOT / "ruta", "doctor"], env=environment, capture_output=True, text=True, timeout=60, check=False
    )

    assert ran.returncode == 1
    assert "MISSING  rabbitmq-server: sudo apt-get install -y rabbitmq-server" in ran.stdout
