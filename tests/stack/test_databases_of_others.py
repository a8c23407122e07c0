"""Each database is its owner's alone: what the console, a service or an operator is handed opens no other."""

from collections.abc import Iterable, Mapping

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from deploy.local import Stack
from messaging.topology import CONSOLE, GATEWAY, MONITOR, DeclaredNetwork

MAY_MORE = "select rolsuper or rolcreatedb or rolcreaterole or rolreplication or rolbypassrls from pg_roles"
MEMBER_OF = "select roleid::regrole::text from pg_auth_members where member = current_user::regrole"


@pytest.fixture(scope="module")
def owned(provisioned: Stack, declared: DeclaredNetwork) -> Mapping[str, str]:
    """Every database of the network, as its owner's."""
    return {name: provisioned.service_database_url(name) for name in (*declared.services, GATEWAY, CONSOLE, MONITOR)}


@pytest.fixture(scope="module")
def logins(provisioned: Stack, owned: Mapping[str, str]) -> Mapping[str, tuple[str, str]]:
    """Whatever anybody of the hub is handed, and whose database it is for."""
    found = {name: (name, url) for name, url in owned.items()}
    found |= {f"operator of {name}": (name, provisioned.operator_database_url(name)) for name in owned}
    return found | {"who shows the log": (MONITOR, provisioned.log_reader_database_url(MONITOR))}


def refused(url: str, names: Iterable[str]) -> None:
    """See that a login is let into none of these."""
    for name in names:
        with pytest.raises(psycopg.OperationalError, match=f'permission denied for database "{name}"'):
            psycopg.connect(make_conninfo(url, dbname=name)).close()


def test_each_opens_its_own_and_no_other(owned: Mapping[str, str], logins: Mapping[str, tuple[str, str]]) -> None:
    assert CONSOLE in logins
    for own, url in logins.values():
        with psycopg.connect(url) as connection:
            assert connection.execute("select current_database()").fetchone() == (own,)
        refused(url, owned.keys() - {own})


def test_none_is_or_becomes_another(owned: Mapping[str, str], logins: Mapping[str, tuple[str, str]]) -> None:
    """Nor may any make a database or a role, or read past what is granted."""
    for who, (_, url) in logins.items():
        with psycopg.connect(url) as connection:
            assert connection.execute(f"{MAY_MORE} where rolname = current_user").fetchone() == (False,), who
            assert connection.execute(MEMBER_OF).fetchall() == [], who


def test_a_database_that_is_open_to_everybody_is_found(provisioned: Stack, owned: Mapping[str, str]) -> None:
    with provisioned.connect_as_administrator() as server:
        server.execute("grant connect on database gateway to public")
        try:
            with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
                refused(owned[CONSOLE], [GATEWAY])
        finally:
            server.execute("revoke all on database gateway from public")
