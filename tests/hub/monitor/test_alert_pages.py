"""An alert's page begins with the command that shows or mends that very thing, as does what status says of it."""

import re
from dataclasses import asdict
from typing import Any, Final

import pytest

from deploy.local import problems
from hub.monitor.alerts import pages, rules
from tests.hub.monitor.test_alert_rules import AT, SETTINGS, ago, well

COMMAND: Final = re.compile(r"\./ruta [a-z]+|less \+G|kill -(?:CONT|9)|df -h|timedatectl|rabbitmqctl cluster_status")
QUEUE: Final = {
    "vhost": "hub", "name": "intake", "messages": 0, "size": 0, "consumers": 1, "state": "running", "room": None,
    "room_bytes": None,
}  # fmt: skip
NODE: Final = {
    "name": "ruta@a", "running": True, "mem_alarm": False, "disk_free_alarm": False, "partitions": [],
    "disk_free": 9e9, "mem_used": 1e9, "mem_limit": 2e9,
}  # fmt: skip
PROCESS: Final = {
    "name": "intake", "pid": 7, "log": "/ruta/logs/intake.log", "health": "/ruta/health/intake.json", "age": 900.0,
    "heartbeat_age": 1.0, "state": "running", "restarts": 0, "problems": [], "clocks": {}, "last_words": None,
}  # fmt: skip


def network(**more: Any) -> dict[str, Any]:
    """What status reads of a network in which nothing is wrong."""
    return {
        "pid": 1, "supervisor": "running", "disks": [], "processes": [PROCESS], "unread": {}, "broker": [NODE],
        "differences": {"lines": [], "for_a_person": [], "new": []}, "queues": [QUEUE], "emergency": {"uses": []},
        "services": {"intake": {"parked": {}, "crowded": []}},
    } | more  # fmt: skip


def process(**more: Any) -> dict[str, Any]:
    return network(processes=[PROCESS, PROCESS | more])


def node(**more: Any) -> dict[str, Any]:
    return network(broker=[NODE | more])


def a_queue(**more: Any) -> dict[str, Any]:
    return network(queues=[QUEUE | more])


def a_service(**more: Any) -> dict[str, Any]:
    return network(services={"intake": {"parked": {}, "crowded": []} | more})


SAID_FIRST: dict[str, list[dict[str, Any]]] = {
    "network_ended": [{"cut_off": True}],
    "supervisor_frozen": [network(supervisor="stopped")],
    "disk_full": [network(disks=[{"server": "rabbitmq", "path": "/ruta", "free_mb": 1.0, "size_mb": 9.0}])],
    "broker_alarm": [node(mem_alarm=True), node(disk_free_alarm=True)],
    "broker_degraded": [node(running=False), node(partitions=["ruta@b"]), a_queue(state="down")],
    "clock_apart": [process(clocks={"the database": 900.0})],
    "broker_differs": [
        network(differences={"lines": ["queue intake (hub) is missing"], "for_a_person": [], "new": []}),
        network(differences={"lines": ["queue x (hub) differs"], "for_a_person": ["queue x (hub) differs"], "new": []}),
        network(differences={"lines": [], "for_a_person": [], "new": ["iom"]}),
    ],
    "process_dead": [process(state="dead")],
    "reader_frozen": [process(state="stopped"), process(state="frozen"), process(heartbeat_age=90.0)],
    "monitor_dead": [process(name="monitor", state="dead"), process(name="alerts", state="stopped")],
    "no_consumer": [a_queue(messages=3, consumers=0)],
    "quarantine": [a_service(parked={"quarantined": 2})],
    "dead_lettered": [a_queue(name="dead", messages=2)],
    "log_behind": [
        a_queue(name="log", messages=90, room=10), a_queue(name="log", messages=5, size=900, room=95, room_bytes=0),
    ],
    "emergency_used": [
        network(emergency={"uses": [{"id": "0a1b2c3d", "by": "operator:0", "since": "2026-11-28T08:00+00:00"}]})
    ],
    "process_says": [process(problems=[{"what": "mail server", "code": "x", "error": None, "since": ago(hours=1)}])],
    "parked_much": [a_service(crowded=[{"source": "iom", "messages": 9, "mb": 80.0}])],
}  # fmt: skip


@pytest.mark.parametrize(("name", "now"), [(name, now) for name, these in SAID_FIRST.items() for now in these])
def test_what_status_says_first_of_an_alert_its_page_says_too(name: str, now: dict[str, Any]) -> None:
    (found,) = problems.find(now)
    (alert,) = rules.find(well() | {"problems": [asdict(found)]}, SETTINGS, AT)
    assert alert.name == name
    commands = COMMAND.findall(found.first)
    assert commands
    page = pages.read()[name]
    assert commands[0] in page.first or commands[0] in page.next[0] or commands[0] in page.next[1], found.first


# Of these the sentence itself says what to do: what cannot be read, and why, and which file has to be renewed.
IN_WORDS: Final = {"broker_away", "database_away", "certificate"}


def test_each_page_begins_with_the_command_that_shows_or_mends_this_very_thing() -> None:
    assert {name: COMMAND.findall(page.first)[:1] for name, page in pages.read().items() if name not in IN_WORDS} == {
        name: [first] for name, first in FIRST.items()
    }


@pytest.mark.parametrize("name", pages.read())
def test_what_a_page_has_somebody_type_does_something(name: str) -> None:
    """The first is a command alone; and no group of commands is named without one of them: that shows its help."""
    page = pages.read()[name]
    assert not (page.first.startswith("./ruta ") and re.search("[,;:]", page.first)), page.first
    for said in (page.first, *page.next):
        assert not re.search(r"\./ruta (audit|directory|emergency|events|partner|staff)(?! [a-z])", said), said


FIRST: Final = {
    "network_ended": "./ruta up",
    "supervisor_frozen": "kill -CONT",
    "disk_full": "df -h",
    "broker_alarm": "./ruta queue",
    "broker_degraded": "rabbitmqctl cluster_status",
    "clock_apart": "timedatectl",
    "broker_differs": "./ruta repair",
    "process_dead": "less +G",
    "reader_frozen": "kill -CONT",
    "monitor_dead": "less +G",
    "no_consumer": "less +G",
    "queue_old": "./ruta queue",
    "own_service_behind": "./ruta partner",
    "outbox_old": "./ruta status",  # which counts what is not published, and since when
    "referral_overdue": "less +G",
    "reconciliation_gap": "./ruta reconcile",
    "quarantine": "./ruta failures",
    "dead_lettered": "./ruta repair",
    "read_table_lag": "less +G",
    "log_behind": "./ruta queue",
    "audit_broken": "./ruta audit",
    "emergency_used": "./ruta emergency",
    "process_says": "less +G",
    "parked_much": "./ruta failures",
    "organisation_silent": "./ruta partner",
    "organisation_unread": "./ruta partner",
}
