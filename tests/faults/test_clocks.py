"""A clock set wrong refuses nobody and escalates nothing: what depends on it waits, and goes on once it is right."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

import contracts
from contracts import codes
from deploy.local import Stack
from messaging import clock, database
from messaging import clocks as clocks_module
from messaging.broker import Publication, Publisher
from messaging.clocks import Clocks
from messaging.health import health
from messaging.topology import GATEWAY, HUB
from tests.examples import RECIPIENT, SENDER, consent_recorded, referral_requested, say, service_published
from tests.messaging import harness
from tests.messaging.harness import Probe, Process
from tests.waiting import eventually

DAY = timedelta(days=1)
REFERRALS = (
    "referral", "history", "service", "capacity", "decision", "place_in_line", "consent", "parked", "inbox",
    "senders_clock",
)  # fmt: skip
WAITING = "select reason from parked where state = 'waiting'"


def now() -> datetime:
    return datetime.now(UTC)


class Hub:
    """The service of referrals on its real database and queue, on a machine whose clock a test sets."""

    def __init__(self, probe: Probe, folder: Path) -> None:
        self.stack, self._probe, self._folder = probe.stack, probe, folder
        self.url = probe.stack.service_database_url("referrals")
        self.set_clock(timedelta())
        self.query(f"truncate {', '.join(REFERRALS)}")

    def set_clock(self, ahead: timedelta) -> None:
        new = self._folder / "clock.new"
        new.write_text(str(ahead.total_seconds()))
        new.replace(self._folder / "clock")

    def process(self, module: str = "services.referrals.service", **environment: str) -> Process:
        """A process of a service on this machine, not started yet: of referrals, or of the probe."""
        if module == "services.referrals.service":
            amqp_url = self.stack.amqp_url("referrals", HUB)
            addresses = {"SERVICE_NAME": "referrals", "SERVICE_DATABASE_URL": self.url, "SERVICE_AMQP_URL": amqp_url}
            environment = addresses | {"SERVICE_PARALLEL": "false"} | environment
        return self._probe.process(["tests.faults.clock_set_wrong", module, str(self._folder)], None, environment)

    def query(self, sql: Any, *parameters: object) -> list[dict[str, Any]]:
        with psycopg.connect(self.url, row_factory=dict_row, autocommit=True) as connection:
            cursor = connection.execute(sql, parameters)
            return database.rows(cursor)

    def say(self, *messages: contracts.Message) -> None:
        self._probe.send_to("referrals", *messages)

    def refused(self) -> list[str]:
        """The codes of the refusals that the sender has been told."""
        return [one.data.code for one in self._probe.answers() if isinstance(one.data, contracts.MessageRefused)]

    def waiting(self) -> list[str]:
        return [row["reason"] for row in self.query(WAITING)]

    def count(self, table: str) -> int:
        return int(self.query(f"select count(*) from {table}")[0]["count"])

    def timed_steps_ask(self, times: int) -> None:
        """Return when timed steps have asked so often whether they may be taken, from now on."""
        asked = self._folder / "asked"
        before = len(asked.read_text())
        eventually(lambda: len(asked.read_text()) >= before + times)

    def steps_are_taken(self, probe: Probe) -> bool:
        """Whether the probe's timed step, which always has something to say, says it when it has asked."""
        before = probe.query("select count(*) from outbox")
        self.timed_steps_ask(10)
        return probe.query("select count(*) from outbox") != before


@pytest.fixture
def probe(provisioned: Stack, tmp_path: Path) -> Iterator[Probe]:
    Probe.provision(provisioned)
    probe = Probe(provisioned, tmp_path)
    yield probe
    probe.empty("referrals", "reports")  # who else reads what is published to all
    probe.close()


@pytest.fixture
def hub(probe: Probe, tmp_path: Path) -> Iterator[Hub]:
    hub = Hub(probe, tmp_path)
    yield hub
    for process in probe.processes:
        process.kill()
    hub.query("delete from senders_clock")  # by which others would go


def right_requests(count: int, **overrides: Any) -> list[contracts.Message]:
    """A service, and requests for it of so many people, who have consented just now."""
    service_id = contracts.uuid7()
    # Said before any clock here was wrong: what is said now is ahead of a slow one, and waits as well.
    messages = [say(service_published(service_id=service_id), source=RECIPIENT, time=now() - 2 * DAY)]
    for _ in range(count):
        whose: dict[str, Any] = {"person_id": contracts.uuid7(), "consent_id": contracts.uuid7()}
        valid = {"valid_from": now(), "valid_until": now() + 365 * DAY}
        asked = referral_requested(**{"referral_id": contracts.uuid7(), "service_id": service_id, **whose, **overrides})
        messages.append(say(consent_recorded(**whose, **valid), source="hub", time=now()))
        messages.append(say(asked, source=SENDER, time=now()))
    return messages


def test_on_a_machine_a_day_slow_right_requests_wait_and_are_applied_when_its_clock_is_set(hub: Hub) -> None:
    hub.set_clock(-DAY)
    process = hub.process().start()

    hub.say(*right_requests(50))

    eventually(lambda: hub.waiting() == ["clocks_apart"] * 50)
    assert process.said("clocks_apart")
    hub.set_clock(timedelta())
    eventually(lambda: hub.count("referral") == 50)
    assert hub.waiting() == []
    assert hub.refused() == []
    eventually(lambda: process.said("problem is over"))


def test_what_is_refused_by_every_clock_or_for_another_reason_is_refused_while_they_are_apart(hub: Hub) -> None:
    hub.set_clock(-DAY)
    hub.process().start()
    service, consent, _ = right_requests(1)
    of_nobody = referral_requested(
        referral_id=contracts.uuid7(), service_id=service.data.service_id, consent_id=consent.data.consent_id
    )

    hub.say(service, consent, say(of_nobody, source=SENDER, time=now() - 2 * DAY))

    assert eventually(hub.refused) == ["consent_of_another_person"]
    assert hub.waiting() == []


def test_on_a_machine_a_day_fast_nothing_escalates_and_when_its_clock_is_set_what_is_due_does(hub: Hub) -> None:
    hub.process().start()
    hub.say(*right_requests(20, urgency=codes.Urgency.EMERGENCY))
    eventually(lambda: hub.count("referral") == 20)
    steps = hub.count("history")

    hub.set_clock(DAY)
    hub.query(
        "update referral set due_at = now() - interval '1 minute' where ctid in (select ctid from referral limit 3)"
    )

    hub.timed_steps_ask(8)
    assert hub.count("history") == steps
    hub.set_clock(timedelta())
    eventually(lambda: hub.count("history") == steps + 3)
    hub.timed_steps_ask(4)
    assert hub.count("history") == steps + 3


@contextmanager
def database_clock(stack: Stack, role: str, ahead: timedelta) -> Iterator[None]:
    """Let PostgreSQL tell a role another time, in every session that begins now."""
    with stack.connect_as_administrator() as administrator:
        administrator.execute(f"alter role {role} set search_path = shifted, pg_catalog, public")
    with psycopg.connect(stack.service_database_url(role), autocommit=True) as own:
        own.execute("create schema shifted")
        own.execute(
            "create function shifted.clock_timestamp() returns timestamptz language sql as $$ "
            f"select pg_catalog.clock_timestamp() + interval '{ahead.total_seconds()} seconds' $$"
        )
    try:
        yield
    finally:
        with stack.connect_as_administrator() as administrator:
            administrator.execute(f"alter role {role} reset search_path")
        with psycopg.connect(stack.service_database_url(role), autocommit=True) as own:
            own.execute("drop schema shifted cascade")


def test_while_postgresql_alone_is_a_day_slow_right_requests_wait_and_go_on_when_it_is_right(hub: Hub) -> None:
    with database_clock(hub.stack, "referrals", -DAY):
        hub.process().start()
        hub.say(*right_requests(5))
        eventually(lambda: hub.waiting() == ["clocks_apart"] * 5)
    eventually(lambda: hub.count("referral") == 5)
    assert hub.refused() == []


@contextmanager
def broker_clock(aheads: list[timedelta]) -> Iterator[str]:
    """Stand in for the broker's management, whose clock is ahead by what stands in the list; yields its address."""

    class Management(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response_only(401)  # as to anybody without a password
            self.send_header("Date", format_datetime(now() + aheads[-1], usegmt=True))
            self.end_headers()

    with HTTPServer(("127.0.0.1", 0), Management) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def test_while_the_broker_alone_is_a_day_slow_right_requests_wait_and_go_on_when_it_is_right(hub: Hub) -> None:
    aheads = [-DAY]
    with broker_clock(aheads) as url:
        hub.process(RUTA_BROKER_CLOCK_URL=url).start()
        hub.say(*right_requests(5))
        eventually(lambda: hub.waiting() == ["clocks_apart"] * 5)
        aheads.append(timedelta())
        eventually(lambda: hub.count("referral") == 5)
    assert hub.refused() == []


def test_a_broker_that_was_apart_and_tells_nothing_more_is_apart_still() -> None:
    with broker_clock([DAY]) as url:
        clocks = Clocks(url)
        clocks.compare(None)
        assert not clocks.agree()

    clocks.compare(None)

    assert not clocks.agree()


def test_the_real_broker_tells_the_time_without_a_user_at_any_of_its_addresses(provisioned: Stack) -> None:
    address = provisioned.management_url.rpartition("@")[2]
    clocks = Clocks(f"http://127.0.0.1:1,{address}")

    clocks.compare(None)

    ahead = health.clocks["broker"]
    assert ahead is not None
    assert abs(ahead) < 60
    assert clocks.agree()


def test_a_broker_that_does_not_tell_the_time_is_no_reason_to_stand_still() -> None:
    clocks = Clocks("http://127.0.0.1:1")
    clocks.compare(None)
    assert health.clocks["broker"] is None
    assert clocks.agree()


def test_what_came_early_is_given_up_only_when_it_has_waited_an_hour_by_clocks_that_agree(
    hub: Hub, probe: Probe
) -> None:
    hub.set_clock(-DAY)
    hub.process("tests.messaging.probe.service").start()
    awaited = contracts.uuid7()

    probe.send(out_of_order := harness.service_published(f"wait {awaited}"))
    eventually(probe.parked)
    probe.query("update parked set parked_at = now() - interval '2 hours', next_attempt_at = now()")

    eventually(lambda: probe.query("select 1 from parked where next_attempt_at > now() + interval '1 minute'"))
    assert probe.query("select reason from parked") == [{"reason": "clocks_apart"}]
    hub.set_clock(timedelta())
    eventually(lambda: probe.query("select reason from parked") == [{"reason": "service_unknown"}])
    probe.query("update parked set next_attempt_at = now()")
    eventually(lambda: probe.query("select 1 from parked where next_attempt_at > now()"))
    probe.send(harness.service_published(about=awaited))
    eventually(lambda: out_of_order.id in probe.notes())
    assert probe.counted("refused") == 0


# -- the organisations' clocks ----------------------------------------------------------------------------------------


def submitted(stack: Stack, user: str, messages: Sequence[contracts.Message]) -> None:
    """Publish as a user of the broker to the hub's services: as the gateway does, or a service."""
    publisher = Publisher(stack.amqp_url(user, HUB))
    batch = [Publication(HUB, one.type, one.to_json(), str(one.id)) for one in messages]
    assert publisher.publish(batch) == set()
    publisher.drop()


def said_by(organisations: Sequence[str], ahead: timedelta) -> list[contracts.Message]:
    return [
        say(service_published(service_id=contracts.uuid7(), name="note"), source=one, time=now() + ahead)
        for one in organisations
    ]


THREE = ("redcross", "iom", "fuvadis")


def test_where_three_organisations_say_that_it_is_tomorrow_no_timed_step_is_taken(hub: Hub, probe: Probe) -> None:
    process = hub.process("tests.messaging.probe.service", TICK="talk", HEARD_WITHIN="0").start()
    submitted(hub.stack, GATEWAY, said_by(THREE, DAY))
    eventually(lambda: process.said("clocks_apart"))

    hub.timed_steps_ask(2)  # one may have been under way

    assert not hub.steps_are_taken(probe)
    for _ in range(2):  # once would not prove that they do not merely bring something old
        submitted(hub.stack, GATEWAY, said_by(THREE, timedelta()))
    eventually(lambda: hub.steps_are_taken(probe))


def test_where_only_organisations_show_that_a_machine_is_slow_all_waits_also_in_a_process_that_has_not_heard_them(
    hub: Hub,
) -> None:
    hub.set_clock(-DAY)
    with database_clock(hub.stack, "referrals", -DAY):
        process = hub.process().start()
        submitted(hub.stack, GATEWAY, said_by(THREE, timedelta()))
        eventually(lambda: process.said("clocks_apart"))
        # By a clock that nobody contradicts yet, what three say is ahead of it; from then on nothing is refused.
        refused = hub.refused()
        assert set(refused) <= {"said_in_the_future"}
        before = len(hub.waiting())
        hub.say(*right_requests(3))
        eventually(lambda: len(hub.waiting()) == before + 3)
        process.kill()

        process = hub.process().start()
        hub.query("update parked set next_attempt_at = '-infinity'")
        eventually(lambda: hub.query("select 1 from parked having min(next_attempt_at) > '-infinity'"))
        hub.say(*right_requests(2))
        eventually(lambda: len(hub.waiting()) == before + 5)
        hub.timed_steps_ask(4)
        assert set(hub.waiting()) == {"clocks_apart"}
        assert process.said("until 3 of them are heard anew")
        assert (hub.count("referral"), hub.refused()) == (0, [])

    hub.set_clock(timedelta())
    eventually(lambda: hub.count("referral") == 5)
    assert (hub.waiting(), hub.refused()) == ([], [])


def test_what_a_service_says_in_an_organisations_name_tells_nothing_of_its_clock(hub: Hub, probe: Probe) -> None:
    hub.process("tests.messaging.probe.service", TICK="talk").start()
    messages = said_by(THREE, timedelta(minutes=30))  # apart, and not so far ahead that it would be refused
    submitted(hub.stack, "probe", messages)
    eventually(lambda: {one.id for one in messages} <= set(probe.notes()))
    assert hub.steps_are_taken(probe)


def test_where_time_is_moved_for_a_demo_old_and_moved_messages_stop_nothing(
    hub: Hub, probe: Probe, tmp_path: Path
) -> None:
    (tmp_path / "offset").write_text(str((300 * DAY).total_seconds()))
    hub.process("tests.messaging.probe.service", TICK="talk", RUTA_CLOCK_FILE=str(tmp_path / "offset")).start()
    messages = said_by(THREE, -400 * DAY)
    submitted(hub.stack, GATEWAY, messages)
    eventually(lambda: {one.id for one in messages} <= set(probe.notes()))
    assert hub.steps_are_taken(probe)


@pytest.fixture
def clocks() -> Clocks:
    clocks = Clocks()
    clocks.compare(None)
    return clocks


def hear(clocks: Clocks, **ahead: timedelta) -> None:
    for organisation, by in ahead.items():
        clocks.heard(organisation, clock.machine_now() + by)


def test_two_organisations_of_five_with_wrong_clocks_stop_nothing(clocks: Clocks) -> None:
    hear(clocks, redcross=DAY, iom=-400 * DAY, fuvadis=timedelta(), americares=timedelta(), barranquilla=timedelta())
    assert clocks.agree()


def test_fewer_than_three_organisations_are_not_compared(clocks: Clocks) -> None:
    hear(clocks, redcross=DAY, iom=DAY)
    assert clocks.agree()
    hear(clocks, fuvadis=DAY)
    assert not clocks.agree()


def test_of_what_has_stood_in_a_queue_the_end_tells_the_time(clocks: Clocks) -> None:
    for hours in reversed(range(10)):
        hear(clocks, **dict.fromkeys(THREE, timedelta(hours=-hours)))
    assert clocks.agree()


def test_what_merely_lay_somewhere_tells_nothing_of_a_clock_that_is_known(clocks: Clocks) -> None:
    hear(clocks, **dict.fromkeys(THREE, timedelta()))
    hear(clocks, **dict.fromkeys(THREE, -2 * DAY))
    assert clocks.agree()


def test_senders_whose_clocks_were_set_back_are_believed_when_they_have_spoken_for_a_while(
    clocks: Clocks, monkeypatch: pytest.MonkeyPatch
) -> None:
    hear(clocks, **dict.fromkeys(THREE, DAY))
    hear(clocks, **dict.fromkeys(THREE, timedelta()))
    assert not clocks.agree()
    monkeypatch.setattr(clocks_module, "HEARD_WITHIN", 0.0)
    for _ in range(2):
        hear(clocks, **dict.fromkeys(THREE, timedelta()))
    assert clocks.agree()


def test_who_is_silent_since_gives_way_to_three_who_speak(clocks: Clocks, monkeypatch: pytest.MonkeyPatch) -> None:
    hear(clocks, **dict.fromkeys(("americares", "barranquilla", "acnur", "nrc"), -2 * DAY))  # from long ago
    monkeypatch.setattr(clocks_module, "HEARD_WITHIN", 0.0)
    hear(clocks, redcross=timedelta())
    assert not clocks.agree()
    hear(clocks, iom=timedelta(), fuvadis=timedelta())
    assert clocks.agree()


def test_after_a_night_without_a_word_clocks_are_as_far_apart_as_before(
    clocks: Clocks, monkeypatch: pytest.MonkeyPatch
) -> None:
    hear(clocks, **dict.fromkeys(THREE, DAY))
    steady, machine_now = clocks_module._steady, clock.machine_now
    monkeypatch.setattr(clocks_module, "_steady", lambda: steady() + 12 * 3600)
    monkeypatch.setattr(clock, "machine_now", lambda: machine_now() + DAY / 2)
    clocks.compare(None)
    assert not clocks.agree()


@pytest.fixture
def shared(probe: Probe) -> Iterator[database.Connection]:
    """The database of a service that has several processes."""
    with database.connect(probe.database_url) as connection:
        connection.autocommit = True
        yield connection


def test_a_process_that_has_heard_nobody_goes_by_what_another_has_heard_until_three_are_heard(
    shared: database.Connection,
) -> None:
    reading, standby = Clocks(), Clocks()
    for one in (reading, standby):
        one.compare(shared)
    hear(reading, **dict.fromkeys(THREE, DAY))
    assert reading.is_pressing
    reading.compare(shared)
    assert not reading.is_pressing

    standby.compare(shared)
    later = Clocks()
    later.compare(shared)

    assert not standby.agree()
    assert not later.agree()
    hear(later, redcross=timedelta(), iom=timedelta())
    assert not later.agree()
    hear(later, fuvadis=timedelta())
    assert later.agree()
    later.compare(shared)
    standby.compare(shared)
    assert standby.agree()


def test_what_a_process_has_heard_long_ago_gives_way_to_what_another_hears(
    shared: database.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    once, now_reading = Clocks(), Clocks()
    hear(once, **dict.fromkeys(THREE, DAY))
    once.compare(shared)
    hear(now_reading, **dict.fromkeys(THREE, timedelta()))
    now_reading.compare(shared)
    once.compare(shared)
    assert not once.agree()  # each has heard what it has heard
    hear(now_reading, **dict.fromkeys(THREE, timedelta(minutes=1)))
    now_reading.compare(shared)

    monkeypatch.setattr(clocks_module, "HEARD_WITHIN", 0.0)
    once.compare(shared)

    assert once.agree()


def test_a_process_that_goes_by_what_another_has_heard_notices_at_once_that_its_own_clock_leaps(
    shared: database.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, standby = Clocks(), Clocks()
    hear(reading, **dict.fromkeys(THREE, timedelta()))
    for one in (reading, standby):
        one.compare(shared)
    assert standby.agree()
    right = clock.machine_now
    monkeypatch.setattr(clock, "machine_now", lambda: right() + DAY)
    standby._database = None  # that is on the same machine, leaps with it, and does not show it
    assert not standby.agree()


def test_a_clock_that_is_set_is_noticed_at_once_without_asking_anybody(
    clocks: Clocks, monkeypatch: pytest.MonkeyPatch
) -> None:
    hear(clocks, **dict.fromkeys(THREE, timedelta()))
    right = clock.machine_now
    monkeypatch.setattr(clock, "machine_now", lambda: right() + DAY)
    (slowest, _) = [*clocks.others(), None]
    assert slowest is not None
    assert abs(slowest + DAY) < timedelta(seconds=5)
    monkeypatch.setattr(clock, "machine_now", lambda: right() + timedelta(minutes=4))
    assert clocks.agree()
