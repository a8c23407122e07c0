"""An organisation's services come in from a file in HSDS, through the gateway, and go out of the directory again."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from demo.stage import Ground
from deploy.local.state import ROOT
from tests import commands
from tests.waiting import eventually

EXAMPLE = ROOT / "tools" / "directory" / "hsds" / "examples" / "organization_full.json"
SERVICE = "ac148810-d857-441c-9679-408f346de14b"
TERMS = """
[needs]
"taxonomy:code" = "health.psychosocial"

[places]
MyCity = "08001"
"""


def command(ground: Ground, *words: str) -> subprocess.CompletedProcess[str]:
    url = ground.stack.service_database_url("referrals")
    return commands.run("tools.directory", *words, environment=os.environ | {"SERVICE_DATABASE_URL": url})


def exported(ground: Ground) -> list[dict[str, Any]]:
    """The example's service as the directory shows it, if it does."""
    done = command(ground, "export", "--organisation", "iom")
    assert done.returncode == 0, done.stderr
    return [one for one in json.loads(done.stdout)["contents"] if one["id"] == SERVICE]


def test_a_service_is_imported_through_the_door_and_exported(ground: Ground, tmp_path: Path) -> None:
    terms = tmp_path / "terms.toml"
    terms.write_text(TERMS)
    credentials = ground.home("iom") / "credentials.json"
    words = ("import", str(EXAMPLE), "--organisation", "iom", "--terms", str(terms), "--zone", "08001")
    sent = command(ground, *words, "--credentials", str(credentials))
    assert (sent.returncode, sent.stdout) == (0, ""), sent.stderr
    (document,) = eventually(lambda: exported(ground))
    assert (document["name"], document["organization"]["name"]) == ("Community Counselling", "OIM")
    assert document["service_areas"][0]["name"] == "Barranquilla, Atlántico"


def test_nobody_publishes_with_anothers_credentials(ground: Ground, tmp_path: Path) -> None:
    terms = tmp_path / "terms.toml"
    terms.write_text(TERMS)
    credentials = ground.home("redcross") / "credentials.json"
    words = ("import", str(EXAMPLE), "--organisation", "iom", "--terms", str(terms), "--zone", "08001")
    sent = command(ground, *words, "--credentials", str(credentials))
    assert sent.returncode == 2
    assert "another organisation's credentials" in sent.stderr
