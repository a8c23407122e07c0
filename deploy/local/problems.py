"""What is wrong with a network, from what `status.read` has found: each problem in one sentence, and what to do first.

Causes come before what follows from them, so whoever begins at the top begins at the right end.
"""

import logging
import textwrap
import threading
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from deploy.local import status
from deploy.local.state import State
from hub.monitor.alerts import rules
from messaging import inbox
from messaging.clocks import APART
from messaging.log import describe
from messaging.topology import COURIER, GATEWAY, HUB, LEDGER, LOG, NETWORK

FULL_BELOW_MB = (
    200  # of an embedded server's disk: RabbitMQ takes nothing more below 50, PostgreSQL writes 16 at a time
)
SILENT_AFTER = 15.0  # seconds without a heartbeat, of which there is one each second, until it is told
JUST_NOW = 30.0  # seconds since a process was started again
NEARLY_FULL = 0.8  # of what the log's queue may hold
LINES = 6  # of things missing that are told one by one

REPAIR = "./ruta repair"
NODES = "rabbitmqctl cluster_status"

log = logging.getLogger("ruta.watch")


@dataclass(frozen=True)
class Found:
    """One problem; `code` and `what` tell it from others for as long as it lasts."""

    code: str
    what: str  # such as `rabbitmq`, `queue referrals (hub)`
    text: str  # one sentence
    first: str  # the first thing to do
    seen_in: str = ""  # the part of what is read where it stands: while that cannot be read, nothing is known of it


def find(now: Mapping[str, Any]) -> list[Found]:
    """Everything that is wrong in what `status.read` returned; nothing where nothing runs."""
    if now.get("cut_off"):
        text = "Ruta was ended without being told to (it was killed, or the machine was): nothing is taken in."
        return [Found("ended", "network", text, "./ruta up")]
    if "processes" not in now:
        return []
    looks = {
        _disks: "", _processes: "", _servers: "", _nodes: "management", _definitions: "differences", _queues: "queues",
        _log_full: "queues", _dead_lettered: "queues", _said: "", _clocks: "", _given_up: "database",
        _crowded: "database", _emergency: "",
    }  # fmt: skip
    return [replace(one, seen_in=part) for look, part in looks.items() for one in look(now)]


def _disks(now: Mapping[str, Any]) -> Iterator[Found]:
    for disk in now["disks"]:
        if disk["free_mb"] < FULL_BELOW_MB:
            yield Found(
                "disk_full",
                disk["server"],
                f"The disk of {disk['server']} is full: {disk['free_mb']:.0f} of {disk['size_mb']:.0f} MB are free, "
                "and what arrives waits.",
                f"make room: df -h {disk['path']}",
            )


def _processes(now: Mapping[str, Any]) -> Iterator[Found]:
    supervisor, wake_it = now["supervisor"], f"kill -CONT {now['pid']}"
    if supervisor == "stopped":
        text = "The supervisor (`./ruta up`) has stood still: what ends is not started again."
        yield Found("frozen", "supervisor", text, wake_it)
    started = "it is started" if supervisor else "start it"
    for process in now["processes"]:
        name, log_file = process["name"], f"less +G {process['log']}"
        age, silent = process["age"], process["heartbeat_age"]
        if process["state"] == "dead":
            why = f": {process['last_words']}" if process["last_words"] else ""
            if supervisor is None:
                first = f"start it again; where it is not wanted any more: rm {process['health']}"
                yield Found("dead", name, f"Process {name} has ended without being told to{why}.", first)
            elif supervisor == "running":
                yield Found("dead", name, f"Process {name} is dead and is being started again{why}.", log_file)
            else:
                yield Found("dead", name, f"Process {name} is dead, and nobody starts it again{why}.", wake_it)
        elif process["state"] in ("stopped", "frozen") or (silent is not None and silent > SILENT_AFTER):
            since = f" for {silent:.0f} s" if silent is not None and silent > SILENT_AFTER else ""
            yield Found(
                "frozen",
                name,
                f"Process {name} has stood still{since}: what is for it waits.",
                f"kill -CONT {process['pid']}"
                if process["state"] == "stopped"
                else f"kill -9 {process['pid']} ({started} again, and nothing is lost)",
            )
        elif process["restarts"] and age is not None and age < JUST_NOW:
            text = f"Process {name} has died and was started again ({_times(process['restarts'])})."
            yield Found("restarted", name, text, log_file)


def _times(restarts: int) -> str:
    return "once so far" if restarts == 1 else f"{restarts} times so far"


# What a code says of a server that could not be read, after its name.
SERVERS = {
    "away": "is away: nothing answers at its address",
    "no_answer": "takes connections and does not answer",
    "refused": "refuses our user or its password",
    "too_many_clients": "takes no more clients: all its connections are in use",
    "starting": "is starting or stopping, and takes nobody in yet",
    "missing": "does not have what `./ruta provision` makes there",
    "disk_full": "has no space left on its disk",
}
FIRST = {
    "away": "see whether it runs, and its log",
    "no_answer": "see whether its machine or what is in between stands",
    "refused": "./ruta provision (it sets the passwords; with ./ruta up: ./ruta down, then ./ruta up)",
    "too_many_clients": "see who holds them: select usename, count(*) from pg_stat_activity group by 1",
    "starting": "wait a minute, then see its log",
    "missing": "./ruta provision (with ./ruta up: ./ruta down, then ./ruta up)",
    "disk_full": "make room on its machine: df -h",
    "expired": "renew the files that RUTA_HTTP_CERTIFICATE and RUTA_HTTP_KEY name, of the console RUTA_CONSOLE_…: "
    "they are taken in within a second",
    "unusable": "see whether the files that RUTA_HTTP_CERTIFICATE and RUTA_HTTP_KEY name, of the console "
    "RUTA_CONSOLE_…, are whole and belong together",
    "login_refused": "set user and password in RUTA_SMTP_URL, then ./ruta down and ./ruta up",
    "sender_refused": "set RUTA_SMTP_FROM to an address that its user may send from, then ./ruta down and ./ruta up",
    "no_tls": "see whether the server of RUTA_SMTP_URL offers STARTTLS, and whose certificate it has",
}


SAID = {  # of a code, after what it is about
    "away": "is away",
    "no_answer": "does not answer",
    "busy": "is busy",
    "refused": "refuses its user",
    "incomplete": "lacks what it asks for",
    "missing": "is missing",
    "disk_full": "has no space left on its disk",
    "clocks_apart": "are apart",
    "expired": "has expired: who checks it does not come in",
    "unwritten": "cannot be written: what is to be recorded waits",
    "unusable": "cannot be used in its new form: the one before it is served still",
    "no_credentials": "has no API key of a system `console` in its credentials.json",
    "answered_401": "is not read: its API key opens nothing any more",
    "login_refused": "refuses the user of RUTA_SMTP_URL: no mail is sent",
    "sender_refused": "does not let its user send from RUTA_SMTP_FROM: no mail is sent",
    "no_tls": "cannot be spoken to encrypted: no mail is sent",
    "database_away": "waits: the database is away",
    "database_no_answer": "waits: the database does not answer",
    "database_busy": "waits: the database is busy",
}


def _servers(now: Mapping[str, Any]) -> Iterator[Found]:
    unread: Mapping[str, str] = now["unread"]
    databases = {name.split()[1]: code for name, code in unread.items() if name.startswith("database ")}
    for code in sorted(set(databases.values())):
        of = [service for service, said in databases.items() if said == code]
        yield _server(code, "database", f"The database of {_listed(of)}")
    if "management" in unread:
        yield _server(unread["management"], "management", "The broker's management interface")
    else:
        for name in ("queues", "differences"):
            if name in unread:
                yield _server(unread[name], f"management of {name}", f"The broker, asked for its {name},")
    logins = {name.split()[1]: code for name, code in unread.items() if name.startswith("broker ")}
    for code in sorted(set(logins.values())):
        where = _listed([vhost for vhost, said in logins.items() if said == code])
        yield _server(code, "broker", f"The broker (virtual host {where})", {"refused": REPAIR})


def _server(code: str, what: str, name: str, first: Mapping[str, str] | None = None) -> Found:
    said = SERVERS.get(code, "could not be read")
    return Found(code, what, f"{name} {said}.", (first or {}).get(code) or FIRST.get(code, "./ruta status"))


def _nodes(now: Mapping[str, Any]) -> Iterator[Found]:
    for node in now["broker"]:
        name = node["name"]
        if not node["running"]:
            yield Found("node_away", name, f"Node {name} of the broker does not run.", NODES)
            continue
        if node["mem_alarm"]:
            used = f"{node['mem_used'] / 1e6:,.0f} of {node['mem_limit'] / 1e6:,.0f} MB"
            yield Found(
                "memory_alarm",
                name,
                f"The broker has its memory alarm on ({name}, {used}): it takes nothing, and all senders wait.",
                "./ruta queue",
            )
        if node["disk_free_alarm"]:
            yield Found(
                "disk_alarm",
                name,
                f"The broker has its disk alarm on ({name}, {node['disk_free'] / 1e6:,.0f} MB free): it takes nothing, "
                "and all senders wait.",
                "make room on its disk (it goes on by itself): df -h",
            )
        if node["partitions"]:
            cut = _listed(node["partitions"])
            text = f"Node {name} of the broker is cut off from {cut}."
            yield Found("partition", name, text, NODES)


def _definitions(now: Mapping[str, Any]) -> Iterator[Found]:
    differences = now["differences"]
    lines: list[str] = differences["lines"]
    if differences["new"]:
        new = _listed(differences["new"])
        text = f"deploy/network.toml declares {new}, for whom nothing has been made yet."
        yield Found("unprovisioned", "network", text, "./ruta down, then ./ruta up (or ./ruta provision)")
        return
    if any(line.startswith("virtual host") for line in lines):
        text = "The broker lacks a whole virtual host, and what belongs there."
        yield Found("missing", "virtual host", text, REPAIR)
        return
    for line in lines[:LINES] if len(lines) > LINES + 1 else lines:
        person = line in differences["for_a_person"]
        first = f"{REPAIR} --dry-run (empty it and delete it before it can be made again)" if person else REPAIR
        yield Found("different" if person else "missing", line, f"{line[0].upper()}{line[1:]}.", first)
    if len(lines) > LINES + 1:
        text = f"{len(lines) - LINES} more things are not on the broker as they are declared."
        yield Found("missing", "more", text, REPAIR)


def _queues(now: Mapping[str, Any]) -> Iterator[Found]:
    """Queues that are down, and those of the hub's own where messages wait and nobody reads."""
    for queue in now["queues"] or []:
        name, waiting = f"{queue['name']} ({queue['vhost']})", queue["messages"]
        if queue["state"] in ("down", "minority", "crashed", "stopped"):
            text = f"Queue {name} is down ({queue['state']}): too few of the broker's nodes hold it."
            yield Found("queue_down", name, text, NODES)
        reader = _reader(queue["vhost"], queue["name"], now["services"])
        if reader and waiting and queue["consumers"] == 0:
            text = f"{_messages(waiting)} in queue {name}, and nobody reads it."
            known = [one["log"] for one in now.get("processes", ()) if one["name"] == reader]
            first = f"less +G {known[0]}" if known else f"see whether {reader} runs, and its log"
            yield Found("nobody_reads", name, text, first)


def _reader(vhost: str, queue: str, services: Iterable[str]) -> str | None:
    """The process of the hub that reads a queue; None of one that is for organisations or for nobody."""
    if vhost == NETWORK:
        return GATEWAY if queue.startswith("submit.") else None
    if queue in (LEDGER, *services):
        return COURIER if queue == LEDGER else queue
    return GATEWAY if queue.startswith(("deliver.", "submitted.")) else None


def _log_full(now: Mapping[str, Any]) -> Iterator[Found]:
    """The one queue that refuses nothing where it is full: it drops its oldest, and nobody is told then."""
    for queue in now["queues"] or []:
        if (queue["vhost"], queue["name"]) == (HUB, LOG):
            used = max(_used(queue["messages"], queue["room"]), _used(queue["size"], queue["room_bytes"]))
            if used >= NEARLY_FULL:
                text = f"Queue {LOG} ({HUB}) is {used:.0%} full: beyond that its oldest are dropped, and the message "
                yield Found("log_full", LOG, f"{text}log never has them.", f"./ruta queue {LOG}")


def _used(many: int | None, room: int | None) -> float:
    """How much of what it may hold is in a queue; 0 where that has no limit, or nobody has counted it."""
    return many / (many + room) if many and room is not None else 0.0


def _dead_lettered(now: Mapping[str, Any]) -> Iterator[Found]:
    for queue in now["queues"] or []:
        if queue["name"] in ("unrouted", "dead") and queue["messages"]:
            why = "no queue took them" if queue["name"] == "unrouted" else "each was delivered twenty times in vain"
            name = f"{queue['name']} ({queue['vhost']})"
            yield Found("dead_lettered", name, f"{_messages(queue['messages'])} in {name}: {why}.", REPAIR)


def _messages(many: int) -> str:
    return "1 message waits" if many == 1 else f"{many:,} messages wait"


def _said(now: Mapping[str, Any]) -> Iterator[Found]:
    """What processes say of themselves; of several that say the same, one sentence."""
    said: dict[tuple[str, str], list[tuple[str, Mapping[str, Any]]]] = {}
    for process in now["processes"]:
        for problem in process["problems"]:
            full = "DiskFull[53100]" in (problem["error"] or "")
            code = "disk_full" if full else problem["code"]
            said.setdefault((problem["what"], code), []).append((process["name"], problem))
    for (what, code), ones in said.items():
        who, error = _listed([name for name, _ in ones]), (ones[0][1]["error"] or "").split(" at ")[0]  # where: its log
        since = min(problem["since"] for _, problem in ones)[11:19]
        saying = "says" if len(ones) == 1 else "say"
        text = f"{who} {saying} since {since} UTC: {what} {SAID.get(code, code)}{f' ({error})' if error else ''}."
        lacks = what.startswith("queue ") or (what.startswith("broker") and code in ("refused", "incomplete"))
        first = REPAIR if lacks else FIRST.get(code, f"less +G {_log_of(now, ones[0][0])}")
        yield Found(code, f"{what}, by processes", text, first)


def _log_of(now: Mapping[str, Any], name: str) -> str:
    return next(str(process["log"]) for process in now["processes"] if process["name"] == name)


def _emergency(now: Mapping[str, Any]) -> Iterator[Found]:
    """Who looks by the local account, or did and it is not in the audit yet."""
    for use in now["emergency"]["uses"]:
        text = (
            f"The account for emergencies, opened by {use['by']}, is used since {use['since'][11:16]} UTC; "
            "where nobody knows why, end it."
        )
        yield Found("emergency_used", f"console {use['id']}", text, "./ruta emergency close")


def _clocks(now: Mapping[str, Any]) -> Iterator[Found]:
    """Clocks of which a process says that its own is far from them."""
    apart: dict[str, list[tuple[str, float]]] = {}
    for process in now["processes"]:
        for whose, ahead in process["clocks"].items():
            if ahead is not None and abs(ahead) > APART:
                apart.setdefault(whose, []).append((process["name"], ahead))
    for whose, ones in apart.items():
        ahead = max((ahead for _, ahead in ones), key=abs)
        way = "behind" if ahead > 0 else "ahead of"
        names = _listed([name for name, _ in ones])
        text = f"The clock of {whose} is {_span(abs(ahead))} {way} that of {names}; what time decides waits."
        yield Found("clocks_apart", whose, text, "compare both machines' clocks: timedatectl")


def _span(seconds: float) -> str:
    return f"{seconds / 3600:.1f} hours" if seconds >= 3600 else f"{seconds / 60:.0f} minutes"


def _given_up(now: Mapping[str, Any]) -> Iterator[Found]:
    for service, said in now["services"].items():
        if said and (many := said["parked"].get("quarantined", 0)):
            text = f"{service} has given up {many:,} {'message' if many == 1 else 'messages'} (parked as quarantined)."
            yield Found("given_up", service, text, f"./ruta failures --service {service}")


def _crowded(now: Mapping[str, Any]) -> Iterator[Found]:
    most = f"{inbox.PARKED_OF_ONE_SENDER:,} messages or {inbox.PARKED_BYTES_OF_ONE_SENDER / 1e6:.0f} MB"
    for service, said in now["services"].items():
        for one in (said or {}).get("crowded", ()):
            text = (
                f"Of {one['source']}, {one['messages']:,} messages ({one['mb']:.0f} MB) are parked in {service}; "
                f"beyond {most} it is refused."
            )
            yield Found("crowded", f"{service} {one['source']}", text, f"./ruta failures --service {service}")


def _listed(names: Iterable[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def as_text(found: Iterable[Found], width: int) -> str:
    """The problems for a person, as wide as their terminal; one sentence where there are none."""
    told = list(found)
    if not told:
        return "Nothing is wrong."
    lines = [f"{len(told)} problems:" if len(told) > 1 else "1 problem:"]
    for one in told:
        lines += textwrap.wrap(one.text, width, initial_indent=" ! ", subsequent_indent="   ", break_on_hyphens=False)
        lines += textwrap.wrap(
            one.first, width, initial_indent="   -> ", subsequent_indent="      ", break_long_words=False,
            break_on_hyphens=False,
        )  # fmt: skip
    return "\n".join(lines)


class Watch:
    """Looks at a running network every few seconds from a thread, and says when a problem begins and when it is over.

    A problem is said when two looks have found it: what has passed by then needs nobody. That a process was started
    again its supervisor says.
    """

    LOOK_EVERY = 5.0  # seconds

    def __init__(self, state: State) -> None:
        self._state = state
        self._before: dict[tuple[str, str], Found] = {}
        self._told: dict[tuple[str, str], Found] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watch", daemon=True)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()  # and it is not waited for: it may be asking a server that stands

    def _watch(self) -> None:
        while not self._stopping.wait(self.LOOK_EVERY):
            try:
                now = status.read(self._state, brief=True)
                found = [one for one in find(now) if one.code != "restarted"]
            except Exception as error:  # the network runs on, watched or not
                log.error("the network could not be looked at (%s)", describe(error))
                continue
            if not self._stopping.is_set():
                uncounted = {"queues"} if rules.uncounted(now) else set()
                self.tell(found, unread={name.split()[0] for name in now["unread"]} | uncounted)

    def tell(self, found: Iterable[Found], unread: Set[str] = frozenset()) -> None:
        """Take in what a look has found, and say what has begun and what is over."""
        now = {(one.code, one.what): one for one in found}
        for key, one in now.items():
            if key in self._before and key not in self._told:
                self._told[key] = one
                log.warning("%s problem: %s -> %s", _time(), one.text, one.first)
        for key in [key for key, one in self._told.items() if key not in now and one.seen_in not in unread]:
            log.warning("%s over: %s", _time(), self._told.pop(key).text)
        self._before = now


def _time() -> str:
    return f"{datetime.now(UTC):%H:%M:%S} UTC"
