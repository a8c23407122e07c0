"""What was published and has not come is lost where nothing on its way waits, and not before."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from contracts import uuid7
from deploy.local import Stack, asked_again, beside, reconciled
from deploy.local.reconciled import as_shown
from deploy.local.state import State
from hub.monitor.reconciling import comparing
from hub.monitor.reconciling.comparing import Found, Lost
from hub.monitor.reconciling.comparing import State as Known
from messaging import database, outbox, reading_since
from messaging.broker import Publication
from messaging.topology import GATEWAY, MONITOR, DeclaredNetwork
from tests.examples import confidential_request, referral_requested
from tests.hub.ledger import said, status
from tests.hub.monitor.logging import Log

LATER = comparing.SURE
FACT = "consent.recorded.v1"  # of intake; referrals, reports and the console read it


@dataclass
class Compared:
    """Databases with nothing in them but what a test puts there, and looks at them, a while apart."""

    network: DeclaredNetwork
    urls: dict[str, str]
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    state: Known | None = None

    def publish(self, service: str, key: str = FACT, *, ago: int = 60, published: bool = True) -> UUID:
        id = uuid7()
        body = f'{{"specversion":"1.0","id":"{id}","source":"hub","data":{{}}}}'.encode()
        with database.connect(self.urls[service]) as connection:
            writer = outbox.open_writer(connection, "test")
            committed = outbox.write(connection, writer, [Publication("hub", key, body, id)], outbox.Tally())
            connection.execute(
                "update outbox set recorded_at = clock_timestamp() - make_interval(secs => %s) where message_id = %s",
                (ago, id),
            )
            connection.commit()
            if published:
                outbox.mark(connection, writer, committed().position)
        return id

    def comes_to(self, service: str, *ids: UUID, source: str = "hub") -> None:
        for id in ids:
            self.execute(service, "insert into inbox values (%s, %s, '')", source, id)

    def execute(self, service: str, sql: Any, *params: Any) -> None:
        with database.connect(self.urls[service]) as connection:
            connection.execute(sql, params)

    def look(self, **waiting: int | None) -> Found:
        found = comparing.look(self.urls, self.network, waiting, self.state, self.now)
        self.state, self.now = found.state, self.now + LATER
        return found


@pytest.fixture
def compared(databases: Stack, declared: DeclaredNetwork) -> Iterator[Compared]:
    names = (*declared.services, GATEWAY, MONITOR)
    one = Compared(declared, {name: databases.service_database_url(name) for name in names})
    empty(one)
    yield one
    empty(one)


def empty(one: Compared) -> None:
    for name in one.urls:
        for table in ("outbox", "outbox_writer", "inbox", "parked", "say_again", "reads_since"):
            one.execute(name, f"delete from {table}")
    one.execute(GATEWAY, "delete from delivery")
    for table in ("message", "confidential_message"):
        one.execute(MONITOR, f"delete from {table}")


def gaps(found: Found) -> list[tuple[str, str, int]]:
    return [(one["from"], one["to"], one["messages"]) for one in found.gaps]


def test_what_has_not_come_is_lost_when_that_is_sure_and_named(compared: Compared) -> None:
    came, lost = compared.publish("intake"), compared.publish("intake")
    compared.comes_to("referrals", came)
    for service in ("reports", "console"):
        compared.comes_to(service, came, lost)

    assert compared.look().lost == ()
    (found,) = compared.look().lost

    assert (found.sent_by, found.to, found.contract, found.message_id) == ("intake", "referrals", FACT, lost)
    assert found.position is not None
    compared.comes_to("referrals", lost)
    assert compared.look().missing == frozenset()


def test_what_a_broker_says_too_late_of_its_queues_makes_nothing_lost(compared: Compared) -> None:
    compared.publish("intake")
    assert compared.look().missing
    compared.now += timedelta(seconds=15) - LATER
    assert compared.look().lost == ()

    compared.look(referrals=1, reports=1, console=1)  # it does wait: from here it is counted anew
    compared.look()
    compared.now += timedelta(seconds=15) - LATER
    assert compared.look().lost == ()


def test_what_is_in_a_queue_that_the_broker_has_not_counted_is_not_lost(compared: Compared) -> None:
    compared.publish("intake")
    for _ in range(3):
        assert compared.look(referrals=None, reports=None, console=None).lost == ()


def test_what_waits_in_the_queue_is_not_lost_and_what_was_passed_by_is(compared: Compared) -> None:
    early = compared.publish("intake", ago=100)
    for service in ("reports", "console"):
        compared.comes_to(service, early)
    for _ in range(3):
        assert compared.look(referrals=1).lost == ()

    late = compared.publish("intake", ago=30)
    for service in ("referrals", "reports", "console"):
        compared.comes_to(service, late)
    compared.look(referrals=1)
    assert gaps(compared.look(referrals=1)) == [("intake", "referrals", 1)]


def test_what_its_reader_has_gone_past_is_lost_though_something_always_waits_there(compared: Compared) -> None:
    """As under load: the queue is never seen empty, and who said it says nothing more."""
    compared.now -= timedelta(seconds=100)
    lost = compared.publish("intake", ago=150)
    compared.comes_to("reports", lost)
    compared.comes_to("console", lost)
    assert compared.look(referrals=1).undecided
    for ago, are_lost in ((90, 0), (60, 1)):  # ten seconds after that look it may stand behind, forty seconds not
        other = compared.publish("events", ago=ago)
        for service in ("referrals", "reports", "console"):
            compared.comes_to(service, other)
        assert len(compared.look(referrals=1).lost) == are_lost


def test_what_is_young_or_not_out_is_for_the_next_look(compared: Compared) -> None:
    compared.publish("intake", published=False)
    compared.publish("intake", ago=0)
    for _ in range(2):
        assert compared.look().missing == frozenset()


def test_where_so_much_has_not_come_that_no_more_is_read_that_is_said(
    compared: Compared, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparing, "AT_ONCE", 3)
    monkeypatch.setattr(comparing, "OPEN_AT_MOST", 3)
    ids = [compared.publish("intake") for _ in range(4)]

    first = compared.look()
    held = compared.look()
    for service in ("referrals", "reports", "console"):
        compared.comes_to(service, *ids[:3])
    still = compared.look()
    after = compared.look()

    assert [one.held_back for one in (first, held, still, after)] == [set(), {"intake"}, {"intake"}, set()]
    assert {one.message_id for one in held.lost} == set(ids[:3])
    assert still.missing == frozenset()
    assert {place for _, place in after.undecided} == {str(position) for position in positions(compared, ids[3])}


def positions(compared: Compared, id: UUID) -> list[int]:
    with database.connect(compared.urls["intake"]) as connection:
        return [
            row["position"] for row in connection.execute("select position from outbox where message_id = %s", (id,))
        ]


def test_while_more_was_published_than_was_compared_the_command_does_not_say_that_all_is_well(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = Found((), {}, True, frozenset(), frozenset(), frozenset({"intake"}))

    ended = command(monkeypatch, tmp_path, {"intake": "", "events": ""}, found)

    assert ended == 1
    assert "run it again" in capsys.readouterr().out


def test_what_an_organisation_was_to_have_is_held_against_the_ledger(compared: Compared) -> None:
    came, lost = (compared.publish("referrals", "to.redcross.referral.status.v1") for _ in range(2))
    compared.publish("referrals", "to.nobody.referral.status.v1")
    compared.execute(
        GATEWAY,
        """
        insert into delivery (organisation, number, address, message_id, type, subject)
        values ('redcross', 1, 'redcross', %s, 'referral.status.v1', 'x')
        """,
        came,
    )
    compared.look()
    (found,) = compared.look().lost
    assert (found.to, found.contract, found.organisation) == ("courier", "referral.status.v1", "redcross")
    assert found.message_id == lost


def test_of_what_came_by_amqp_nobody_has_the_bytes_and_what_waits_at_the_door_is_not_lost(compared: Compared) -> None:
    logged = uuid7()
    logs(compared, logged, "iom", ago=60)
    by_http = compared.publish(GATEWAY, "submitted.redcross.-.capacity.stated.v1")
    compared.look(**{"submitted.redcross": 1})
    (found,) = compared.look(**{"submitted.redcross": 1}).lost
    assert (found.sent_by, found.organisation, found.message_id, found.position) == (GATEWAY, "iom", logged, None)

    compared.look()
    assert {one.message_id for one in compared.look().lost} == {logged, by_http}
    compared.comes_to("referrals", by_http, source="redcross")
    compared.comes_to("referrals", logged, source="iom")
    assert compared.look().missing == frozenset()


def test_what_came_by_http_and_was_let_in_is_lost_though_something_always_waits_at_the_door(compared: Compared) -> None:
    compared.now -= timedelta(seconds=100)
    by_http = compared.publish(GATEWAY, "submitted.redcross.-.capacity.stated.v1", ago=150)
    compared.look(**{"submitted.redcross": 1, "referrals": 1})
    other = compared.publish("events", ago=60)
    for service in ("referrals", "reports", "console"):
        compared.comes_to(service, other)
    assert compared.look(**{"submitted.redcross": 1, "referrals": 1}).lost == ()  # it may stand at the door
    logs(compared, by_http, "redcross", ago=140)
    (found,) = compared.look(**{"submitted.redcross": 1, "referrals": 1}).lost
    assert (found.sent_by, found.message_id) == (GATEWAY, by_http)
    assert found.position is not None


def test_what_came_by_http_and_was_let_in_before_the_first_look_is_lost_and_asked_for_where_its_body_has_gone(
    compared: Compared,
) -> None:
    """As under load: something always waits, at the door and behind it."""
    compared.now -= timedelta(seconds=100)
    by_http = compared.publish(GATEWAY, "submitted.redcross.-.capacity.stated.v1", ago=150)
    logs(compared, by_http, "redcross", ago=140)
    assert compared.look(**{"submitted.redcross": 1, "referrals": 1}).lost == ()
    other = compared.publish("events", ago=60)
    for service in ("referrals", "reports", "console"):
        compared.comes_to(service, other)

    (found,) = compared.look(**{"submitted.redcross": 1, "referrals": 1}).lost
    assert (found.message_id, found.position is not None) == (by_http, True)

    compared.execute(GATEWAY, "delete from outbox")
    compared.look()
    (found,) = compared.look().lost
    assert (found.message_id, found.organisation, found.position) == (by_http, "redcross", None)
    compared.comes_to("referrals", by_http, source="redcross")
    assert compared.look().missing == frozenset()


def logs(compared: Compared, id: UUID, source: str, *, ago: int) -> None:
    """Have the log say that admission has let a message of an organisation in."""
    if not partitions(compared):
        compared.execute(MONITOR, f"create table message_{compared.now:%Y%m%d} partition of message default")
    compared.execute(
        MONITOR,
        """
        insert into message (arrived_at, id, kind, source, organisation, type, correlation, digest, routing_key)
        values (clock_timestamp() - make_interval(secs => %s), %s, 'passed', %s, %s, 'capacity.stated.v1', %s, '',
                'capacity.stated.v1')
        """,
        ago, id, source, source, id,
    )  # fmt: skip


def test_what_came_by_amqp_of_a_confidential_case_is_lost_too_with_whose_it_is(compared: Compared) -> None:
    lost, came, of_the_hub = (uuid7() for _ in range(3))
    for id, source in ((lost, "iom"), (came, "iom"), (of_the_hub, "hub")):
        logs(compared, id, source, ago=60)
        compared.execute(
            MONITOR,
            """
            insert into confidential_message (arrived_at, id, source, organisation, type, subject, routing_key)
            select arrived_at, id, source, organisation, type, id, routing_key from message where id = %s
            """,
            id,
        )
    compared.execute(
        MONITOR,
        """
        update message set confidential = true, source = '-', organisation = '-', type = 'capacity', routing_key = null
        """,
    )
    compared.comes_to("referrals", came, source="iom")

    compared.look()
    (found,) = compared.look().lost

    assert (found.message_id, found.organisation, found.contract) == (lost, "iom", "capacity.stated.v1")
    assert (found.position, found.confidential) == (None, True)
    compared.comes_to("referrals", lost, source="iom")
    assert compared.look().missing == frozenset()


def partitions(compared: Compared) -> bool:
    with database.connect(compared.urls[MONITOR]) as connection:
        return bool(
            connection.execute("select 1 from pg_inherits where inhparent = 'message'::regclass limit 1").fetchone()
        )


def test_what_was_said_before_its_reader_read_such_messages_is_not_lost(compared: Compared) -> None:
    name = FACT.rpartition(".")[0]
    with database.connect(compared.urls["reports"]) as connection:
        reading_since.note(connection, ["one.that_was_read"])
        reading_since.note(connection, [name])
        first = reading_since.since(connection)
        reading_since.note(connection, [name])
        assert reading_since.since(connection) == first
        assert first.keys() == {name}
    before, lost = compared.publish("intake"), compared.publish("intake", ago=20)
    begun = "update reads_since set since = clock_timestamp() - interval '40 seconds'"
    compared.execute("reports", begun)
    for service in ("referrals", "console"):
        compared.comes_to(service, before, lost)

    compared.look()
    assert [(one.to, one.message_id) for one in compared.look().lost] == [("reports", lost)]


def test_an_outbox_that_was_restored_from_a_copy_is_compared_from_where_it_goes_on(compared: Compared) -> None:
    services = ("referrals", "reports", "console")
    came = [compared.publish("intake") for _ in range(4)]
    for service in services:
        compared.comes_to(service, *came)
    assert compared.look().missing == frozenset()
    compared.execute("intake", "delete from outbox where message_id = any(%s)", came[1:])
    compared.execute("intake", "select setval('outbox_position_seq', (select max(position) from outbox))")

    after = [compared.publish("intake") for _ in range(4)]
    for service in services:
        compared.comes_to(service, *after[1:])

    compared.look()
    assert {one.message_id for one in compared.look().lost} == {after[0]}


def test_of_a_confidential_case_it_is_named_as_the_log_shows_it(log: Log) -> None:
    hidden, shown = said(confidential_request(referral_id=uuid7()), source="iom"), status("redcross")
    log.write(hidden, shown)
    at = datetime.now(UTC)
    lost = [Lost("referrals", "courier", "ledger", one.type, one.source, one.id, at, 1) for one in (hidden, shown)] + [
        Lost("intake", "reports", "reports", FACT, "hub", uuid7(), at, 2)
    ]  # the log was away

    named = as_shown({MONITOR: log.url}, Found(tuple(lost), {}, True, frozenset(), frozenset()))

    assert [(one.contract, one.organisation) for one in named] == [
        ("referral", "-"),
        (shown.type, "hub"),
        ("consent", "-"),
    ]
    assert [one.message_id for one in named] == [one.message_id for one in lost]


def test_what_asks_for_a_message_of_a_confidential_case_the_log_hides_and_nothing_else(log: Log) -> None:
    hidden = said(confidential_request(referral_id=uuid7()), source="iom")
    shown = said(referral_requested(referral_id=uuid7()), source="iom")
    log.write(hidden, shown)
    at = datetime.now(UTC)
    of_hidden, of_shown = (
        Lost(GATEWAY, "referrals", "referrals", one.type, one.source, one.id, at, None, confidential=one is hidden)
        for one in (hidden, shown)
    )

    for lost in (of_shown, of_hidden):
        (asking,) = asked_again.messages([lost])
        assert asking.causationid == lost.message_id
    both = list(asked_again.messages([of_shown, of_hidden]))
    log.write(*both)

    assert [one.data.ids for one in both] == [(shown.id,), (hidden.id,)]
    for one in both:
        is_hidden = one.data.ids == (hidden.id,)
        (row,) = log.query("select confidential, organisation from message where id = %s", one.id)
        assert (row["confidential"], row["organisation"]) == (is_hidden, "-" if is_hidden else "iom")


def away(compared: Compared, *names: str) -> dict[str, str]:
    """The databases, of which some do not answer."""
    return compared.urls | {name: compared.urls[name].rpartition("/")[0] + "/nowhere" for name in names}


def look_without(compared: Compared, *names: str) -> Found:
    whole, compared.urls = compared.urls, away(compared, *names)
    try:
        return compared.look()
    finally:
        compared.urls = whole


def test_what_a_database_that_does_not_answer_was_to_get_or_has_said_is_no_loss_and_the_others_are_compared(
    compared: Compared,
) -> None:
    ids = [compared.publish("intake"), compared.publish("events")]  # read by referrals, reports and the console
    look_without(compared, "events", "referrals")
    found = look_without(compared, "events", "referrals")

    assert set(found.unseen) == {"events", "referrals"}
    assert {(one.sent_by, one.to, one.message_id) for one in found.lost} == {
        ("intake", to, ids[0]) for to in ("reports", "console")
    }
    assert found.undecided == frozenset()  # nobody waits for what cannot be seen

    back = compared.look()  # what was lost is; of the rest nobody knows yet for how long nothing has waited for it
    assert back.unseen == {}
    assert gaps(back) == [("intake", "console", 1), ("intake", "reports", 1)]
    assert {one.message_id for one in compared.look().lost if one.to == "referrals"} == {*ids}


def test_what_was_lost_before_its_database_was_away_is_lost_when_it_is_back_unless_it_came(compared: Compared) -> None:
    """Else its alert would be called over, and begin anew."""
    lost, comes = compared.publish("intake"), compared.publish("intake")
    for service in ("reports", "console"):
        compared.comes_to(service, lost, comes)
    compared.look()
    assert gaps(compared.look()) == [("intake", "referrals", 2)]
    for one in ("intake", "referrals"):
        assert look_without(compared, one).lost == ()
    compared.comes_to("referrals", comes)

    assert [one.message_id for one in compared.look().lost] == [lost]


@pytest.mark.parametrize("away_meanwhile", ["intake", "referrals"])
def test_what_was_not_sure_before_its_database_was_away_has_to_be_so_anew(
    compared: Compared, away_meanwhile: str
) -> None:
    """Two looks by counts that are some seconds old would make a loss of what waits, however long between them."""
    lost = compared.publish("intake")
    for service in ("reports", "console"):
        compared.comes_to(service, lost)
    compared.look()
    look_without(compared, away_meanwhile)

    assert compared.look().lost == ()
    assert [one.message_id for one in compared.look().lost] == [lost]


def test_while_the_outbox_that_may_have_them_is_not_seen_nobody_is_asked_for_what_came_by_http(
    compared: Compared, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    by_http = compared.publish(GATEWAY, "submitted.redcross.-.capacity.stated.v1")
    logs(compared, by_http, "redcross", ago=60)
    look_without(compared, GATEWAY)
    found = look_without(compared, GATEWAY)
    assert [(one.message_id, one.position) for one in found.lost] == [(by_http, None)]

    ended = command(monkeypatch, tmp_path, compared.urls, found, say_again=True)

    said = capsys.readouterr().out
    assert ended == 1
    assert "whether anybody here has their bytes, the gateway's database says when it answers" in said
    assert "Nothing was changed." in said
    assert "Not seen: gateway, whose database does not answer" in said
    compared.look()
    (back,) = compared.look().lost
    assert (back.message_id, back.position is not None) == (by_http, True)


def command(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    databases: dict[str, str],
    found: Found,
    *,
    say_again: bool = False,
    as_json: bool = False,
) -> int:
    """What the command ends with where it has found this; it neither records nor says anything again."""
    for of, name, answer in (
        (reconciled, "network_of", type("Network", (), {"services": {}})), (reconciled, "_compare", (found, 0)),
        (reconciled, "_waiting", {"ledger": 0}), (beside, "find", object()), (beside, "all_databases", databases),
    ):  # fmt: skip
        monkeypatch.setattr(of, name, lambda *_, answer=answer: answer)
    return reconciled.run(
        State(tmp_path), say_again=say_again, why="a queue was lost", yes=True, as_json=as_json, ask=lambda _: False
    )


def test_without_the_log_what_is_left_is_named_by_family_alone_and_what_is_not_seen_is_said(
    compared: Compared, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lost = compared.publish("intake")
    for service in ("reports", "console"):
        compared.comes_to(service, lost)
    look_without(compared, MONITOR)
    found = look_without(compared, MONITOR)

    assert command(monkeypatch, tmp_path, away(compared, MONITOR), found) == 1
    said = capsys.readouterr().out
    assert "referrals: 1 of consent, of or for -" in said
    assert "Not seen: monitor, whose database does not answer (" in said
    assert "Of what organisations said by AMQP the log alone knows" in said
    assert command(monkeypatch, tmp_path, away(compared, MONITOR), found, as_json=True) == 1
    told = json.loads(capsys.readouterr().out)
    assert [(one["contract"], one["organisation"]) for one in told["lost"]] == [("consent", "-")]
    assert list(told["unseen"]) == [MONITOR]

    seen = Found(found.lost, found.state, True, found.missing, frozenset())  # and it goes before it is asked
    assert command(monkeypatch, tmp_path, away(compared, MONITOR), seen) == 1
    assert "referrals: 1 of consent, of or for -" in capsys.readouterr().out


def test_where_nothing_can_be_seen_it_is_not_said_that_nothing_is_lost(
    compared: Compared, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    compared.publish("intake")
    found = look_without(compared, *compared.urls)

    assert (set(found.unseen), found.lost, found.is_whole) == ({*compared.urls}, (), True)
    assert command(monkeypatch, tmp_path, compared.urls, found) == 1
    said = capsys.readouterr().out
    assert "Nothing could be compared." in said
    assert "has come" not in said


def test_what_is_of_a_database_that_has_gone_since_is_not_said_and_the_rest_is_said_once(compared: Compared) -> None:
    ids = {service: compared.publish(service) for service in ("intake", "events")}
    compared.look()
    lost = compared.look().lost
    assert {one.message_id for one in lost} == {*ids.values()}

    first, again = (reconciled._say_again(away(compared, "events"), lost) for _ in range(2))

    assert (first, again) == (1, 1)
    assert [said_again(compared, service) for service in ids] == [1, 0]


def said_again(compared: Compared, service: str) -> int:
    """How many messages the relay is to publish once more."""
    with database.connect(compared.urls[service]) as connection:
        return connection.execute("select from say_again").rowcount
