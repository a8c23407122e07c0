"""What a running network is doing: its processes, queues and services, and everything by which problems are known.

Whatever stands or is away, reading ends: each server is asked in a thread of its own, and not waited for longer than
READ_WITHIN. What could not be read has a code in `unread`.
"""

import contextlib
import io
import os
import queue
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from amqp.exceptions import AccessRefused, NotAllowed

from deploy.local import beside, differences, emergency
from deploy.local.beside import Beside
from deploy.local.organisations import network_of
from deploy.local.state import State
from hub.monitor import queues
from messaging import addresses, broker, database, health, inbox
from messaging.broker import BrokerLost
from messaging.topology import GATEWAY, HUB, NETWORK, DeclaredNetwork, Management, TopologyError

READ_WITHIN = 7.0  # seconds, for everything that is read at once
HOSTS_WITHIN = 6.0  # seconds, of these, for all hosts of a server: each has its part

# Two writers take positions in turn, so a difference of positions is no count. Of an outbox that is wholly published
# nothing is read.
UNPUBLISHED = """
    select count(*) as unpublished, min(recorded_at) as since from outbox join outbox_writer using (writer)
    where position > published
      and position > (select min(published) from outbox_writer where published < committed)
"""
# What was erased lies there as well, and wants nothing of anybody.
PARKED = """
    select case when reason = 'erased' then reason else state end as state, count(*) as many from parked group by 1
"""

# Of whom as much is parked as makes it worth a look: from here on half of the room is left, or less.
CROWDED = f"""
    select source, count(*) as messages, round(sum(octet_length(raw)) / 1e6, 1)::float8 as mb
    from parked where source <> 'hub' and reason <> 'erased' group by source
    having count(*) > {inbox.PARKED_OF_ONE_SENDER // 2}
        or sum(octet_length(raw)) > {inbox.PARKED_BYTES_OF_ONE_SENDER // 2}
    order by source
"""

# Whose messages were given up, and why: of confidential cases as operators see it.
GIVEN_UP = """
    select distinct reason, source from operators.parked where state = 'quarantined' and source is not null
    order by source, reason limit 1000
"""

# What waits or is tried again, of each sender for each reason, with the first of it; the same.
WAITS = """
    with together as (
        select state, source, reason, count(*) as messages, sum(size)::bigint as bytes,
               min(greatest(parked_at, operation.started_at)) as since, min(parked_id) as first
        from operators.parked left join parked_operation as operation using (operation_id)
        where state <> 'quarantined' group by state, source, reason
        order by since limit 50
    )
    select together.state, together.source, together.reason as code, messages, bytes, since,
           message_id::text, waiting_for
    from together join operators.parked on parked_id = first order by since
"""

# What one alone has had said again, and nobody else has looked at.
REVIEWS = """
    select operation_id::text, started_at as at, selected as messages from parked_operation
    where review_due and reviewed_at is null order by started_at limit 20
"""

# To count what is in the inbox, which only grows, would take the longer the longer a service has worked.
TAKEN_IN = "select coalesce(sum(received - repeated), 0)::bigint as inbox from outbox_writer"

# What each process has done with messages since it first wrote there.
COUNTS = """
    select process, sum(received)::bigint as received, sum(redelivered)::bigint as redelivered,
           sum(repeated)::bigint as repeated, sum(applied)::bigint as applied, sum(refused)::bigint as refused,
           sum(parked)::bigint as parked
    from outbox_writer group by process order by process
"""

TICKS = os.sysconf("SC_CLK_TCK")

Unread = dict[str, str]  # what could not be read → a code: away, no_answer, refused, …


def read(
    state: State,
    *,
    brief: bool = False,
    environment: Mapping[str, str] = os.environ,
    also: Callable[[Beside], Mapping[str, Callable[[], Any]]] = lambda _: {},
) -> dict[str, Any]:
    """The state of things as plain data; for `problems` to judge, and for tables.

    `running`, `pid`, `http_url` (where partners come in by HTTP), `supervisor` (what `./ruta up` does: `running`,
    `stopped` by SIGSTOP, or None where nobody starts again what ends), `processes`, `queues`, `services`, `broker` (its
    nodes), `differences` (from what is declared), `disks` (of embedded servers), `probes` (what the jobs of `also` have
    read, by name), `emergency` (the local account, as emergency.py has it), `unread`. Memory is in MB (of what
    several share, each its part), queue counts are messages, up to five seconds old, and None where the broker has
    counted nothing (of a queue that is new, or down, or as it has just started). `brief` is for looking every few
    seconds: what costs the servers something is left out (a login to the broker). Where nothing runs and RUTA_* names
    no servers, only `running` is there, and `cut_off` where what ran last was ended without being told to.
    """
    declared = network_of(state)
    place = beside.find(state, declared, environment, within=HOSTS_WITHIN)
    if place is None:
        return {"running": False, **({"cut_off": True} if state.was_cut_off() else {})}
    jobs: dict[str, Callable[[], Any]] = {
        "management": lambda: place.management.get("nodes"),
        "queues": lambda: _queues(place.management),
        "differences": lambda: differences.compare(place.management, declared, state),
        **{f"database {service}": _reader(url) for service, url in place.databases.items()},
    }
    jobs |= {f"probe {name}": job for name, job in also(place).items()}
    if not brief:
        jobs |= {f"broker {vhost}": _login(place.amqp_urls[GATEWAY][vhost]) for vhost in (NETWORK, HUB)}
    said = at_once(jobs, READ_WITHIN)
    found = {name: one for name, one in said.items() if not isinstance(one, Exception)}
    return {
        "running": place.running is not None,
        "pid": place.running["pid"] if place.running else None,
        "http_url": place.running.get("http_url") if place.running else None,
        "supervisor": _doing(place.running["pid"])[0] if place.running else None,
        "processes": _processes(state, place),
        "queues": found.get("queues"),
        "services": {service: found.get(f"database {service}") for service in place.databases},
        "broker": [_node(one) for one in found.get("management", [])],
        "differences": _differences(found.get("differences", []), declared, state),
        "disks": _disks(state, place),
        "probes": {name.split()[1]: one for name, one in found.items() if name.startswith("probe ")},
        "emergency": emergency.told(state, datetime.now(UTC)),
        "unread": {name: code(one) for name, one in said.items() if isinstance(one, Exception)},
    }


def at_once(jobs: Mapping[str, Callable[[], Any]], within: float) -> dict[str, Any]:
    """Do all jobs at once; of each what it returns, or the exception that it raised, TimeoutError after `within`."""
    done: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()

    def do(name: str, job: Callable[[], Any]) -> None:
        try:
            done.put((name, job()))
        except Exception as error:
            done.put((name, error))

    for name, job in jobs.items():  # daemons: one that is never answered holds up nobody's end
        threading.Thread(target=do, args=(name, job), name=f"read {name}", daemon=True).start()
    said: dict[str, Any] = {}
    deadline = time.monotonic() + within
    with contextlib.suppress(queue.Empty):
        while len(said) < len(jobs):
            name, one = done.get(timeout=max(deadline - time.monotonic(), 0))
            said[name] = one
    return {name: said.get(name, TimeoutError()) for name in jobs}


def code(error: Exception) -> str:
    """What kept something from being read, in one word."""
    if isinstance(error, psycopg.Error):
        return _code_of_database(error)
    if isinstance(error, AccessRefused | NotAllowed) or " 401 " in str(error) or " 403 " in str(error):
        return "refused"
    if isinstance(error, TimeoutError) or "timed out" in str(error):
        return "no_answer"
    if isinstance(error, BrokerLost):
        return broker.problem(error)
    return "away" if isinstance(error, TopologyError) else "unreadable"


# PostgreSQL tells why it takes nobody in only in words; with other words than these it is away.
WORDS = (
    ("too many clients", "too_many_clients"),
    ("connection slots", "too_many_clients"),
    ("authentication failed", "refused"),
    ("no pg_hba.conf entry", "refused"),
    ("does not exist", "missing"),
    ("the database system is", "starting"),
    ("No space left on device", "disk_full"),
    ("timeout", "no_answer"),
)
STATES = {
    "53100": "disk_full",
    "53300": "too_many_clients",
    "42P01": "missing",
    "42501": "refused",
    "57014": "no_answer",
}


def _code_of_database(error: psycopg.Error) -> str:
    if error.sqlstate in STATES:
        return STATES[error.sqlstate]
    return next((code for words, code in WORDS if words in str(error)), "away")


# -- the servers -------------------------------------------------------------------------------------------------------


TAKEN = ("ack", "deliver_no_ack", "get_no_ack")  # how a message leaves a queue for good


def _queues(management: Management) -> list[dict[str, Any]]:
    return [_queue(vhost, one) for vhost in (NETWORK, HUB) for one in management.queues(vhost)]


def _queue(vhost: str, said: Mapping[str, Any]) -> dict[str, Any]:
    """What the broker says of a queue, sizes in bytes."""
    limits = said.get("effective_policy_definition") or {}
    messages, size = said.get("messages"), said.get("message_bytes")
    return {
        "vhost": vhost,
        "name": said["name"],
        "messages": messages,
        "size": size,
        "consumers": said.get("consumers"),
        "acknowledged": sum(said.get("message_stats", {}).get(how, 0) for how in TAKEN),
        "state": said.get("state", "running"),
        "room": queues.left(limits, "max-length", messages),
        "room_bytes": queues.left(limits, "max-length-bytes", size),
        "in_per_s": queues.rate(said, "publish_details"),
        "out_per_s": queues.rate(said, "ack_details"),
    }


def _node(node: Mapping[str, Any]) -> dict[str, Any]:
    """What a node of the broker says of itself, sizes in bytes."""
    told = ("name", "running", "mem_alarm", "disk_free_alarm", "partitions", "disk_free", "mem_used", "mem_limit")
    return {name: node.get(name) for name in told}


def _differences(found: list[differences.Difference], declared: DeclaredNetwork, state: State) -> dict[str, Any]:
    """What the broker lacks, in lines; whether a person has to decide; and who has never been provisioned."""
    passwords = state.known_passwords()
    if state.is_being_repaired():  # its user is there for as long
        found = [one for one in found if (one.kind, one.how) != ("users", "undeclared")]
    return {
        "lines": differences.summary(found),
        "for_a_person": differences.summary(one for one in found if one.for_a_person),
        "new": [user for user in declared.users if user not in passwords],
    }


def _login(url: str) -> Callable[[], None]:
    return lambda: broker.drop(broker.connect(url, within=each_within(addresses.read(url, addresses.BROKER))))


def _reader(url: str) -> Callable[[], dict[str, Any]]:
    return lambda: read_service(url)


def read_service(database_url: str) -> dict[str, Any]:
    """What a service has taken in, parked, and not yet published, in messages.

    Raises psycopg.Error when its database is away.
    """
    within = each_within(addresses.read(database_url, addresses.DATABASE))
    with contextlib.closing(database.connect(database_url, within=within)) as connection:
        unpublished = connection.execute(UNPUBLISHED).fetchall()[0]
        return {
            "parked": {row["state"]: row["many"] for row in connection.execute(PARKED).fetchall()},
            "crowded": [dict(row) for row in connection.execute(CROWDED).fetchall()],
            "given_up": [[row["reason"], row["source"]] for row in connection.execute(GIVEN_UP).fetchall()],
            "waits": [row | {"since": row["since"].isoformat()} for row in connection.execute(WAITS).fetchall()],
            "reviews": [row | {"at": row["at"].isoformat()} for row in connection.execute(REVIEWS).fetchall()],
            "unpublished": unpublished["unpublished"],
            "unpublished_since": unpublished["since"].isoformat() if unpublished["since"] else None,
            "counts": [dict(row) for row in connection.execute(COUNTS).fetchall()],
            "inbox": connection.execute(TAKEN_IN).fetchall()[0]["inbox"],
        }


def each_within(address: addresses.Address) -> float:
    """The seconds for each host of a server."""
    return HOSTS_WITHIN / max(len(address.hosts), 1)


def _disks(state: State, place: Beside) -> list[dict[str, Any]]:
    """The file systems on which embedded servers of this machine keep what they have, in MB."""
    homes = {"postgres": state.directory / "postgres" / "data", "rabbitmq": state.directory / "rabbitmq"}
    disks = []
    for server, home in homes.items():
        if place.running is not None and server in place.running["processes"]:
            with contextlib.suppress(OSError):
                usage = shutil.disk_usage(home)
                sizes = {"free_mb": round(usage.free / 1e6, 1), "size_mb": round(usage.total / 1e6, 1)}
                disks.append({"server": server, "path": str(home), **sizes})
    return disks


# -- processes ---------------------------------------------------------------------------------------------------------


def _processes(state: State, place: Beside) -> list[dict[str, Any]]:
    """What `./ruta up` keeps running; beside real servers, whatever says something of itself on this machine."""
    if place.running is not None:
        known = place.running["processes"]
    else:
        said = {file.stem: health.read(file) for file in sorted(state.health.glob("*.json"))}
        known = {
            name: {"pid": one["pid"] if health.started(one["pid"]) == one.get("started") else None, "restarts": 0}
            for name, one in said.items()
            if one
        }
    return [_process(state, name, process) for name, process in known.items()]


def _process(state: State, name: str, process: Mapping[str, Any]) -> dict[str, Any]:
    pid = process["pid"]
    doing, age = _doing(pid)
    file = state.health / f"{name}.json"
    said = health.read(file)
    told: dict[str, Any] = {
        "name": name,
        "pid": pid,
        "log": str(state.logs / f"{name}.log"),
        "health": str(file),
        "memory_mb": _memory_mb(pid),
        "restarts": process["restarts"],
        "state": process.get("state") or doing,
        "age": age,  # seconds since it was started
        "heartbeat_age": None,  # seconds; of one that says nothing of itself, None
        "problems": [],
        "clocks": {},
        "counts": {},  # what it has done since it began, by its own word
        "last_words": process.get("last_words"),  # why it is dead, as its supervisor has noted it
    }
    if said is not None and said["pid"] == pid:  # and not of an earlier life
        with contextlib.suppress(OSError):
            told["heartbeat_age"] = round(time.time() - file.stat().st_mtime, 1)
        told |= {"problems": said["problems"], "clocks": said["clocks"], "counts": said.get("counts", {})}
    return told


def _doing(pid: int | None) -> tuple[str, float | None]:
    """Whether a process is `running`, `stopped` (by SIGSTOP) or `dead`, and its age in seconds."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        up = float(Path("/proc/uptime").read_text().split()[0])
    except (OSError, IndexError):
        return "dead", None
    doing = {"T": "stopped", "t": "stopped", "Z": "dead", "X": "dead"}.get(words[0], "running")
    return doing, round(up - int(words[19]) / TICKS, 1)


def _memory_mb(pid: int | None) -> float | None:
    """What a process holds: of what it shares with others, its part (Linux calls it the proportional set size)."""
    try:
        said = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:  # it has ended, or is somebody else's
        return None
    return next(round(int(line.split()[1]) * 1024 / 1e6, 1) for line in said.splitlines() if line.startswith("Pss:"))


# -- for a person ------------------------------------------------------------------------------------------------------


def as_text(status: dict[str, Any]) -> str:
    """The same, as tables for a person, no wider than the terminal; what is wrong comes from `problems.as_text`."""
    from rich.console import Console
    from rich.table import Table

    if "processes" not in status:
        return "Ruta is not running."
    out = Console(file=io.StringIO(), width=shutil.get_terminal_size((80, 24)).columns)
    processes = Table("process", "pid", "state", "memory MB", "restarts", box=None)
    for process in status["processes"]:
        processes.add_row(*(_shown(process[column]) for column in ("name", "pid", "state", "memory_mb", "restarts")))
    queues = Table("queue", "virtual host", "messages", "consumers", box=None)
    for one in status["queues"] or []:
        queues.add_row(*(_shown(one[column]) for column in ("name", "vhost", "messages", "consumers")))
    services = Table("service", "taken in", "waiting", "retry", "quarantined", "unpublished", box=None)
    for name, service in status["services"].items():
        parked = (service or {}).get("parked")
        counts = [parked.get(state, 0) if parked is not None else None for state in ("waiting", "retry", "quarantined")]
        services.add_row(
            name, *(_shown(n) for n in ((service or {}).get("inbox"), *counts, (service or {}).get("unpublished")))
        )
    if status.get("http_url"):
        out.print(f"By HTTP: {status['http_url']}\n", soft_wrap=True, highlight=False, markup=False)
    if text := emergency.as_text(status["emergency"]):
        out.print(f"{text}\n", soft_wrap=True, highlight=False, markup=False)
    for table in (processes, queues, services):
        for column in table.columns:
            column.overflow = "fold"
        out.print(table)
        out.print()
    whole: str = out.file.getvalue()  # type: ignore[attr-defined]  # the StringIO from above
    return whole.rstrip()


def _shown(value: object) -> str:
    return "?" if value is None else str(value)
