"""What the entrance by HTTP refuses is in the message log: so many one by one, the others counted, and no body."""

import contextlib
import hashlib
import json
import signal
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from contracts import uuid7
from deploy.local import Stack
from hub.gateway import keeping
from hub.gateway.http.refusals import ONE_BY_ONE, Refusals
from hub.monitor.log import keeping as days
from hub.monitor.log import organisations, reading, refused, stories
from hub.monitor.log.reading import Search
from messaging import database, topology
from tests.hub.http.entrance import DATABASE, PATH, Entrance
from tests.hub.ledger import status
from tests.hub.monitor.logging import make_log
from tests.messaging.harness import Process, service_published, wait_until

FLOOD, AT_ONCE = 10_000, 100
WORD = "Canario-Yurleidis"
AT = datetime(2026, 3, 2, 9, 0, 30, tzinfo=UTC)
# The process, which kills itself before or after the second time that it commits what was refused.
DIES = """
import json, os, signal, sys
from hub.monitor.log import __main__ as process, refused

before, write, commit, calls = os.environ.get("DIES"), refused.write, process.commit, 0

def writes(*args):
    global calls
    calls += 1
    write(*args)

def commits(connection):
    if calls == 2 and before == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    commit(connection)
    if calls == 2 and before == "after":
        os.kill(os.getpid(), signal.SIGKILL)

refused.write, process.commit = writes, commits
sys.exit(process.main())
"""


class Logging:
    """The log's process, and its database."""

    def __init__(self, stack: Stack, directory: Path) -> None:
        self.log = make_log(stack)
        self.reader = stack.provide_refusals_reader(DATABASE)
        self._directory = directory
        self._environment = {
            "MONITOR_DATABASE_URL": self.log.url,
            "MONITOR_HUB_AMQP_URL": stack.amqp_url(topology.MONITOR, topology.HUB),
            "MONITOR_GATEWAY_DATABASE_URL": self.reader,
        }

    def start(self, dies: str = "") -> Process:
        """It reads and writes from now on."""
        command = [sys.executable, "-P", "-c", DIES]
        file = self._directory / f"{time.monotonic_ns()}.log"
        return Process(command, self._environment | {"DIES": dies}, file).launch()

    def refused_to(self, organisation: str) -> tuple[int, int]:
        """How many are there one by one, and how many are counted besides."""
        (row,) = self.log.query(
            "select (select count(*) from message where kind = 'refused' and organisation = %s) as singly,"
            " (select coalesce(sum(count), 0) from refused_beyond where organisation = %s)::int as beyond",
            organisation, organisation,
        )  # fmt: skip
        return row["singly"], row["beyond"]

    def found(self, search: Search) -> list[reading.Entry]:
        with database.connect(self.log.url) as connection:
            return [one for one in reading.find(connection, search).entries if one.kind == "refused"]


@pytest.fixture(scope="module")
def logged(entrance: Entrance, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Logging]:
    logging = Logging(entrance.probe.stack, tmp_path_factory.mktemp("logged"))
    yield logging
    logging.log.close()


@pytest.fixture
def empty(entrance: Entrance, logged: Logging) -> Logging:
    """A log with nothing in it, of an entrance that has refused nothing."""

    def last_is_written() -> bool:
        last = service_published()  # what was refused before is written with it, or was
        assert entrance.client("americares").post(last).code == "forged_sender"
        with contextlib.suppress(AssertionError):  # of a minute in which much was refused it is not written singly
            wait_until(lambda: entrance.query("select 1 from refused where message_id = %s", [last.id]), within=10)
            return True
        return False

    wait_until(last_is_written)
    entrance.query("truncate refused")
    logged.log.empty()
    return logged


@pytest.fixture
def running(empty: Logging) -> Iterator[Logging]:
    """The same, and its process."""
    process = empty.start()
    yield empty
    process.stop()


def sha256_of(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def forged(source: str = "redcross") -> bytes:
    return service_published(source=source).to_json()


# -- found in the log --------------------------------------------------------------------------------------------------


def test_what_was_refused_is_found_by_id_organisation_code_and_time(running: Logging, entrance: Entrance) -> None:
    iom, message, began = entrance.client("iom"), service_published(), datetime.now(UTC)
    assert iom.post(message).code == "forged_sender"

    (one,) = wait_until(lambda: running.found(Search(id=message.id)))

    assert (one.source, one.organisation, one.type, one.size) == ("iom", "iom", message.type, len(message.to_json()))
    assert one.digest == sha256_of(message.to_json())
    assert [(said.service, said.state, said.code) for said in one.now] == [("gateway", "refused", "forged_sender")]
    assert (one.subject, one.routing_key) == (None, None)
    for search in (
        Search(organisation="iom"),
        Search(organisation="iom", code="forged_sender"),
        Search(code="forged_sender", since=began - timedelta(seconds=1)),
        Search(organisation="iom", type=message.type),
    ):
        assert [found.id for found in running.found(search)] == [message.id]
    assert running.found(Search(organisation="americares")) == []
    with database.connect(running.log.url) as connection:
        told = stories.story(connection, message.id)
        assert told is not None
        assert (told.count, told.failed) == (1, 1)


def test_what_cannot_be_read_is_found_without_an_id(running: Logging, entrance: Entrance) -> None:
    iom = entrance.client("iom")
    assert iom.post(b"{").code == "not_json"

    (one,) = wait_until(lambda: running.found(Search(organisation="iom")))

    assert (one.type, one.size, one.digest) == (None, 1, sha256_of(b"{"))
    assert running.found(Search(code="not_json")) == [one]


def test_each_of_a_batch_and_an_id_used_again(running: Logging, entrance: Entrance) -> None:
    redcross, taken = entrance.client("redcross"), service_published()
    again = service_published(message_id=taken.id)
    refusals = [service_published(source="iom"), service_published(source="americares")]
    assert redcross.post(taken).status == 202
    answered = redcross.post_batch([service_published().to_json(), *(one.to_json() for one in (*refusals, again))])
    assert [one["result"] for one in answered.json["messages"]] == [202, 403, 403, 409]

    wait_until(lambda: running.refused_to("redcross") == (3, 0))

    for message, code in ((refusals[0], "forged_sender"), (refusals[1], "forged_sender"), (again, "id_reused")):
        (one,) = running.found(Search(id=message.id))
        assert [said.code for said in one.now] == [code]
        assert (one.size, one.digest) == (len(message.to_json()), sha256_of(message.to_json()))
    entrance.empty()


def test_what_may_be_said_again_as_it_is_and_what_is_no_message_is_not_logged(
    running: Logging, entrance: Entrance
) -> None:
    iom = entrance.client("iom")
    assert entrance.client(None).post(forged()).status == 401
    assert iom.ask("GET", "/v1/nothing").status == 404
    assert iom.ask("GET", "/v1/messages/none").status >= 400
    assert iom.ask("DELETE", "/v1/messages").status == 405
    assert iom.post(b"x" * 300_000).code == "too_large"  # before anybody knows whose it is
    assert iom.ask("POST", PATH, forged(), {"content-type": "text/plain"}).code == "content_type"  # before it is read

    (one,) = wait_until(lambda: running.found(Search(organisation="iom")))

    assert [(said.code, one.size) for said in one.now] == [("content_type", None)]
    assert len(running.log.query("select 1 from message where kind = 'refused'")) == 1


def test_the_same_message_refused_again_is_counted(running: Logging, entrance: Entrance) -> None:
    iom, message = entrance.client("iom"), service_published()
    for _ in range(5):
        assert iom.post(message).code == "forged_sender"

    wait_until(lambda: running.refused_to("iom") == (1, 4))

    with database.connect(running.log.url) as connection:
        counted = organisations.refused_by_code(connection, datetime.now(UTC) - timedelta(days=1), ["forged_sender"])
    assert [(one.organisation, one.code, one.count) for one in counted] == [("iom", "forged_sender", 5)]


# -- floods, and a log that is away ------------------------------------------------------------------------------------


def test_a_flood_costs_the_log_little_and_is_counted_to_the_last(empty: Logging, entrance: Entrance) -> None:
    """Nobody logs meanwhile, which keeps no refusal waiting."""
    iom, americares = entrance.client("iom"), entrance.client("americares")
    began = datetime.now(UTC)
    for place in range(FLOOD // AT_ONCE):
        answered = iom.post_batch([forged() for _ in range(AT_ONCE)])
        assert {one["result"] for one in answered.json["messages"]} == {403}
        if place % 20 == 0:
            assert americares.post(forged()).code == "forged_sender"
    minutes = int((datetime.now(UTC) - began).total_seconds()) // 60 + 2  # that were begun

    assert empty.refused_to("iom") == (0, 0)
    wait_until(lambda: entrance.query("select sum(coalesce(beyond, 1)) as all from refused")[0]["all"] == FLOOD + 5)
    assert len(entrance.query("select 1 from refused")) < 200  # what is beyond, each second
    process = empty.start()
    try:
        wait_until(lambda: sum(empty.refused_to("iom")) == FLOOD and sum(empty.refused_to("americares")) == 5)
    finally:
        process.stop()
    singly, beyond = empty.refused_to("iom")
    assert 0 < singly <= ONE_BY_ONE * minutes
    assert len(empty.log.query("select 1 from refused_beyond where organisation = 'iom'")) <= minutes
    assert (singly + beyond, empty.refused_to("americares")) == (FLOOD, (5, 0))


@pytest.mark.parametrize("dies", ["before", "after"])
def test_killed_while_it_writes_it_counts_each_once(empty: Logging, entrance: Entrance, dies: str) -> None:
    many = refused.ROWS + 100
    entrance.query(
        "insert into refused (at, organisation, code, message_id, size) "
        "select now(), 'iom', 'not_json', gen_random_uuid(), 7 from generate_series(1, %s)", [many]
    )  # fmt: skip
    entrance.query("insert into refused (at, organisation, code, beyond) values (now(), 'iom', 'not_json', 33)")
    assert empty.start(dies).exit_code() == -signal.SIGKILL

    survivor = empty.start()
    try:
        wait_until(lambda: sum(empty.refused_to("iom")) >= many + 33)
        entrance.query(
            "insert into refused (at, organisation, code, beyond) values (now(), 'americares', 'not_json', 1)"
        )
        wait_until(lambda: empty.refused_to("americares") == (0, 1))  # it has looked again
    finally:
        survivor.stop()

    assert empty.refused_to("iom") == (many, 33)
    (row,) = empty.log.query("select count(*) as all, count(distinct message_id) as ids from outcome")
    assert (row["all"], row["ids"]) == (many, many)


def test_what_the_database_does_not_take_is_kept_and_written_later(empty: Logging, entrance: Entrance) -> None:
    refusals = Refusals()
    for _ in range(ONE_BY_ONE + 10):
        refusals.log("iom", "crm", "not_json", AT, b"{")
    for place in range(ONE_BY_ONE):
        refusals.log("redcross", None, "not_json", AT + timedelta(seconds=place), None)
    refusals.log("iom", None, "not_json", AT + timedelta(minutes=1), b"{")
    refusals.note("iom", "not_json", AT)
    with database.connect(entrance.database_url) as connection:
        connection.execute("set transaction read only")
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            refusals.write(connection)
        connection.rollback()
        refusals.log("iom", None, "not_json", AT, b"{")  # its clock was set back
        refusals.write(connection)
        refusals.write(connection)

    rows = entrance.query("select organisation, beyond, count(*) as rows, max(size) as size from refused group by 1, 2")
    assert {(row["organisation"], row["beyond"]): (row["rows"], row["size"]) for row in rows} == {
        ("iom", None): (ONE_BY_ONE + 2, 1), ("iom", 10): (1, None), ("redcross", None): (ONE_BY_ONE, None)
    }  # fmt: skip
    assert entrance.query("select distinct system from refused where system is not null") == [{"system": "crm"}]


def test_what_comes_after_the_database_was_restored_has_numbers_behind_all_that_was_read(
    empty: Logging, entrance: Entrance
) -> None:
    refusals = Refusals()

    def numbers() -> list[int]:
        refusals.log("iom", None, "not_json", datetime.now(UTC), b"{")
        refusals.log("iom", None, "not_json", datetime.now(UTC), b"[")
        with database.connect(entrance.database_url) as connection:
            refusals.write(connection)
        return [row["number"] for row in entrance.query("select number from refused order by number")]

    first = numbers()
    assert first == sorted(set(first))
    entrance.query("delete from refused")
    entrance.query("select setval(pg_get_serial_sequence('refused', 'number'), 1)")  # as a copy from before has it

    assert min(numbers()) > max(first)


def test_it_is_kept_for_the_log_for_two_days(empty: Logging, entrance: Entrance) -> None:
    insert = "insert into refused (at, organisation, code) values (now() - %s::interval, 'iom', 'not_json')"
    for age in ("49 hours", "47 hours"):
        entrance.query(insert, [age])
    with database.connect(entrance.database_url) as connection:
        assert not keeping.keep(connection, "refused", {})
    assert len(entrance.query("select 1 from refused where at > now() - interval '2 days'")) == 1
    assert len(entrance.query("select 1 from refused")) == 1


def test_a_database_that_was_put_back_is_read_on(empty: Logging, entrance: Entrance) -> None:
    entrance.query("insert into refused (at, organisation, code) values (now(), 'iom', 'not_json')")
    looks = refused.Reading(empty.reader)
    with database.connect(empty.reader) as connection:
        looks.begin(2**62)
        looks.look(connection)
        assert looks.there() == []
        entrance.query("insert into refused (at, organisation, code) values (now(), 'iom', 'nul_character')")
        looks.look(connection)
        assert [row["code"] for row in looks.there()] == ["nul_character"]
        looks.look(connection)
        assert len(looks.there()) == 1


# -- what nobody is to see ---------------------------------------------------------------------------------------------


def test_no_word_of_a_refused_message_is_anywhere(running: Logging, entrance: Entrance) -> None:
    client = entrance.client("iom")
    document = json.loads(forged())
    said: list[dict[str, Any]] = [
        {**document, "type": WORD}, {**document, "id": WORD}, {**document, WORD: WORD}, {**document, "system": WORD},
        {**document, "subject": WORD}, {**document, "data": {WORD: WORD}}, {**document, "source": WORD},
        {**document, "data": {**document["data"], "name": WORD}}, {**document, "type": [WORD]},
    ]  # fmt: skip
    for one in said:
        assert client.post(json.dumps(one).encode()).status >= 400
    client.post(WORD.encode())
    client.post_batch([WORD.encode()])
    client.post_batch([json.dumps(one).encode() for one in said])
    client.post(forged(), idempotency_key=f"{WORD} ")
    client.post(forged(), ce_subject=f"{WORD}%")
    client.ask("POST", f"/v1/messages?{WORD}={WORD}", forged(), {"content-type": WORD})

    wait_until(lambda: sum(running.refused_to("iom")) == 2 * len(said) + 5)

    everything = running.log.everything() + str(entrance.query("select * from refused"))
    everything += "".join(process.log() for process in entrance.probe.processes)
    for word in (WORD, WORD.lower(), "Yurleidis"):
        assert word not in everything


def test_of_a_confidential_case_the_log_shows_no_more_than_that_there_is_something(empty: Logging) -> None:
    id = uuid7()
    row = {
        "number": 1, "at": AT, "organisation": "iom", "system": "crm", "code": "confidential_needs_own_key",
        "type": "referral.requested.v2", "message_id": id, "digest": b"d", "size": 9, "beyond": None,
    }  # fmt: skip
    days.make_partitions(empty.log.connection, AT)
    refused.write(empty.log.connection, [row, row | {"number": 2, "beyond": 7}], AT)
    empty.log.connection.commit()

    (entry,) = empty.found(Search(id=id))
    assert (entry.source, entry.organisation, entry.type, entry.system) == ("-", "-", "referral", None)
    assert [said.code for said in entry.now] == [None]
    assert empty.log.query("select organisation, count from refused_beyond") == [{"organisation": "-", "count": 7}]
    assert len(empty.log.query("select 1 from confidential_message where organisation = 'iom'")) == 1


@pytest.mark.parametrize("named", ["the message", "the case"])
def test_what_is_refused_as_confidential_under_an_id_of_anothers_message_hides_nothing_of_theirs(
    empty: Logging, named: str
) -> None:
    told = status("redcross")
    days.make_partitions(empty.log.connection, AT)
    empty.log.write(told)
    id = told.id if named == "the message" else UUID(told.subject)
    row = {
        "number": 1, "at": AT, "organisation": "iom", "system": "crm", "code": "confidential_needs_own_key",
        "type": "referral.requested.v2", "message_id": id, "digest": b"d", "size": 9, "beyond": None,
    }  # fmt: skip
    for number in (1, 2):
        refused.write(empty.log.connection, [row | {"number": number}], AT)
        empty.log.connection.commit()
    empty.log.write(told.model_copy(update={"id": uuid7()}))

    passed = empty.log.query("select organisation, confidential from message where kind = 'passed'")
    assert passed == [{"organisation": "redcross", "confidential": False}] * 2
    (hidden,) = empty.log.query("select organisation, confidential from message where kind = 'refused'")
    assert hidden == {"organisation": "-", "confidential": True}


@pytest.mark.parametrize(
    "statement",
    [
        "select * from refused", "select * from operators.delivery", "select * from operators.outbox",
        "select operators.say_again('{1}')", "select * from api_key", "delete from operators.refused",
        "create table mine ()", "create temporary table mine ()",
    ],
)  # fmt: skip
def test_who_reads_it_sees_that_alone_and_writes_nothing(logged: Logging, statement: str) -> None:
    with database.connect(logged.reader) as connection:
        assert connection.execute("select count(*) from operators.refused").fetchone() is not None
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement.encode())
