"""`./ruta events tail` and `./ruta trace` of a running network, from another shell; and without the log."""

import json
import os
import signal
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import psycopg
import pytest

import contracts
from contracts import uuid7
from deploy.local import Network
from deploy.local.state import ROOT
from messaging.topology import MONITOR
from tests.commands import ruta
from tests.examples import service_published
from tests.faults.down import shut
from tests.faults.test_problems import hub as hub
from tests.hub.http.entrance import Client
from tests.waiting import eventually

UNKNOWN = UUID("0192e9a0-0000-7000-8000-000000000000")
LOOKS = (("events", "tail", "--once"), ("trace", str(UNKNOWN), "--json"))


def say(hub: Network, data: Any, subject: str) -> contracts.Message[Any]:
    """Have the IOM say something by HTTP."""
    said = json.loads((hub.stack.state.organisations / "iom" / "credentials.json").read_text())
    message = contracts.stamp(contracts.Draft(data, subject), source="iom", time=datetime.now(UTC))
    with closing(Client(urlsplit(said["http_url"]).port or 80, said["api_key"])) as client:
        answered = client.post(message)
    assert answered.status == 202, answered.body
    return message


@pytest.fixture
def offered(hub: Network) -> contracts.Message[Any]:
    """A service of the IOM's that everybody who reads of such has heard of."""
    service_id = uuid7()
    return say(hub, service_published(service_id=service_id), str(service_id))


@pytest.fixture
def accepted(hub: Network) -> contracts.Message[Any]:
    """What the IOM accepts before it was asked: it waits."""
    referral_id = uuid7()
    return say(hub, contracts.ReferralAccepted(referral_id=referral_id), str(referral_id))


def told(hub: Network, asked: object, wanted: str) -> str:
    """What `./ruta trace` says of something, once that is in it."""
    return eventually(lambda: text if wanted in (text := ruta(hub.stack.state, "trace", str(asked)).stdout) else "")


def test_a_message_is_traced_by_its_id_its_subject_and_the_short_code(
    hub: Network, offered: contracts.Message[Any], accepted: contracts.Message[Any]
) -> None:
    assert accepted.subject is not None
    code = contracts.short_code(accepted.data.referral_id)
    for asked in (offered.id, offered.subject):
        story = told(hub, asked, "referrals: applied")
        assert f" iom {offered.type} {offered.id}, about {offered.subject}\n" in story
        assert " 0 failed.\n" in story
    for asked in (accepted.id, accepted.subject, code.lower()):
        story = told(hub, asked, "referrals: waits")
        assert f" iom {accepted.type} {accepted.id}, about {code}\n" in story

    as_json = ruta(hub.stack.state, "trace", code, "--json")

    assert as_json.returncode == 0
    (entry,) = (one for one in json.loads(as_json.stdout)["entries"] if one["id"] == str(accepted.id))
    assert (entry["source"], entry["short_code"]) == ("iom", code)
    assert [one["state"] for one in entry["became"] if one["service"] == "referrals"] == ["waits"]


def test_where_the_log_is_behind_it_says_since_when(hub: Network) -> None:
    whole = [ruta(hub.stack.state, *asked) for asked in LOOKS]
    hub[MONITOR].pause()
    try:
        with psycopg.connect(hub.stack.service_database_url(MONITOR)) as connection:
            connection.execute("update counted set until = until - interval '10 minutes'")
        behind = [ruta(hub.stack.state, *asked) for asked in LOOKS]
    finally:
        hub[MONITOR].resume()
    assert not [one.stderr for one in whole if "is behind" in one.stderr]
    for one in behind:
        assert "The message log is behind: what has come since 20" in one.stderr
        assert "is behind" not in one.stdout


@pytest.mark.parametrize("asked", [str(UNKNOWN), contracts.short_code(UNKNOWN), "no id at all"])
def test_of_what_is_not_known_it_says_so(hub: Network, asked: str) -> None:
    done, as_json = (ruta(hub.stack.state, "trace", asked, *more) for more in ((), ("--json",)))

    assert (done.returncode, as_json.returncode, as_json.stdout) == (1, 1, "")
    assert done.stdout.startswith("Nothing is known of it in the log.")
    assert "Nothing is known of it in the log." in as_json.stderr


def test_what_passes_is_followed_until_it_is_interrupted(hub: Network, offered: contracts.Message[Any]) -> None:
    told(hub, offered.id, "applied")
    last = ruta(hub.stack.state, "events", "tail", "--once")
    as_json = ruta(hub.stack.state, "events", "tail", "--once", "--json")
    assert (last.returncode, as_json.returncode) == (0, 0)
    assert f" iom {offered.type} {offered.id}" in last.stdout
    assert str(offered.id) in [json.loads(line)["id"] for line in as_json.stdout.splitlines()]

    environment = os.environ | {"RUTA_STATE": str(hub.stack.state.directory), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-P", "-m", "deploy.local", "events", "tail"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as following:
        assert following.stdout is not None
        assert following.stderr is not None
        assert any(str(offered.id) in line for line in following.stdout)
        service_id = uuid7()
        new = say(hub, service_published(service_id=service_id), str(service_id))
        assert any(str(new.id) in line for line in following.stdout)
        os.killpg(following.pid, signal.SIGINT)
        assert following.wait(timeout=30) == 128 + signal.SIGINT
        assert "Traceback" not in following.stderr.read()


@pytest.mark.parametrize(
    "asked", [("events", "tail"), ("trace", str(UNKNOWN)), ("trace", contracts.short_code(UNKNOWN), "--json")]
)
def test_without_the_log_it_says_what_is_not_seen_and_what_is(hub: Network, asked: tuple[str, ...]) -> None:
    with shut(hub, MONITOR):
        done = ruta(hub.stack.state, *asked)

    assert (done.returncode, done.stdout) == (2, "")
    assert "what passed the hub, and what became of it, is not seen here" in done.stderr
    assert "`./ruta status` shows what waits in queues" in done.stderr
    assert hub.stack.state.password(f"postgres {MONITOR}") not in done.stderr
