"""What keys of systems open, and how many connections with good keys are served at once."""

import http.client

from tests.hub.http.entrance import Client, Entrance, api_key
from tests.messaging.harness import WITHIN, service_published, wait_until

MANY = 300  # connections at once; a thousand were tried once, by hand


def known(client: Client) -> str:
    """What a client is answered to nothing once its key is known, which is within a second."""
    found: str = wait_until(lambda: (code := client.post(b"{}").code) != "key_unknown" and code)
    return found


# -- who may ----------------------------------------------------------------------------------------------------------


def test_a_key_of_a_system_that_is_not_declared_opens_nothing(entrance: Entrance) -> None:
    key = api_key("redcross", "undeclared")
    entrance.add_key(key, "redcross", "nothing-of-this-name")
    client = entrance.client(key=key)

    assert known(client) == "not_allowed"
    for method, path in (("POST", "/v1/messages"), ("GET", "/v1/inbox"), ("POST", "/v1/inbox/acknowledge")):
        answered = client.ask(method, path, b"{}" if method == "POST" else None)
        assert (answered.status, answered.code, answered.json["where"]) == (403, "not_allowed", "Authorization")


def test_a_key_of_a_system_submits_whatever_its_organisation_may(entrance: Entrance) -> None:
    key = api_key("redcross", "attendance")
    entrance.add_key(key, "redcross", "attendance")
    client = entrance.client(key=key)
    assert known(client) == "not_cloudevents"

    assert client.post(service_published()).status == 202  # which `sends` of that system does not name


# -- many at once -----------------------------------------------------------------------------------------------------


def test_so_many_connections_with_good_keys_are_all_served_and_kept(entrance: Entrance) -> None:
    connections = [http.client.HTTPConnection("127.0.0.1", entrance.port, timeout=WITHIN) for _ in range(MANY)]
    keys = list(entrance.keys.values())
    try:
        for _ in range(2):  # all are there, and then all still are
            for number, connection in enumerate(connections):
                headers = {"Authorization": f"Bearer {keys[number % len(keys)]}"}
                connection.request("POST", "/v1/messages", b"{}", headers)
            answers = [connection.getresponse() for connection in connections]
            assert {(one.status, bool(one.read())) for one in answers} == {(415, True)}
    finally:
        for connection in connections:
            connection.close()
