"""What is limited by key and what by organisation, and that keys are read whatever else a process does."""

import contextlib
import json
import threading
from collections.abc import Iterator

import psycopg

from tests.hub.http.entrance import Entrance, api_key
from tests.messaging.harness import WITHIN, service_published, wait_until

OTHER = api_key("redcross", "other")

# -- what is limited by what ------------------------------------------------------------------------------------------


def test_each_key_has_its_own_rate(alone: Entrance) -> None:
    alone.add_key(OTHER, "redcross")
    alone.process(RUTA_HTTP_RATE="1", RUTA_HTTP_BURST="2").start()
    first, second = alone.client("redcross"), alone.client(key=OTHER)

    wait_until(lambda: first.post(b"{}").code == "rate")
    assert second.post(b"{}").code == "not_cloudevents"


def test_all_keys_of_an_organisation_have_one_backlog(alone: Entrance) -> None:
    alone.add_key(OTHER, "redcross")
    alone.process(RUTA_HTTP_BACKLOG_MESSAGES="3").start()
    first, second, neighbour = alone.client("redcross"), alone.client(key=OTHER), alone.client("iom")

    for number in range(3):
        assert first.post(service_published(str(number))).status == 202
    assert second.post(service_published("one more")).code == "backlog"
    assert neighbour.post(b"{}").code == "not_cloudevents"


# -- that they are read -----------------------------------------------------------------------------------------------


@contextlib.contextmanager
def table_held(entrance: Entrance) -> Iterator[None]:
    """While it is open, whoever reads an inbox stands."""
    with psycopg.connect(entrance.database_url) as connection:
        connection.execute("lock table delivery in access exclusive mode")
        yield


def test_pages_that_stand_keep_nobodys_key_from_being_read(alone: Entrance) -> None:
    # A quick machine asks more often, until the newcomer is known, than one key may.
    as_often_as_it_likes = {"RUTA_HTTP_RATE": str(10**9), "RUTA_HTTP_BURST": str(10**9)}
    one_connection = {"CONSTANTS": json.dumps({"hub.gateway.http.app.POOL": 1})}
    alone.process(tampered=one_connection, **as_often_as_it_likes).start()
    sender, stop = alone.client("redcross"), threading.Event()
    assert sender.post(b"{}").status == 400

    def read() -> None:
        reader = alone.client("iom")
        while not stop.is_set():
            reader.ask("GET", "/v1/inbox")

    with table_held(alone):
        reading = threading.Thread(target=read)
        reading.start()
        try:
            wait_until(lambda: _stands(alone))
            alone.add_key(OTHER, "redcross")
            newcomer = alone.client(key=OTHER)
            while (said := newcomer.post(b"{}").status) == 401:  # until its key is known
                assert sender.post(b"{}").status == 400
        finally:
            stop.set()
    reading.join(WITHIN)

    assert said == 400


def _stands(entrance: Entrance) -> bool:
    return bool(entrance.query("select pid from pg_locks where not granted"))
