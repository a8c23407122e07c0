"""What was committed leaves, all of it, in the order of commits, whoever publishes it."""

import json
import signal
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

import contracts
from deploy.local import Stack
from messaging import database, outbox
from messaging.identity import Identity
from messaging.outbox import Committed
from messaging.runtime import Delivery, Runtime
from tests.messaging.checker import check
from tests.messaging.harness import WITHIN, Probe, conversation, service_published, wait_until
from tests.messaging.probe.service import ProbeService


@pytest.fixture
def reads_alone(probed: Stack, tmp_path: Path) -> Iterator[Probe]:
    """The probe as a service of which one process at a time reads, as all of the hub's are."""
    probed.management.delete("queues/hub/probe")
    Probe.provision(probed, parallel=False)
    probe = Probe(probed, tmp_path)
    yield probe
    probe.close()
    probed.management.delete("queues/hub/probe")
    Probe.provision(probed)


def test_messages_leave_in_the_order_of_commits_whoever_in_the_process_wrote_them(probe: Probe) -> None:
    """Batches, single messages after a failed batch, retries and timed handlers share one way out."""
    sent = conversation(400)
    probe.send(*sent[:200], service_published("fail"), *sent[200:])
    patient = json.dumps({"messaging.on.DRAIN_WITHIN": WITHIN, "messaging.run.STOP_WITHIN": WITHIN})
    service = probe.service(tampered={"CONSTANTS": patient, "SLOW_PUBLISHING": "0.02"}, TICK="talk").start()
    wait_until(lambda: len(probe.notes()) == len(sent))
    assert service.stop() == 0

    committed = [
        row["message_id"]
        for row in probe.query("select message_id from outbox where starts_with(routing_key, 'to.') order by position")
    ]
    published = list(dict.fromkeys(answer.id for answer in probe.answers(len(committed))))

    assert published == committed


def test_what_a_killed_process_had_not_sent_is_sent_by_the_relay_whatever_it_had_sent_already(probe: Probe) -> None:
    """No mark runs ahead of what is out: not even one that a timed handler's message brings along."""
    sent = conversation(300)
    probe.send(*sent[:200], service_published("fail"), *sent[200:])
    service = probe.service(tampered={"SLOW_PUBLISHING": "0.02"}, TICK="talk").start()
    wait_until(lambda: probe.length("deliver.redcross") > 50)
    service.kill()

    probe.relay().start()
    committed = [
        row["message_id"]
        for row in probe.query("select message_id from outbox where starts_with(routing_key, 'to.') order by position")
    ]
    published = list(dict.fromkeys(answer.id for answer in probe.answers(len(committed))))

    assert published == committed


def test_what_was_written_before_addresses_had_types_still_arrives(probe: Probe) -> None:
    written = write_out(probe, 3)
    probe.query("update outbox set routing_key = 'to.redcross'")

    probe.relay().start()

    assert [answer.id for answer in probe.answers(len(written))] == written


def test_two_processes_apply_nothing_twice_and_keep_the_order_of_commits(probe: Probe) -> None:
    services = [probe.service().launch() for _ in range(2)]
    probe.relay().launch()
    for service in services:
        service.wait_ready()
    sent = numbered(1000)

    probe.send(*sent)
    answers = probe.answers_to(*sent)

    assert working(probe) == 2
    assert sorted(probe.notes()) == sorted(message.id for message in sent)
    assert numbers_by_subject(answers) == counted_up(sent)


def test_the_order_is_kept_when_one_of_two_processes_is_killed(probe: Probe, tmp_path: Path) -> None:
    (tmp_path / "die").write_text("before_publish")  # what it committed is the relay's, and the other waits for it
    survivor = probe.service().launch()
    probe.relay().launch()
    survivor.wait_ready()
    sent = numbered(1000)
    probe.send(*sent[:10])
    doomed = probe.service(tampered={"KILL_FILE": str(tmp_path / "die")}).start()

    probe.send(*sent[10:])
    assert doomed.exit_code() == -signal.SIGKILL
    answers = probe.answers_to(*sent)
    wait_until(lambda: probe.counted("redelivered"))

    assert sorted(probe.notes()) == sorted(message.id for message in sent)
    assert numbers_by_subject(answers) == counted_up(sent)


def test_where_one_process_reads_a_second_one_stands_by_and_takes_over_in_order(reads_alone: Probe) -> None:
    first = reads_alone.service().start()
    reads_alone.service().start()
    reads_alone.relay().start()
    sent = conversation(1000)
    reads_alone.send(*sent[:800])
    wait_until(lambda: len(reads_alone.notes()) > 100)
    assert working(reads_alone) == 1

    first.kill()
    reads_alone.send(*sent[800:])
    answers = reads_alone.answers_to(*sent)

    assert working(reads_alone) == 2
    assert reads_alone.notes() == [message.id for message in sent]
    assert check(sent, reads_alone.notes(), answers).faultless


def test_what_a_process_may_have_committed_is_abandoned_before_it_writes_again(
    probe: Probe, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or its next mark would say of what nobody has published that it is out."""
    monkeypatch.setattr(database, "LOCK_WITHIN", "100ms")
    (before,) = apply_one(runtime)
    probe.query("select pg_terminate_backend(%s, 10000)", session_of(runtime))
    with pytest.raises(psycopg.OperationalError):
        apply_one(runtime)

    with database.connect(probe.database_url) as other:
        other.execute("select from outbox_writer for update")
        for _ in range(2):
            with pytest.raises(psycopg.errors.LockNotAvailable):
                apply_one(runtime)
    (after,) = apply_one(runtime)

    assert after.writer != before.writer
    abandoned = {row["writer"]: row["abandoned"] for row in probe.query("select * from outbox_writer")}
    assert abandoned == {before.writer: True, after.writer: False}


def test_of_two_relays_one_works_and_the_other_takes_over(probe: Probe) -> None:
    """Trap 18."""
    first, second = probe.relay().start(), probe.relay().start()
    written = write_out(probe, 100)
    assert [answer.id for answer in probe.answers(100)] == written
    (working,) = wait_until(lambda: [one for one in (first, second) if one.said("published the backlog")])

    working.kill()
    written = write_out(probe, 100)

    assert [answer.id for answer in probe.answers(100)] == written


def test_partitions_are_made_and_dropped_and_nothing_is_lost(probe: Probe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "PARTITION_ROWS", 20)
    monkeypatch.setenv("RUTA_OUTBOX_KEEP", "0")
    with database.connect(probe.database_url) as connection:
        connection.execute("alter table outbox detach partition outbox_0")
        connection.execute("drop table outbox_0")
        connection.execute("create table outbox_0 partition of outbox for values from (minvalue) to (20)")
        connection.commit()
        outbox.keep_house(connection)
        written = write_out(probe, 70)

        outbox.keep_house(connection)
        assert kept(probe) == written  # nothing of it is out

        left = outbox.backlog(connection, exchange="hub", patience="0 seconds", limit=50)
        outbox.mark(connection, left[-1].writer, left[-1].position)
        outbox.keep_house(connection)
        assert kept(probe) == written[39:]  # from the partition in which the first unpublished one stands

        outbox.mark(connection, left[-1].writer, 70)
        outbox.keep_house(connection)
        assert kept(probe) == written[59:]


def test_what_was_published_stays_for_its_time_and_within_its_room(
    probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "PARTITION_ROWS", 20)
    with database.connect(probe.database_url) as connection:
        connection.execute("alter table outbox detach partition outbox_0")
        connection.execute("drop table outbox_0")
        connection.execute("create table outbox_0 partition of outbox for values from (minvalue) to (20)")
        connection.commit()
        outbox.keep_house(connection)
        written = write_out(probe, 70)
        connection.execute("update outbox_writer set published = committed")
        connection.commit()

        outbox.keep_house(connection)
        assert kept(probe) == written

        # the partition that has one young row stays, whatever stands before it
        probe.query("update outbox set recorded_at = recorded_at - interval '49 hours' where position <= 38")
        outbox.keep_house(connection)
        assert kept(probe) == written[19:]
        monkeypatch.setenv("RUTA_OUTBOX_KEEP", "50")
        probe.query("update outbox set recorded_at = recorded_at - interval '49 hours'")
        outbox.keep_house(connection)
        assert kept(probe) == written[19:]

        monkeypatch.setattr(outbox, "PARTITIONS_KEPT", 1)
        outbox.keep_house(connection)
        assert kept(probe) == written[39:]


def test_what_somebody_asks_for_is_said_again_in_order_and_what_is_gone_is_not(probe: Probe) -> None:
    written = write_out(probe, 5)
    probe.relay().start()
    assert [answer.id for answer in probe.answers(5)] == written
    (unpublished,) = write_out(probe, 1, abandoned=False)
    probe.query("delete from outbox where message_id = %s", written[3])
    positions = [one["position"] for one in probe.query("select position from outbox")]

    asked = probe.query("select operators.say_again(%s::bigint[]) as many", [*positions[::-1], 4])

    assert asked == [{"many": 4}]
    assert [answer.id for answer in probe.answers(4)] == [*written[:3], written[4]]
    wait_until(lambda: not probe.query("select from say_again"))
    assert unpublished in kept(probe)


def test_a_writer_that_is_about_to_publish_is_not_overtaken_by_the_relay(probe: Probe) -> None:
    with database.connect(probe.database_url) as connection:
        gone, alive, gone_too = (write_out(probe, 1, abandoned=left) for left in (True, False, True))
        left = outbox.backlog(connection, exchange="hub", patience="1 hour", limit=10)
        assert [one.publication.message_id for one in left] == gone

        # it has no heartbeat: it is gone as well
        later = outbox.backlog(connection, exchange="hub", patience="0 seconds", limit=10)
        assert [one.publication.message_id for one in later] == [*gone, *alive, *gone_too]


def numbered(messages: int) -> list[contracts.Message]:
    """Messages about ten subjects whose answers are numbered under a lock on the subject."""
    about = [contracts.uuid7() for _ in range(10)]
    return [service_published("number", about=about[place % 10]) for place in range(messages)]


def numbers_by_subject(answers: list[contracts.Message]) -> dict[str, list[int | None]]:
    """The numbers of the answers about each subject as they came first."""
    numbers: dict[str, list[int | None]] = {}
    for answer in {answer.id: answer for answer in reversed(answers)}.values():
        numbers.setdefault(answer.subject, []).insert(0, answer.sequence)
    return numbers


def counted_up(sent: list[contracts.Message]) -> dict[str, list[int]]:
    """From one on without gaps, for each subject."""
    counts = Counter(message.subject for message in sent)
    return {subject: list(range(1, count + 1)) for subject, count in counts.items()}


def working(probe: Probe) -> int:
    """How many processes have applied anything."""
    return len(probe.query("select 1 from outbox_writer where applied > 0"))


def write_out(probe: Probe, messages: int, *, abandoned: bool = True) -> list[UUID]:
    """Write messages to the outbox as a process would that then dies, and return their ids."""
    with database.connect(probe.database_url) as connection:
        writer = outbox.open_writer(connection, "test")
        drafts = [contracts.Draft(one.data, one.subject, "redcross") for one in conversation(messages)]
        stamped = [contracts.stamp(draft, source="hub", time=datetime.now(UTC)) for draft in drafts]
        outbox.write(connection, writer, [Identity().publication(one) for one in stamped], outbox.Tally())
        connection.commit()
        if abandoned:
            outbox.abandon(connection, writer)
    return [one.id for one in stamped]


def apply_one(runtime: Runtime) -> list[Committed]:
    """Apply a message and publish nothing."""
    return runtime.apply(ProbeService(), [Delivery(1, service_published().to_json(), redelivered=False)])


def session_of(runtime: Runtime) -> int:
    assert runtime._connection is not None
    return runtime._connection.info.backend_pid


def kept(probe: Probe) -> list[UUID]:
    return [
        row["message_id"]
        for row in probe.query("select message_id from outbox where starts_with(routing_key, 'to.') order by position")
    ]


@pytest.mark.parametrize(
    ("said", "hours"),
    [("", 48), ("0", 0), ("720", 720), ("721", 48), ("0000000001000", 48), ("-1", 48), ("²", 48), ("9" * 5000, 48)],
)
def test_what_is_no_number_of_hours_that_may_be_is_taken_for_nothing_said(
    monkeypatch: pytest.MonkeyPatch, said: str, hours: int
) -> None:
    monkeypatch.setenv("RUTA_OUTBOX_KEEP", said)
    assert outbox.kept() == timedelta(hours=hours)
