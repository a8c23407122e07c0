"""What a running network is doing: its processes, its queues, and what its services have taken in and set aside."""

import io
import os
from pathlib import Path
from typing import Any

from deploy.local.state import State
from messaging.topology import HUB, NETWORK, Management, TopologyError

# Two writers take positions in turn, so a difference of positions is no count. Of an outbox that is wholly published
# nothing is read.
UNPUBLISHED = """
    select count(*) from outbox join outbox_writer using (writer)
    where position > published
      and position > (select min(published) from outbox_writer where published < committed)
"""

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def read(state: State) -> dict[str, Any]:
    """The state of things as plain data: `running`, `processes`, `queues`, `services`.

    Memory is in MB (resident), queue counts are messages, up to five seconds old.
    """
    running = state.read_running()
    if running is None:
        return {"running": False}
    return {
        "running": True,
        "pid": running["pid"],
        "processes": [
            {
                "name": name,
                "pid": process["pid"],
                "memory_mb": _memory_mb(process["pid"]),
                "restarts": process["restarts"],
            }
            for name, process in running["processes"].items()
        ],
        "queues": _queues(Management(running["management_url"])),
        "services": {service: read_service(url) for service, url in running["databases"].items()},
    }


def _memory_mb(pid: int | None) -> float | None:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return None
    return round(pages * PAGE_BYTES / 1e6, 1)


def _queues(management: Management) -> list[dict[str, Any]] | None:
    try:
        return [
            {
                "vhost": vhost,
                "name": queue["name"],
                "messages": queue.get("messages", 0),
                "consumers": queue.get("consumers", 0),
            }
            for vhost in (NETWORK, HUB)
            for queue in management.queues(vhost)
        ]
    except TopologyError:
        return None


def read_service(database_url: str) -> dict[str, Any] | None:
    """What a service has taken in, set aside, and not yet published, in messages; None when its database is away."""
    import psycopg

    try:
        with psycopg.connect(database_url, connect_timeout=5) as connection:
            [(inbox,)] = connection.execute("select count(*) from inbox")
            parked: dict[str, int] = dict(
                connection.execute("select state, count(*) from parked group by state").fetchall()
            )
            [(unpublished,)] = connection.execute(UNPUBLISHED)
    except psycopg.Error:
        return None
    return {"inbox": inbox, "parked": parked, "unpublished": unpublished}


def as_text(status: dict[str, Any]) -> str:
    """The same, as tables for a person."""
    from rich.console import Console
    from rich.table import Table

    if not status["running"]:
        return "Ruta is not running."
    out = Console(file=io.StringIO(), width=100)
    processes = Table("process", "pid", "memory MB", "restarts", box=None)
    for process in status["processes"]:
        processes.add_row(*(_shown(process[column]) for column in ("name", "pid", "memory_mb", "restarts")))
    queues = Table("queue", "virtual host", "messages", "consumers", box=None)
    for queue in status["queues"] or []:
        queues.add_row(*(_shown(queue[column]) for column in ("name", "vhost", "messages", "consumers")))
    services = Table("service", "taken in", "waiting", "retry", "quarantined", "unpublished", box=None)
    for name, service in status["services"].items():
        parked = (service or {}).get("parked")
        counts = [parked.get(state, 0) if parked is not None else None for state in ("waiting", "retry", "quarantined")]
        services.add_row(
            name, *(_shown(n) for n in ((service or {}).get("inbox"), *counts, (service or {}).get("unpublished")))
        )
    for table in (processes, queues, services):
        out.print(table)
        out.print()
    text: str = out.file.getvalue()  # type: ignore[attr-defined]  # the StringIO from above
    return text.rstrip()


def _shown(value: object) -> str:
    return "?" if value is None else str(value)
