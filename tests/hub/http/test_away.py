"""The feed while its database lets nobody in, and after."""

import contextlib
from collections.abc import Iterator
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from tests.hub.http.entrance import Entrance
from tests.messaging.harness import wait_until


@contextlib.contextmanager
def away(entrance: Entrance) -> Iterator[None]:
    """While it is open, the database of the gateway has no session, and takes none."""
    url = urlsplit(entrance.database_url)
    name, other = url.path[1:], url._replace(path="/postgres").geturl()
    allows = sql.SQL("alter database {} with allow_connections {}")
    with psycopg.connect(other, autocommit=True) as connection:
        connection.execute(allows.format(sql.Identifier(name), False))
        try:
            connection.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", (name,))
            yield
        finally:
            connection.execute(allows.format(sql.Identifier(name), True))


def test_without_its_database_the_feed_says_so_and_goes_on_when_it_is_back(alone: Entrance) -> None:
    alone.process().start()
    client = alone.client()
    assert client.ask("GET", "/v1/inbox").status == 200

    with away(alone):
        for method, path, body in (("GET", "/v1/inbox", None), ("POST", "/v1/inbox/acknowledge", b'{"through": "0"}')):
            answered = client.ask(method, path, body, {"content-type": "application/json"})
            assert (answered.status, answered.code) == (503, "database_away")
            assert int(answered.headers["retry-after"]) >= 1

    wait_until(lambda: client.ask("GET", "/v1/inbox").status == 200)
