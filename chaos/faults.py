"""The faults: what happens, what ends it, by what an operator is told, and the one command that heals it.

A fault without a command heals by itself. `told` are the codes of deploy/local/problems.py, one of which has to be
found; `what` is the part of the network that it has to name.
"""

import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import psycopg

from chaos.place import Place
from deploy.local.problems import Found

Act = Callable[[Place], object]


def _nothing(place: Place) -> None:
    """What passes by itself."""


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong."""

    name: str
    """As the table calls it."""
    strike: Act
    told: Sequence[str]
    what: str = ""
    lasts: float = 0.0  # seconds until `over`
    over: Act = _nothing
    command: Sequence[str] = ()  # of ./ruta; run once somebody was told
    proxies: bool = False  # whether it needs a network behind proxies
    short: bool = False  # whether it is part of the suite

    def tells(self, found: Found) -> bool:
        """Whether an operator who reads this knows what has happened."""
        return found.code in self.told and self.what in found.what


def _kill(name: str) -> Act:
    return lambda place: place.process(name).kill()


def _signal(name: str, number: signal.Signals) -> Act:
    return lambda place: os.kill(place.pid(name), number)


def _ctl(*arguments: str) -> Act:
    return lambda place: place.rabbitmqctl(*arguments)


def _delete(path: str) -> Act:
    return lambda place: place.management.delete(path)


def _terminate_every_hub_process(place: Place) -> None:
    """As when somebody ends all of them politely, to upgrade, say: the supervisor brings each back."""
    servers = {server.name for server in place.servers.servers}
    for name, process in place.ground.network.processes.items():
        if name not in servers and (pid := process.pid) is not None:
            os.kill(pid, signal.SIGTERM)


END_SESSIONS = (
    "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and usename is not null"
)
A_DAY_SLOW: Mapping[str, str] = {
    "schema": "create schema if not exists shifted",
    "function": "create or replace function shifted.clock_timestamp() returns timestamptz language sql as "
    "$$ select pg_catalog.clock_timestamp() - interval '1 day' $$",
}


def _purge(place: Place) -> None:
    """Purge what waits for referrals: with its reader killed, that is all it had in hand, and what comes meanwhile."""
    place.process("referrals").kill()
    until = time.monotonic() + 3
    while time.monotonic() < until:
        place.management.delete("queues/hub/referrals/contents")


def _set_clock_back(place: Place) -> None:
    """PostgreSQL tells the service `referrals` another time, in every session that begins now."""
    with psycopg.connect(place.ground.stack.service_database_url("referrals"), autocommit=True) as own:
        for statement in A_DAY_SLOW.values():
            own.execute(statement.encode())
    place.in_database("alter role referrals set search_path = shifted, pg_catalog, public")
    place.in_database(f"{END_SESSIONS} and usename = 'referrals'")


def _set_clock_right(place: Place) -> None:
    place.in_database("alter role referrals reset search_path")
    place.in_database(f"{END_SESSIONS} and usename = 'referrals'")


def _swallow(place: Place) -> None:
    assert place.database is not None
    place.database.listening.clear()


def _listen(place: Place) -> None:
    assert place.database is not None
    place.database.listening.set()


def _swallow_broker(place: Place) -> None:
    for proxy in place.brokers:
        proxy.listening.clear()


def _listen_to_broker(place: Place) -> None:
    for proxy in place.brokers:
        proxy.listening.set()


def _cut_everything(place: Place) -> None:
    for proxy in place.brokers:
        proxy.cut()


def _close_one_host(place: Place) -> None:
    place.brokers[0].close()


REPAIR = ("repair", "--yes")
RECONCILE = ("reconcile", "--say-again", "--why", "a fault on purpose", "--yes")  # it repairs what it needs
LOW, HIGH = "0.0000001", "0.4"
GAP = "reconciliation_gap"  # no problem of what stands now: an alert, and what `./ruta reconcile` exits with
RESTARTED = ("restarted", "dead")
FROZEN = ("frozen", "restarted", "dead")
AWAY = ("away", "dead", "restarted", "refused", "starting", "no_answer")

FAULTS: Sequence[Fault] = (
    Fault("kill -9 of the gateway", _kill("gateway"), RESTARTED, "gateway", short=True),
    Fault("kill -9 of the entrance by HTTP", _kill("gateway-http"), RESTARTED, "gateway-http"),
    Fault("kill -9 of the courier", _kill("courier"), RESTARTED, "courier"),
    Fault("kill -9 of referrals", _kill("referrals"), RESTARTED, "referrals", short=True),
    Fault("kill -9 of intake", _kill("intake"), RESTARTED, "intake"),
    Fault("kill -9 of the relay", _kill("relay"), RESTARTED, "relay"),
    Fault("kill -9 of what starts the services", _kill("forkserver"), RESTARTED, "forkserver"),
    Fault("SIGTERM to every process of the hub", _terminate_every_hub_process, RESTARTED),
    Fault("SIGSTOP of referrals, for good (D3)", _signal("referrals", signal.SIGSTOP), FROZEN, "referrals"),
    Fault("SIGSTOP of the gateway, for good", _signal("gateway", signal.SIGSTOP), FROZEN, "gateway"),
    Fault("kill -9 of the broker", _kill("rabbitmq"), AWAY, short=True),
    Fault(
        "SIGSTOP of the broker for 8 s",
        _signal("rabbitmq", signal.SIGSTOP),
        (*FROZEN, "no_answer"),
        lasts=8,
        over=_signal("rabbitmq", signal.SIGCONT),
    ),
    Fault(
        "memory alarm of the broker for 8 s (D4)",
        _ctl("set_vm_memory_high_watermark", LOW),
        ("memory_alarm",),
        lasts=8,
        over=_ctl("set_vm_memory_high_watermark", HIGH),
    ),
    Fault(
        "disk alarm of the broker for 8 s (D4)",
        _ctl("set_disk_free_limit", "900000GB"),
        ("disk_alarm",),
        lasts=8,
        over=_ctl("set_disk_free_limit", "50MB"),
    ),
    Fault("all connections to the broker closed", _ctl("close_all_connections", "--global", "chaos"), ()),
    Fault("kill -9 of PostgreSQL", _kill("postgres"), AWAY, short=True),
    Fault(
        "SIGSTOP of PostgreSQL for 8 s",
        _signal("postgres", signal.SIGSTOP),
        (*FROZEN, "no_answer"),
        lasts=8,
        over=_signal("postgres", signal.SIGCONT),
    ),
    Fault("every session of PostgreSQL ended", lambda place: place.in_database(END_SESSIONS), ()),
    Fault(
        "PostgreSQL's clock a day slow for 20 s (D7)",
        _set_clock_back,
        ("clocks_apart",),
        lasts=20,
        over=_set_clock_right,
    ),
    Fault(
        "a binding deleted (D5)",
        _delete("bindings/hub/e/routes/q/referrals/referral.received.*"),
        ("missing", "dead_lettered"),
        command=REPAIR,
        short=True,
    ),
    Fault(
        "an exchange deleted (D5)",
        _delete("exchanges/network/submit.americares"),
        ("missing",),
        "americares",
        command=REPAIR,
    ),
    Fault("a user deleted (D5)", _delete("users/intake"), ("missing", "refused"), command=REPAIR),
    Fault(
        "a queue deleted with what is in it (D5, D6)",
        _delete("queues/hub/referrals"),
        ("missing",),
        "referrals",
        command=RECONCILE,
        short=True,
    ),
    Fault("a queue purged (D6)", _purge, (GAP,), command=RECONCILE),
    Fault("PostgreSQL's answers swallowed for 3 s (D1)", _swallow, ("no_answer",), lasts=3, over=_listen, proxies=True),
    Fault(
        "PostgreSQL's answers swallowed for 30 s (D1)", _swallow, ("no_answer",), lasts=30, over=_listen, proxies=True
    ),
    Fault(
        "the broker's answers and confirms swallowed for 3 s",
        _swallow_broker,
        ("no_answer",),
        lasts=3,
        over=_listen_to_broker,
        proxies=True,
    ),
    Fault("every connection to the broker cut in the middle", _cut_everything, (), proxies=True),
    Fault("one of the broker's two hosts gone for good (D2)", _close_one_host, ("away",), proxies=True),
)
