"""What counts as one address, how many connections it may have, and who makes room: without any connection."""

import pytest

from hub.gateway.http.connection_limits import OF_AN_ADDRESS, Limits
from hub.gateway.http.listening import Unusable, read_address
from hub.gateway.http.places import Places, network_of
from hub.gateway.http.protocol_errors import TOO_MANY_CONNECTIONS, TOO_MANY_OF_ADDRESS, ProtocolError


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
    ],
)
def test_of_ipv6_the_network_of_a_line_is_one_address(one: str, other: str, same: bool) -> None:
    assert (network_of(one) == network_of(other)) is same


@pytest.mark.parametrize(
    ("listens", "said", "most"),
    [
        ("192.0.2.1:443", None, 64),
        ("0.0.0.0:443", None, 64),
        ("192.0.2.1:443", "7", 7),
        ("127.0.0.1:8080", None, None),
        ("[::1]:8080", "", None),
        ("127.0.0.1:8080", "64", 64),
        ("192.0.2.1:443", "5000", 5000),
    ],
)
def test_on_loopback_an_address_may_have_all_unless_the_operator_says_otherwise(
    listens: str, said: str | None, most: int | None
) -> None:
    environment = {} if said is None else {OF_AN_ADDRESS: said}

    assert Limits().of_operator(environment, read_address(listens)).connections_of_an_address == most


@pytest.mark.parametrize("said", ["0", "-1", "many", "1.5", " 7", "٣"])
def test_what_is_no_number_is_said_in_a_sentence(said: str) -> None:
    with pytest.raises(Unusable, match=f"{OF_AN_ADDRESS} is not a whole number"):
        Limits().of_operator({OF_AN_ADDRESS: said}, read_address("127.0.0.1:8080"))


def test_places_are_given_out_as_often_as_they_are_freed() -> None:
    refused: list[ProtocolError] = []
    places = Places(Limits(connections=3, connections_of_an_address=2, refused_connections=1), refused.append)
    a, b = places.take("192.0.2.1"), places.take("192.0.2.1")
    assert a is not None
    assert b is not None
    for one in (a, b):
        one.known("an-organisation")

    told = places.take("192.0.2.1")
    assert told is not None
    assert told.refused is TOO_MANY_OF_ADDRESS
    assert places.take("192.0.2.1") is None  # one that is told is enough
    told.leave()
    a.leave()
    a.leave()  # as when it was cut and then ended
    c, d = places.take("192.0.2.1"), places.take("192.0.2.9")
    assert c is not None
    assert d is not None
    assert (c.refused, d.refused) == (None, None)
    cut: list[str] = []
    c.cut, d.cut = (lambda: cut.append("c")), (lambda: cut.append("d"))
    d.known("an-organisation")
    assert places.take("192.0.2.7") is not None
    assert cut == ["c"]
    assert refused == [TOO_MANY_OF_ADDRESS, TOO_MANY_OF_ADDRESS, TOO_MANY_CONNECTIONS]


def test_who_has_not_got_all_of_an_answer_yet_makes_no_room() -> None:
    refused: list[ProtocolError] = []
    places = Places(Limits(connections=1, connections_of_an_address=None), refused.append)
    reading = places.take("192.0.2.1")
    assert reading is not None
    reading.known("an-organisation")
    reading.is_sent = lambda: False
    reading.rests()
    told = places.take("192.0.2.2")
    assert told is not None
    assert told.refused is TOO_MANY_CONNECTIONS
    told.leave()
    reading.is_sent = lambda: True
    taken = places.take("192.0.2.2")
    assert taken is not None
    assert taken.refused is None
