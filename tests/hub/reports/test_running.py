"""The reports of a running network: what an organisation sends through the door stands in them."""

import json
import os
import subprocess
import sys
from contextlib import closing
from typing import Any

from deploy.local import Network, Stack
from tests.examples_reports import delivered, says
from tests.hub.reports.conftest import FOLDER
from tests.messaging.partners import Partner
from tests.waiting import eventually


def test_what_an_organisation_reports_stands_in_the_5w_sheet(network: Network, provisioned: Stack) -> None:
    with closing(Partner(provisioned, "iom")) as iom:
        iom.submit(says(delivered("somebody in Malambo", delivered_by="iom", zone="08433"), source="iom"))
    (row,) = eventually(lambda: rows_of(provisioned.service_database_url("reports"), "08433"), within=60)
    assert (row["organisation"], row["adm2_name"], row["month"], row["reached"]) == ("iom", "Malambo", "2021-05", 1)


def rows_of(database_url: str, place: str) -> list[dict[str, Any]]:
    """What `./ruta report 5w` says of a municipality."""
    ran = subprocess.run(
        [sys.executable, "-P", "-m", "hub.reports", "5w", "--place", place, "--format", "json"],
        env={**os.environ, "SERVICE_DATABASE_URL": database_url, "PYTHONPATH": str(FOLDER.parents[1])},
        capture_output=True,
        check=True,
    )
    rows: list[dict[str, Any]] = json.loads(ran.stdout)["rows"]
    return rows
