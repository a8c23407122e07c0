"""The console's pages have operators' logins of all databases, which let them in, and nobody else has them."""

import json

import psycopg
import pytest

from deploy.local import Stack
from deploy.local.processes import hub_programs
from hub.console.web import settings
from messaging import topology
from messaging.topology import CONSOLE, CONSOLE_WEB, GATEWAY, MONITOR


def test_the_pages_alone_have_the_logins_of_operators(provisioned: Stack) -> None:
    declared = topology.read()
    has = {one.name: one.environment["CONSOLE_OPERATORS"] for one in hub_programs(provisioned, declared)
           if "CONSOLE_OPERATORS" in one.environment}  # fmt: skip
    assert has.keys() == {CONSOLE_WEB}
    logins = json.loads(has[CONSOLE_WEB])
    assert logins.keys() == {*declared.services, GATEWAY, CONSOLE, MONITOR}
    for service, url in logins.items():
        with psycopg.connect(url) as connection:
            assert connection.execute("select current_user").fetchone() == (f"{service}_operator",)


@pytest.mark.parametrize("said", ["postgresql://a:secret@host/b", '["secret"]', '{"referrals": 1, "x": "secret"}', "{"])
def test_what_is_no_list_of_logins_is_said_without_quoting_it(said: str) -> None:
    with pytest.raises(ValueError, match="CONSOLE_OPERATORS") as raised:
        settings._operators(said)
    assert "secret" not in str(raised.value)


def test_without_the_setting_there_are_none() -> None:
    assert settings._operators("") == {}
