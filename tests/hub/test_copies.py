"""What comes to an organisation's systems beside where it goes: once to each address, by AMQP as by HTTP."""

import random
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from unittest.mock import Mock
from uuid import UUID

import psycopg
import pytest

import contracts
from contracts import uuid7
from deploy.local import Stack
from deploy.local.state import ROOT
from hub.gateway import amqp, handing, keeping, ledger
from messaging import database
from messaging.bridge import Arrival
from messaging.identity import address_to
from messaging.migrate import migrate
from messaging.topology import Organisation, System
from tests.hub.ledger import NOW, Tables, entry, make_database, refused, said, status
from tests.hub.network import from_whom, settled
from tests.hub.network import refused as refusal_of

CONSOLE: Final = System("iom", "console", (), (), copies=("referral.*",), amqp=False)
BOARD: Final = System("iom", "board", (), (), copies=("*",))
LISTS: Final = System("iom", "lists", ("attendance.settled",), ("attendance.*",))
IOM: Final = Organisation("iom", "OIM", (), systems=(CONSOLE, BOARD, LISTS))


@pytest.fixture(scope="module")
def url(stack: Stack) -> str:
    return make_database(stack)


@pytest.fixture
def tables(url: str) -> Tables:
    tables = Tables(url)
    tables.empty()
    return tables


def write(tables: Tables, *messages: contracts.Message, organisation: Organisation = IOM, commit: bool = True) -> None:
    batch = ledger.read([entry(one) for one in messages], {organisation.id: organisation})
    with database.connect(tables.url) as connection:
        ledger.write(connection, batch)
        connection.commit() if commit else connection.rollback()


def rows(tables: Tables) -> Counter[tuple[UUID, str, bool]]:
    return Counter((row["message_id"], row["address"], row["copy"]) for row in tables.inbox("iom"))


def answering(system: str, message: contracts.Message) -> contracts.Message:
    return message.model_copy(update={"recipientsystem": system})


def by_amqp(message: contracts.Message, organisation: Organisation = IOM) -> list[str]:
    """Every inbox that a message is published to, by each of the queues in which the hub has it for an organisation."""
    key = address_to(organisation.id, message)
    going = (
        amqp.deliver(Arrival(queue, key, 1, message.to_json(), {"message_id": str(message.id)}), {"iom": organisation})
        for queue in organisation.delivers
    )
    return [one.routing_key for one in going if one is not None]


def by_http(message: contracts.Message, organisation: Organisation = IOM) -> list[tuple[str, bool]]:
    batch = ledger.read([entry(message)], {"iom": organisation})
    return [(one.address, one.is_copy) for one in batch.deliveries.values()]


# -- where to ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "addresses"),
    [
        (status("iom"), ["iom", "iom.console", "iom.board"]),
        (said(settled(), to="iom"), ["iom.lists", "iom.board"]),
        (refused("not_yours", uuid7(), to="iom"), ["iom", "iom.board"]),
        # What answers a system that has copies comes to it, whatever it copies, and once.
        (answering("console", refused("not_yours", uuid7(), to="iom")), ["iom.console", "iom.board"]),
        (answering("board", refused("not_yours", uuid7(), to="iom")), ["iom.board"]),
        (answering("console", said(settled(), to="iom")), ["iom.console", "iom.board"]),
        (answering("lists", said(settled(), to="iom")), ["iom.lists", "iom.board"]),
        (answering("gone", said(settled(), to="iom")), ["iom.lists", "iom.board"]),
        (answering("console", status("iom")), ["iom", "iom.console", "iom.board"]),
    ],
)
def test_a_message_comes_to_its_address_and_beside_it_to_each_system_that_copies_it(
    message: contracts.Message, addresses: list[str]
) -> None:
    assert by_http(message) == [(one, place > 0) for place, one in enumerate(addresses)]
    assert by_amqp(message) == [one for one in addresses if one != "iom.console"]


def test_what_asks_for_no_copy_has_what_answers_it_only_where_that_is_for_whoever_asked() -> None:
    assert by_http(answering("lists", status("iom"))) == [("iom", False), ("iom.console", True), ("iom.board", True)]


def test_who_alone_reads_for_its_organisation_leaves_nothing_in_any_queue() -> None:
    reader = System("iom", "console", ("*",), (), amqp=False)
    alone = replace(IOM, systems=(reader,))
    for message in (status("iom"), said(settled(), to="iom"), refused("not_yours", uuid7(), to="iom")):
        assert (by_http(message, alone), by_amqp(message, alone)) == ([("iom.console", False)], [])


def test_what_cannot_be_read_is_no_copy() -> None:
    for key in ("to.iom.x.y.v1", "to.iom", "deliver.iom"):
        arrived = [Arrival(queue, key, 1, b"no JSON", None) for queue in IOM.delivers]
        assert [amqp.deliver(one, {"iom": IOM}) is None for one in arrived] == [False, True]
    gone = Arrival("deliver.iom.board", "to.iom.referral.status.v1", 1, b"", None)
    assert amqp.deliver(gone, {}) is None
    assert amqp.deliver(gone, {"iom": replace(IOM, systems=(LISTS,))}) is None


def test_a_copy_is_not_said_to_have_been_handed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    publisher = Mock(publish=Mock(return_value=set()))
    monkeypatch.setattr(handing, "Publisher", lambda _url: publisher)
    told = handing.Handing("", lambda: {"iom": IOM})
    body = from_whom(settled(), "americares", recipient="iom").body
    key = "to.iom.attendance.settled.v1"
    told.note([Arrival("deliver.iom.board", key, 1, body, None)])
    assert not publisher.publish.called
    told.note([Arrival("deliver.iom", key, 1, body, None)])
    assert publisher.publish.called


def any_systems(dice: random.Random) -> tuple[System, ...]:
    patterns = ("*", "referral.*", "message.refused", "attendance.settled", "nothing.else")

    def some() -> tuple[str, ...]:
        return tuple(dice.sample(patterns, dice.randint(0, 2)))

    return tuple(
        System("iom", f"s-{place}", some(), some(), copies=some(), amqp=dice.random() < 0.6)
        for place in range(dice.randint(0, 5))
    )


def any_message(dice: random.Random) -> contracts.Message:
    types = (None, "attendance.recorded.v1", "referral.accepted.v1")
    message = dice.choice(
        (
            lambda: status("iom"),
            lambda: said(settled(), to="iom"),
            lambda: said(refusal_of(dice.choice(types)), to="iom"),
        )
    )()
    return answering(f"s-{dice.randint(0, 6)}", message) if dice.random() < 0.5 else message


def wrong(message: contracts.Message, organisation: Organisation) -> list[str]:
    """What is wrong with where a message goes: nothing, where every address has it once, by either way the same."""
    http, amqp_ = by_http(message, organisation), by_amqp(message, organisation)
    without_queue = {one.address for one in organisation.systems if not one.amqp}
    addresses = [address for address, _ in http]
    faults = [f"twice to {one}" for one, times in Counter(addresses).items() if times > 1]
    faults += [f"twice to {one} by AMQP" for one, times in Counter(amqp_).items() if times > 1]
    if [is_copy for _, is_copy in http] != [place > 0 for place in range(len(http))]:
        faults.append("not one address and its copies")
    if set(amqp_) != set(addresses) - without_queue:
        faults.append(f"by AMQP {amqp_}, by HTTP {addresses}")
    return faults


@pytest.mark.parametrize("seed", range(300))
def test_every_address_has_a_message_once_and_by_amqp_those_that_have_a_queue(seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311 - it has to come again
    organisation = Organisation("iom", "OIM", (), systems=any_systems(dice))
    for _ in range(10):
        assert wrong(any_message(dice), organisation) == []


def test_a_copy_that_is_not_compared_with_the_address_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted faults: the addresses of one way, said twice, or of a system that has no queue."""
    message = answering("board", refused("not_yours", uuid7(), to="iom"))
    assert wrong(message, IOM) == []
    with monkeypatch.context() as patch:
        patch.setattr(ledger, "asked_by", lambda _: None)
        assert wrong(message, IOM) != []
    with monkeypatch.context() as patch:
        patch.setattr(Organisation, "by_http_alone", frozenset())
        assert wrong(answering("console", message), IOM) != []
    with monkeypatch.context() as patch:
        patch.setattr(amqp, "copies_for", lambda _: None)
        assert wrong(message, IOM) != []


# -- in the delivery table ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(20))
def test_each_address_has_one_row_of_it_however_often_it_comes(tables: Tables, seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311 - it has to come again
    messages = [any_copied(dice) for _ in range(dice.randint(1, 25))]
    at = 0
    while at < len(messages):
        size = dice.randint(1, 9)
        batch = messages[max(0, at - dice.choice((0, 0, 3))) : at + size]
        if dice.random() < 0.3:
            write(tables, *batch, commit=False)  # killed before the commit
        else:
            write(tables, *batch, *dice.sample(batch, dice.randint(0, len(batch))))
            at += size
    expected = Counter((one.id, address, is_copy) for one in messages for address, is_copy in by_http(one))
    assert rows(tables) == expected
    assert [row["number"] for row in tables.inbox("iom")] == list(range(1, len(list(expected.elements())) + 1))


def any_copied(dice: random.Random) -> contracts.Message:
    message = dice.choice((lambda: status("iom"), lambda: refused("not_yours", uuid7(), to="iom", by="intake")))()
    return answering(dice.choice(("console", "board", "lists")), message) if dice.random() < 0.5 else message


def test_a_message_goes_to_one_address_also_where_its_reader_has_changed_since(tables: Tables) -> None:
    message = status("iom")
    write(tables, message)
    reads = replace(IOM, systems=(replace(LISTS, reads=("*",)), replace(BOARD, name="wall")))
    write(tables, message, organisation=reads)
    assert rows(tables) == Counter(
        [
            (message.id, "iom", False),
            (message.id, "iom.console", True),
            (message.id, "iom.board", True),
            (message.id, "iom.wall", True),
        ]
    )


def test_a_refusal_of_the_gateways_own_is_counted_once(tables: Tables) -> None:
    write(tables, refused("not_allowed", uuid7(), to="iom"))
    assert len(tables.inbox("iom")) == 2
    assert [row["count"] for row in tables.query("select count from refusal_count")] == [1]


def test_an_erasure_empties_copies_as_well(tables: Tables) -> None:
    person_id = uuid7()
    message = said(replaced(settled(), person_id), to="iom")
    erased = said(contracts.PersonErased(person_id=person_id, erased_at=NOW))
    write(tables, message)
    write(tables, erased)
    assert [(row["address"], row["body"]) for row in tables.inbox("iom")] == [("iom.lists", None), ("iom.board", None)]


def replaced(data: Any, person_id: UUID) -> Any:
    return data.model_copy(update={"person_id": person_id})


def test_bodies_are_kept_unread_for_who_reads_them_here_and_for_nobody_else(tables: Tables) -> None:
    """The organisation reads by AMQP, and so does its board; its console reads its copies by HTTP."""
    write(tables, *(status("iom") for _ in range(3)))
    tables.query("insert into system_reader (address) values ('iom.console')")
    tables.query("update delivery set delivered_at = clock_timestamp() - interval '31 days' where number <= 6")
    keep(tables)
    left = Counter(row["address"] for row in tables.inbox("iom") if row["body"] is not None)
    assert left == {"iom": 1, "iom.console": 3, "iom.board": 1}
    tables.query("insert into http_reader (organisation) values ('iom')")
    tables.query("update delivery set delivered_at = clock_timestamp() - interval '31 days'")
    keep(tables)
    left = Counter(row["address"] for row in tables.inbox("iom") if row["body"] is not None)
    assert left == {"iom": 1, "iom.console": 3}  # its own key reads no copies


def keep(tables: Tables) -> None:
    with database.connect(tables.url) as connection:
        while keeping.keep(connection, "bodies of who never read here", {}):
            pass


# -- networks of before ------------------------------------------------------------------------------------------------


@pytest.fixture
def before(stack: Stack, tmp_path: Path) -> Iterator[str]:
    """A database of the gateway from before there were copies, with what it has for somebody."""
    folder = tmp_path / "gateway"
    (folder / "migrations").mkdir(parents=True)
    for file in (ROOT / "hub" / "gateway" / "migrations").glob("*.sql"):
        if file.name < "0011":
            shutil.copy2(file, folder / "migrations")
    stack.drop_database("gateway_before")
    url = stack.create_database("gateway_before")
    migrate(url, folder)
    yield url
    stack.drop_database("gateway_before")


def test_what_was_delivered_before_stays_where_it_was_and_comes_no_second_time(before: str) -> None:
    message = status("iom")
    with psycopg.connect(before) as connection:
        connection.execute(
            "insert into delivery (organisation, number, address, message_id, type, subject, body) "
            "values ('iom', 1, 'iom', %s, %s, %s, %s)",
            (message.id, message.type, message.subject, message.to_json().decode()),
        )
        connection.execute("insert into inbox_end values ('iom', 1)")
        connection.execute("insert into http_reader (organisation) values ('iom')")
    migrate(before, ROOT / "hub" / "gateway")
    tables = Tables(before)
    write(tables, message, organisation=replace(IOM, systems=()))
    assert rows(tables) == Counter([(message.id, "iom", False)])
    (row,) = tables.query("select read_by_http(organisation, address, copy) as is_read from delivery")
    assert row["is_read"]
