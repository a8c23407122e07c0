"""How many connections there may be, over real sockets: of all, of an address, and of who never says who it is."""

import contextlib
import socket
import ssl
from collections.abc import Callable
from typing import Any

import pytest

from hub.gateway.http.connection_limits import Limits
from tests.hub.http.callers import (
    ANOTHER,
    COUNTED,
    CUT_WITHIN,
    END,
    FEW,
    GET,
    HOST,
    Caller,
    Open,
    established,
    is_answered,
)
from tests.hub.http.serving import Answer, answers
from tests.waiting import eventually


def problem(answer: Answer | None) -> tuple[int, str]:
    assert answer is not None
    assert answer.headers["connection"] == "close"
    return answer.status, answer.json.get("code")


# -- strangers ---------------------------------------------------------------------------------------------------------


def test_connections_that_say_nothing_keep_nobody_out(opened: Open) -> None:
    with opened() as caller:
        for _ in range(40):
            caller.silent()

        assert caller.is_served()
        eventually(lambda: established(caller) <= FEW["connections"], within=CUT_WITHIN)


@pytest.mark.parametrize("begun", [GET, b"POST /count HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\nhe", GET + END])
def test_nor_do_those_on_which_anything_was_said_but_who_it_is(opened: Open, begun: bytes) -> None:
    with opened() as caller:
        for _ in range(20):
            caller.connect().sendall(begun)

        assert caller.is_served()


def test_who_is_known_makes_room_for_no_stranger(opened: Open) -> None:
    with opened() as caller:
        kept = [caller.known() for _ in range(6)]
        for _ in range(40):
            caller.silent()
        assert caller.is_served()

        for connection in kept:
            connection.sendall(GET + END)
            assert is_answered(connection)


def test_where_on_all_something_is_under_way_others_are_told_to_come_later(opened: Open) -> None:
    with opened() as caller:
        kept = [caller.busy() for _ in range(12)]

        assert problem(caller.told()) == (503, "too_many_connections")
        for connection in kept:
            connection.close()
        eventually(caller.is_served)


def test_who_keeps_most_connections_for_nothing_makes_room_for_the_others(opened: Open) -> None:
    with opened() as caller:
        few = [caller.known(b"few") for _ in range(2)]
        for _ in range(10):
            caller.known(b"many")
        few += [caller.known(b"more") for _ in range(4)]

        assert caller.is_served()
        for connection in few:
            connection.sendall(GET + END)
            assert is_answered(connection)


@pytest.mark.parametrize("opened", ["plain"], indirect=True)
@pytest.mark.parametrize(
    ("fault", "attack"),
    [
        ("nobody makes room", test_connections_that_say_nothing_keep_nobody_out),
        ("who is known stays a stranger", test_who_is_known_makes_room_for_no_stranger),
        ("who is known stays a stranger", test_where_on_all_something_is_under_way_others_are_told_to_come_later),
        ("who works makes room", test_where_on_all_something_is_under_way_others_are_told_to_come_later),
        ("who rests makes no room", test_who_keeps_most_connections_for_nothing_makes_room_for_the_others),
        ("who makes room is whoever came first", test_who_keeps_most_connections_for_nothing_makes_room_for_the_others),
    ],
)
def test_a_server_that_does_not_is_noticed(opened: Open, fault: str, attack: Callable[[Open], None]) -> None:
    def faulty(**limits: Any) -> contextlib.AbstractContextManager[Caller]:
        return opened(fault=fault, **limits)

    with pytest.raises((AssertionError, ConnectionError, ssl.SSLError)):
        attack(faulty)


def test_a_stranger_is_closed_sooner_than_who_is_known(opened: Open) -> None:
    with opened(stranger_idle=2.0, handshake_within=2.0) as caller:
        kept, silent, idle = caller.known(), caller.silent(), caller.connect()
        idle.sendall(GET + END)

        assert next(answers(idle)).status == 200
        for one in (silent, idle):
            with contextlib.suppress(ConnectionResetError):
                assert one.recv(1) == b""
        kept.sendall(GET + END)
        assert next(answers(kept)).status == 200


def test_a_stranger_has_5_seconds_and_who_is_known_30() -> None:
    limits = Limits()

    assert (limits.stranger_idle, limits.handshake_within, limits.idle) == (5, 5, 30)


# -- an address --------------------------------------------------------------------------------------------------------


def test_an_address_has_its_share_and_leaves_the_others_theirs(opened: Open) -> None:
    with opened(of_an_address=4) as caller:
        for _ in range(4):
            caller.busy()

        assert problem(caller.told()) == (429, "too_many_connections_of_address")
        assert caller.is_served(ANOTHER)
        (counted,) = [answer.json for answer in _ask(caller, COUNTED, ANOTHER)]
    assert counted["None too_many_connections_of_address"] >= 1


def test_strangers_of_an_address_keep_out_nobody_who_shares_it(opened: Open) -> None:
    with opened(of_an_address=4) as caller:
        others = [caller.silent(ANOTHER) for _ in range(4)]
        for _ in range(12):
            caller.silent()

        assert caller.is_served()
        eventually(lambda: established(caller) <= 8, within=CUT_WITHIN)
        assert all(_is_open(one) for one in others)


@pytest.mark.parametrize("opened", ["plain"], indirect=True)
@pytest.mark.parametrize(
    "fault", ["nothing is counted", "addresses are not told apart", "each connection has an address"]
)
def test_a_server_that_counts_addresses_wrongly_is_noticed(opened: Open, fault: str) -> None:
    def faulty(**limits: Any) -> contextlib.AbstractContextManager[Caller]:
        return opened(fault=fault, **limits)

    with pytest.raises(AssertionError):
        test_an_address_has_its_share_and_leaves_the_others_theirs(faulty)


def test_beyond_those_who_are_told_the_rest_is_cut(opened: Open) -> None:
    with opened(connections=1, linger=60) as caller:
        caller.busy()
        for _ in range(3):
            assert problem(caller.told()) == (503, "too_many_connections")

        assert caller.told() is None


def _ask(caller: Caller, asked: bytes, address: str) -> list[Answer]:
    connection = caller.connect(address)
    connection.sendall(asked)
    return list(answers(connection))


def _is_open(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(1) != b""
    except BlockingIOError:
        return True
