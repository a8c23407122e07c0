"""The reports of a running network, by `./ruta report`: what an organisation has sent stands in them."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from deploy.local import Network, Stack
from deploy.local.state import ROOT
from tests.examples_reports import delivered, says
from tests.messaging.partners import Partner
from tests.waiting import eventually


def test_what_an_organisation_reports_stands_in_the_5w_sheet(network: Network, provisioned: Stack) -> None:
    with closing(Partner(provisioned, "iom")) as iom:
        iom.submit(says(delivered("somebody in Malambo", delivered_by="iom", zone="08433"), source="iom"))
    (row,) = eventually(lambda: rows_of(provisioned.state.directory, "08433"))
    assert [row[name] for name in ("organisation", "adm2_name", "month", "reached")] == ["iom", "Malambo", "2021-05", 0]
    assert row["unconfirmed"] == 1  # nobody has registered them


def rows_of(state: Path, place: str) -> list[dict[str, Any]]:
    """What `./ruta report 5w` says of a municipality."""
    ran = ruta("report", "5w", "--place", place, "--format", "json", state=state)
    assert ran.returncode == 0, ran.stderr
    rows: list[dict[str, Any]] = json.loads(ran.stdout)["rows"]
    return rows


@pytest.fixture
def nothing_yet() -> Iterator[Path]:
    """A state directory in which there has never been a network, that the user of a database may pass."""
    directory = Path(tempfile.mkdtemp(prefix="ruta-report-"))
    directory.chmod(0o711)
    yield directory
    shutil.rmtree(directory)


def test_before_there_is_a_network_it_is_said_that_nothing_has_been_counted(nothing_yet: Path) -> None:
    ran = ruta("report", "accountability", state=nothing_yet)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "Nothing has been counted yet: start `./ruta up` first" in ran.stderr
    assert ran.stderr.count("\n") == 1
    assert ruta("report", "--help", state=nothing_yet).returncode == 0


def ruta(*arguments: str, state: Path) -> "subprocess.CompletedProcess[str]":
    """Run the command line on the network of a state directory."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RUTA_")}
    return subprocess.run(
        [ROOT / "ruta", *arguments],
        env=environment | {"RUTA_STATE": str(state)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
