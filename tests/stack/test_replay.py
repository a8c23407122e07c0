"""`./ruta replay` beside a running hub: what employment published is said again, once more each, and by two people."""

import json
import subprocess
from typing import Any

import pytest

from deploy.local import Network
from deploy.local.operator_error import OperatorError
from deploy.local.replaying import selection_of
from deploy.local.trail import actor
from messaging import database, outbox
from messaging.broker import Publication
from messaging.topology import read
from tests import commands
from tests.faults.sending import Sender, employers
from tests.stack.test_reconcile import CAME, FACTS, query
from tests.waiting import eventually

CONTRACT = "employer.recorded.v1"
ANOTHER = "4711"  # a user of the machine


def ruta(network: Network, *words: str, user: str | None = None) -> "subprocess.CompletedProcess[str]":
    return commands.ruta(network.stack.state, "replay", *words, COLUMNS="160", **({"SUDO_UID": user} if user else {}))


def said(done: "subprocess.CompletedProcess[str]") -> dict[str, Any]:
    assert done.stdout.startswith("{"), done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def publish_again(network: Network, many: int) -> None:
    """Have one fact of employment stand in its outbox so many times more, all of them published."""
    ((key, id, body),) = query(
        network, "employment", f"{FACTS.replace('message_id', 'routing_key, message_id, body')} limit 1"
    )
    with database.connect(network.stack.service_database_url("employment")) as connection:
        writer = outbox.open_writer(connection, "test")
        publications = [Publication("hub", key, body.encode(), id)] * many
        committed = outbox.write(connection, writer, publications, outbox.Tally())
        connection.commit()
        outbox.mark(connection, writer, committed().position)


def test_what_a_reader_lost_is_said_again_and_the_rest_is_dropped_as_a_repeat(network: Network) -> None:
    known = len(query(network, "employment", FACTS))  # of other tests
    sender = Sender(network.stack, "barranquilla")
    for one in employers(12):
        sender.submit(one)
    sender.close()
    eventually(lambda: len(query(network, "employment", FACTS)) == known + 12)
    facts = [row[0] for row in query(network, "employment", FACTS)]
    eventually(lambda: query(network, "reports", CAME, facts) == [(len(facts),)])
    before = query(network, "reports", "select sum(repeated) from outbox_writer")[0][0]
    query(network, "reports", "delete from inbox where message_id = %s returning 1", facts[0])

    dry = ruta(network, "--contract", CONTRACT, "--since", "1h")
    assert (dry.returncode, "This was a dry run: nothing was said." in dry.stdout) == (0, True), dry
    assert query(network, "reports", CAME, facts) == [(len(facts) - 1,)]
    done = ruta(network, "--contract", CONTRACT, "--since", "1h", "--run", "--why", "reports was restored", "--yes",
                "--json")  # fmt: skip

    sums = said(done)
    assert (done.returncode, sums["selected"], sums["said"], sums["remaining"]) == (0, len(facts), len(facts), 0)
    eventually(lambda: query(network, "reports", CAME, facts) == [(len(facts),)])
    eventually(
        lambda: query(network, "reports", "select sum(repeated) from outbox_writer")[0][0] >= before + len(facts) - 1
    )
    (entry,) = query(
        network,
        "gateway",
        "select actor, details from audit_entry where act = 'replay_started' and subject = %s",
        sums["operation_id"],
    )
    assert (entry[0], json.loads(entry[1])["services"]) == (actor(), {"employment": len(facts)})
    assert "reports was restored" not in entry[1]
    shown = said(ruta(network, "operation", sums["operation_id"], "--json"))
    assert {one["message_id"] for one in shown["messages"]["employment"]} == {str(one) for one in facts}
    assert "reports was restored" in ruta(network, "operation", sums["operation_id"]).stdout


def test_above_a_thousand_another_user_confirms_it_and_one_alone_is_reviewed(network: Network) -> None:
    sender = Sender(network.stack, "barranquilla")
    sender.submit(*employers(1))
    sender.close()
    eventually(lambda: query(network, "employment", FACTS))
    publish_again(network, 1001)
    asks = ("--contract", CONTRACT, "--since", "1h", "--run", "--why", "reports was restored", "--rate", "1", "--yes")

    asked = ruta(network, *asks, "--json")
    id = said(asked)["operation_id"]
    assert (asked.returncode, said(asked)["started"]) == (1, False)
    assert "another person" in ruta(network, "--confirm", id, "--yes").stderr
    confirmed = said(ruta(network, "--confirm", id, "--yes", "--json", user=ANOTHER))
    (part,) = confirmed["parts"]
    assert (part["asked_by"], part["started_by"], part["rate"]) == (actor(), f"operator:{ANOTHER}", 1.0)
    assert part["said"] <= 25
    stopped = said(ruta(network, "stop", id, "--json"))
    assert (stopped["remaining"], stopped["said"] + stopped["stopped"]) == (0, stopped["selected"])

    alone = said(ruta(network, *asks, "--alone", "--json"))
    assert alone["parts"][0]["review_due"]
    ruta(network, "stop", alone["operation_id"])
    assert "another person" in ruta(network, "review", alone["operation_id"]).stderr
    assert ruta(network, "review", alone["operation_id"], user=ANOTHER).returncode == 0
    assert "replay operation" in failures(network, alone["operation_id"])


def failures(network: Network, operation: str) -> str:
    return commands.ruta(network.stack.state, "failures", "operation", operation).stderr


def test_what_means_nothing_is_said_in_a_sentence(network: Network) -> None:
    for words, sentence in (
        ((), "--contract C --since T"),
        (("--contract", "no.such.v1", "--since", "1h"), "There is no such contract"),
        (("--contract", CONTRACT, "--since", "soon"), "A time is one"),
        (("--contract", CONTRACT, "--since", "1h", "--until", "2h"), "There is no time between"),
        (("--contract", CONTRACT, "--since", "1h", "--run", "--yes"), "A reason is required"),
        (("--contract", CONTRACT, "--since", "1h", "--dry-run", "--run"), "Either --dry-run"),
    ):
        done = ruta(network, *words)
        assert sentence in done.stdout + done.stderr, (words, done)
        assert len(done.stderr.splitlines()) <= 1
    with pytest.raises(OperatorError, match="no such organisation"):
        selection_of(read(), CONTRACT, "maría", "1h", None)
