"""Where answers come to: an inbox of the tool's own, and the organisation's common one only when it is named."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from deploy.local.state import ROOT
from tools.attendance.desk import Desk, DeskError

ATTENDANCE = {"queue": "inbox.iom.attendance", "reads": ["attendance.settled"], "sends": ["attendance.*"], "runs": None}
CASES = {"queue": "inbox.iom.cases", "reads": ["referral.*"], "sends": ["referral.*"], "runs": None}
DEAF = {**ATTENDANCE, "sends": []}  # refusals would come to the common inbox
MUTE = {**ATTENDANCE, "reads": []}  # outcomes would


@pytest.fixture
def credentials(tmp_path: Path) -> Path:
    return tmp_path / "credentials.json"


def hand_out(path: Path, **systems: dict[str, Any]) -> Path:
    handed = {"organisation": "iom", "amqp_url": "amqp://127.0.0.1:1/", "exchange": "submit.iom", "queue": "inbox.iom"}
    path.write_text(json.dumps({**handed, "systems": systems}))
    return path


def test_the_system_that_is_for_attendance_is_read_and_no_other(credentials: Path) -> None:
    desk = Desk(hand_out(credentials, cases=CASES, attendance=ATTENDANCE))
    assert desk.queues == ["inbox.iom.attendance"]


def test_outcomes_and_refusals_may_come_to_two_systems(credentials: Path) -> None:
    refusals = {"queue": "inbox.iom.refusals", "reads": ["message.refused"], "sends": [], "runs": None}
    assert Desk(hand_out(credentials, refusals=refusals, outcomes=ATTENDANCE)).queues == [
        "inbox.iom.attendance",
        "inbox.iom.refusals",
    ]


@pytest.mark.parametrize("systems", [{}, {"cases": CASES}, {"attendance": DEAF}, {"attendance": MUTE}])
def test_the_common_inbox_is_not_read_unless_it_is_named(credentials: Path, systems: dict[str, Any]) -> None:
    hand_out(credentials, **systems)
    with pytest.raises(DeskError, match=r"names no system that reads attendance\.settled"):
        Desk(credentials)
    assert Desk(credentials, ["inbox.iom"]).queues == ["inbox.iom"]


def test_the_command_says_so_in_one_sentence_and_sends_nothing(credentials: Path, tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text("nombres;telefono\nAna;3004815162\n")
    command: list[str | Path] = [
        sys.executable, "-m", "tools.attendance", "import", file, "--jornada", "01950000-0000-7000-8000-000000000010",
        "--organiser", "iom", "--credentials", hand_out(credentials), "--directory", tmp_path / "directory.json",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert "names no system that reads attendance.settled" in done.stderr
