"""What was committed leaves, all of it, in the order of commits, whoever publishes it."""

from tests.messaging.harness import Probe, conversation, service_published, wait_until


def test_messages_leave_in_the_order_of_commits_whoever_in_the_process_wrote_them(probe: Probe) -> None:
    """Batches, single messages after a failed batch, retries and timed handlers share one way out."""
    sent = conversation(600)
    probe.send(*sent[:300], service_published("fail"), *sent[300:])
    service = probe.service(tampered={"SLOW_PUBLISHING": "0.02"}, TICK="talk").start()
    wait_until(lambda: len(probe.notes()) == len(sent))
    service.stop()

    committed = [row["message_id"] for row in probe.query("select message_id from outbox order by position")]
    published = list(dict.fromkeys(answer.id for answer in probe.answers(len(committed))))

    assert published == committed
