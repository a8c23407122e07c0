"""`./ruta reconcile` on real servers: what a lost queue had in it is found, named and said again, each once."""

import json
import os
import subprocess
import sys
from typing import Any

import psycopg

from deploy.local import Network
from deploy.local.state import ROOT
from tests.faults.sending import Sender, employers
from tests.waiting import eventually

CAME = """
    select count(*) from inbox where message_id in (
        select message_id from unnest(%s::uuid[]) as sent(message_id))
"""
FACTS = "select message_id from outbox where starts_with(routing_key, 'employer.recorded.')"


def query(network: Network, service: str, sql: Any, *params: Any) -> list[tuple[Any, ...]]:
    with psycopg.connect(network.stack.service_database_url(service), autocommit=True) as connection:
        return connection.execute(sql, params).fetchall()


def ruta(network: Network, *words: str) -> "subprocess.CompletedProcess[str]":
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RUTA_")}
    environment |= {"RUTA_STATE": str(network.stack.state.directory), "PYTHONPATH": str(ROOT), "COLUMNS": "160"}
    command = [sys.executable, "-P", "-m", "deploy.local", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200, check=False)


def test_what_a_deleted_queue_and_a_purged_one_had_in_them_is_named_and_said_again(network: Network) -> None:
    management = network.stack.management
    before = query(network, "employment", FACTS)
    sender = Sender(network.stack, "barranquilla")

    management.delete("queues/hub/reports")
    for one in employers(20):
        sender.submit(one)
    sender.close()
    eventually(lambda: len(query(network, "employment", FACTS)) == len(before) + 20)
    facts = [row[0] for row in query(network, "employment", FACTS) if row not in before]
    eventually(lambda: management.get("queues/hub/unrouted").get("messages", 0) >= 20)
    management.delete("queues/hub/unrouted/contents")  # now nobody but the outbox has them

    def named() -> set[str]:
        found = ruta(network, "reconcile", "--json")
        return {one["message_id"] for one in json.loads(found.stdout)["lost"] if one["to"] == "reports"}

    eventually(lambda: named() >= {str(one) for one in facts})  # what was said just now is not looked at yet
    found = ruta(network, "reconcile", "--json")
    assert found.returncode == 1
    assert "employer.recorded" in ruta(network, "reconcile").stdout

    done = ruta(network, "reconcile", "--say-again", "--why", "a queue was deleted", "--yes", "--json")

    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert json.loads(done.stdout)["lost"] == []
    assert query(network, "reports", CAME, facts) == [(20,)]
    assert ruta(network, "reconcile").returncode == 0
    ((details,),) = query(
        network, "gateway", "select details from audit_entry where act = 'messages_said_again' order by number desc"
    )
    assert json.loads(details)["messages"] >= 20
    assert "a queue was deleted" not in details
