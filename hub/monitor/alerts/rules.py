"""Which alerts there are in what was read of the network; one cause, one alert.

    found = rules.find(now, settings, at)
    told = [one for one in found if not one.hidden_by]

`now` is what `./ruta status --json` has, as plain data: `problems` (code, what, text, first, seen_in), `processes`,
`queues`, `services`, `unread`; and beside it, each only where it could be read:

* `queue_ages`: by queue, `vhost/name` → {"seconds": of its oldest message, at least; "exact": whether the message log
  says so; "moved": seconds since its reader last took one};
* `probes`: `organisations` (name → {"heard": ISO 8601 or None, "since"}), `own_services` (of those that organisations
  run themselves, `<organisation>.<system>` → {"organisation", "seen": ISO 8601 or None}), `referrals` ({"overdue",
  "since", "emergencies", "overdue_emergencies", "organisations"}), `unacknowledged` (address → {"organisation",
  "since"}), `audit` ({"right", "text"}), `gaps` (list of {"from", "to", "messages", "since"});
* `gaps_unseen`: the databases that did not answer when that was compared;
* `last_referrals`: what the probe `referrals` said last, for when it cannot be asked;
* `evaluated`: when whoever tells of alerts last looked, ISO 8601; None where nobody is to.

What is not there is not known, which is neither well nor an alert: `unseen` names it. Times are ISO 8601 with a zone.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from hub.monitor import waiting
from hub.monitor.alerts import pages
from hub.monitor.alerts.settings import Settings
from messaging.topology import COURIER, GATEWAY, HUB, LEDGER, LOG, MONITOR, NETWORK

EVERYBODY: Final = "*"
CALLED: Final = {EVERYBODY: "everybody", waiting.NOT_SHOWN: "an organisation in a confidential case"}
MOST: Final = 0.5  # of all organisations that are silent: then it is one cause, and not theirs
SERVERS: Final = {"postgres": "database_away", "rabbitmq": "broker_away", "epmd": "broker_away"}
MONITORS: Final = ("alerts", "monitor")  # the processes whose end nobody would be told of otherwise
TAKES_OVER: Final = 60  # seconds within which another process reads on where one stands (docs/how-a-message-travels.md)
REPORTS: Final = "reports"
CONSOLE: Final = "console"

BY_CODE: Final = {
    "ended": "network_ended",
    "disk_full": "disk_full",
    "memory_alarm": "broker_alarm",
    "disk_alarm": "broker_alarm",
    "node_away": "broker_degraded",
    "partition": "broker_degraded",
    "queue_down": "broker_degraded",
    "dead": "process_dead",
    "frozen": "reader_frozen",
    "missing": "broker_differs",
    "different": "broker_differs",
    "unprovisioned": "broker_differs",
    "nobody_reads": "no_consumer",
    "dead_lettered": "dead_lettered",
    "given_up": "quarantine",
    "crowded": "parked_much",
    "log_full": "log_behind",
    "clocks_apart": "clock_apart",
    "expired": "certificate",
    "unusable": "certificate",
    "emergency_used": "emergency_used",
}
WANTED: Final = {  # of probes, and what they tell
    "organisations": "who is silent",
    "own_services": "which services of organisations work",
    "referrals": "which referrals are past their deadline",
    "unacknowledged": "what is not read",
    "audit": "whether the audit is whole",
    "gaps": "whether all that was published has arrived",
}
NO_ALERT: Final = {"restarted"}  # it is over, and the process's restarts are counted


@dataclass(frozen=True)
class Alert:
    """One alert; `name` and `what` tell it from others for as long as it lasts."""

    name: str
    what: str
    text: str  # one sentence
    first: str  # the first command
    part: str = ""  # the service, reader or server where it is
    since: str | None = None  # ISO 8601; None: since it was first seen
    organisations: tuple[str, ...] = ()  # who waits, `*` for everybody
    emergencies: int | None = 0  # that wait for their answer meanwhile; None where nobody knows
    can_wait: bool = False  # until seven
    hidden_by: str | None = None  # the alert that it follows from
    seen_in: tuple[str, ...] = field(default=(), compare=False)  # while one of these is unread it is not over

    @property
    def key(self) -> str:
        return f"{self.name} {self.what}"


def find(now: Mapping[str, Any], settings: Settings, at: datetime) -> list[Alert]:
    """Return every alert, causes first; those that follow from another say by which they are hidden."""
    found: dict[str, Alert] = {}
    looks = (_problems, _queues, _own_services, _outboxes, _referrals, _gaps, _lags, _audit, _silent, _unread, _monitor)
    for look in looks:
        for one in look(now, settings, at):
            found.setdefault(one.key, one)
    order = list(pages.read())
    whole = [_judged(one, now) for one in found.values()]
    whole.sort(key=lambda one: (order.index(one.name), one.what))
    return [replace(one, hidden_by=_hider(one, whole)) for one in whole]


def unseen(now: Mapping[str, Any]) -> list[str]:
    """What nobody can say at the moment, in words; nothing where nothing runs."""
    if "processes" not in now:
        return []
    known = now.get("probes", {})
    missing = [words for name, words in WANTED.items() if name not in known]
    if names := now.get("gaps_unseen"):
        missing.append(f"{WANTED['gaps']}, of {listed(names)}")
    if many := len(uncounted(now)):
        missing.append(f"what is in {many:,} {'queue' if many == 1 else 'queues'} that the broker has not counted")
    return missing + sorted(f"{what} ({code})" for what, code in now["unread"].items())


def uncounted(now: Mapping[str, Any]) -> list[str]:
    """The queues of which the broker does not say what is in them: new ones, those that are down, all as it begins."""
    return [one["name"] for one in now.get("queues") or () if one["messages"] is None]


def _hider(one: Alert, found: Iterable[Alert]) -> str | None:
    for other in found:
        page = pages.read()[other.name]
        if one.name in page.hides or (one.name in page.hides_same and one.part and one.part == other.part):
            return other.name
    return None


def _judged(one: Alert, now: Mapping[str, Any]) -> Alert:
    """With the emergencies that wait, and whether it can wait until seven."""
    wait = pages.read()[one.name].wait
    if wait == "morning":
        return replace(one, can_wait=True, emergencies=0)
    if wait == "no_emergency" and _stands_in(one, now):
        return replace(one, can_wait=True, emergencies=0)
    if one.name == "referral_overdue":
        emergencies = now["probes"]["referrals"]["overdue_emergencies"]
    else:
        known = now.get("probes", {}).get("referrals") or now.get("last_referrals") or {}
        emergencies = known.get("emergencies")
    return replace(one, emergencies=emergencies, can_wait=wait == "no_emergency" and emergencies == 0)


def _stands_in(one: Alert, now: Mapping[str, Any]) -> bool:
    """Whether another process does the work of one that is dead or frozen: what they read moves, or is empty."""
    if one.name not in ("process_dead", "reader_frozen"):
        return False
    queue = now.get("queue_ages", {}).get(f"{HUB}/{one.part}")
    if queue is None or queue["moved"] > TAKES_OVER:
        return False
    down = {problem["what"] for problem in now["problems"] if problem["code"] in ("dead", "frozen")}
    others = {process["name"] for process in now["processes"] if part_of(process["name"], now) == one.part}
    return bool(others - down)


def part_of(process: str, now: Mapping[str, Any]) -> str:
    """The service of a process: `referrals-2` is a second one of `referrals`."""
    service, _, number = process.rpartition("-")
    return service if number.isdigit() and service in now.get("services", {}) else process


# -- what status says --------------------------------------------------------------------------------------------------


def _problems(now: Mapping[str, Any], settings: Settings, at: datetime) -> Iterator[Alert]:
    for problem in now["problems"]:
        code, what = problem["code"], problem["what"]
        if code in NO_ALERT:
            continue
        name = _name(code, what)
        part = _part(code, what, now)
        if name in ("database_away", "broker_away"):  # each is one, by whatever it shows itself
            what = part = "database" if name == "database_away" else "broker"
        what, text, first = (public(words) for words in (what, problem["text"], problem["first"]))
        seen_in = tuple(filter(None, [problem["seen_in"]]))
        yield Alert(name, what, text, first, part, organisations=_whose(name, code, what, now), seen_in=seen_in)


SECRET: Final = re.compile(r"[.][0-9a-f]{32}\b")


def public(words: str) -> str:
    """Words without the end of queues' names that nobody is to guess: alerts leave the machine."""
    return SECRET.sub("", words)


def _name(code: str, what: str) -> str:
    if code in ("dead", "frozen"):
        if what == "supervisor":
            return "supervisor_frozen"
        return SERVERS.get(what) or ("monitor_dead" if what in MONITORS else BY_CODE[code])
    if what.endswith(", by processes") and code not in ("disk_full", "expired", "unusable"):
        return "process_says"
    if what == "database" and code != "disk_full":
        return "database_away"
    if what == "broker" or what.startswith("management"):
        return "broker_away"
    return BY_CODE.get(code, "process_says")


def _part(code: str, what: str, now: Mapping[str, Any]) -> str:
    if code == "log_full":
        return MONITOR
    if code == "nobody_reads":
        queue, _, vhost = what.partition(" ")
        return reader(vhost.strip("()"), queue)
    if code in ("missing", "different"):
        words = what.split()
        return reader(HUB_OF.get(words[-2].strip("()"), NETWORK), words[1]) if len(words) > 3 else ""
    return part_of(what, now)


HUB_OF: Final = {"hub": HUB, "network": NETWORK}


def reader(vhost: str, queue: str) -> str:
    """The process of the hub that reads a queue."""
    if queue in (LEDGER, LOG):
        return COURIER if queue == LEDGER else MONITOR
    return GATEWAY if vhost == NETWORK or queue.startswith(("deliver.", "submitted.")) else queue


def part_that_reads(vhost: str, queue: str) -> str:
    """The hub's process that reads a queue; empty of one for organisations or nobody."""
    is_ours = not queue.startswith(("inbox.", "unrouted", "dead"))
    return reader(vhost, queue) if is_ours and (vhost != NETWORK or queue.startswith("submit.")) else ""


KEEP_NOBODY_WAITING: Final = {"supervisor_frozen", "monitor_dead", "log_behind", "emergency_used"}
SPEAKS_FOR: Final = re.compile(r"(?:acting|inbox) ([^ ,]+), by processes")  # what the console does for one organisation


def _whose(name: str, code: str, what: str, now: Mapping[str, Any]) -> tuple[str, ...]:
    if name == "parked_much":
        return (what.split()[-1],)
    if name == "quarantine":
        said = now.get("services", {}).get(what) or {}
        return waiting.whose((reason, source) for reason, source in said.get("given_up", ()))
    if name == "no_consumer":
        return _of_queue(what.partition(" ")[0])
    if name == "process_says":  # what it keeps from going on has alerts of its own: a queue's, an outbox's
        speaks_for = SPEAKS_FOR.fullmatch(what)
        return (speaks_for[1],) if speaks_for else ()
    if code == "unusable":  # the certificate before it is served still
        return ()
    return () if name in KEEP_NOBODY_WAITING else (EVERYBODY,)


def _of_queue(queue: str) -> tuple[str, ...]:
    """Who waits while a queue does: the organisation that it is for, or everybody."""
    kind, _, organisation = queue.partition(".")
    is_theirs = kind in ("submit", "submitted", "deliver") and organisation
    return (organisation.partition(".")[0],) if is_theirs else (EVERYBODY,)


# -- what takes long ---------------------------------------------------------------------------------------------------


def _queues(now: Mapping[str, Any], settings: Settings, at: datetime) -> Iterator[Alert]:
    patience = settings.thresholds.queue_age
    for queue, known in now.get("queue_ages", {}).items():
        vhost, _, name = public(queue).partition("/")
        seconds = known["seconds"]
        if name.startswith(("inbox.", "unrouted", "dead")) or name in (REPORTS, LOG):
            continue  # for organisations, for an operator, for who reads reports or the log: alerts of their own
        if name.startswith(("submit.", "submitted.")):  # who sends more than its share waits here so that others do not
            seconds = min(seconds, known["moved"])
        if seconds > patience:
            text = f"{_at_least(known)}the oldest message in queue {name} ({vhost}) has waited {span(seconds)}."
            yield Alert(
                "queue_old",
                name,
                text[0].upper() + text[1:],
                pages.read()["queue_old"].first,
                reader(vhost, name),
                _before(at, seconds),
                _of_queue(name),
                seen_in=("queues", "management"),
            )


def own_services_behind(now: Mapping[str, Any]) -> dict[str, float]:
    """The seconds for which what is for a service that an organisation runs itself has waited, at least."""
    queues = {public(queue).partition("/")[2]: known["seconds"] for queue, known in now.get("queue_ages", {}).items()}
    known = now.get("probes", {}).get("own_services", {})
    return {name: queues[f"inbox.{name}"] for name in known if f"inbox.{name}" in queues}


def _own_services(now: Mapping[str, Any], settings: Settings, at: datetime) -> Iterator[Alert]:
    for name, seconds in own_services_behind(now).items():
        if seconds > settings.thresholds.own_service_behind:
            known = now["probes"]["own_services"][name]
            heard = f"it was last heard {span(age(known['seen'], at))} ago" if known["seen"] else "it was never heard"
            organisation = known["organisation"]
            text = f"{name}, which {organisation} runs itself, has left what is for it for {span(seconds)}; {heard}."
            first = pages.read()["own_service_behind"].first.replace("ORGANISATION", organisation)
            seen_in = ("queues", "management", "probe own_services")
            since = _before(at, seconds)
            yield Alert("own_service_behind", name, text, first, "", since, (organisation,), seen_in=seen_in)


def _at_least(known: Mapping[str, Any]) -> str:
    return "" if known["exact"] else "at least: "


def _outboxes(now: Mapping[str, Any], settings: Settings, at: datetime) -> Iterator[Alert]:
    for service, said in now.get("services", {}).items():
        since = (said or {}).get("unpublished_since")
        if since and (late := age(since, at)) > settings.thresholds.outbox_age:
            text = (
                f"{service} has {said['unpublished']:,} messages that are not published, the oldest for {span(late)}."
            )
            first = pages.read()["outbox_old"].first
            seen_in = (f"database {service}",)
            yield Alert("outbox_old", service, text, first, service, since, (EVERYBODY,), seen_in=seen_in)


def _referrals(now: Mapping[str, Any], settings: Settings, at: datetime) -> Iterator[Alert]:
    known = now.get("probes", {}).get("referrals")
    if known and known["overdue"] and age(known["since"], at) > settings.thresholds.referral_overdue:
        late = span(age(known["since"], at))
        one = known["overdue"] == 1
        text = f"{known['overdue']:,} {'referral is' if one else 'referrals are'} past a deadline on which nothing has "
        text += f"happened, the oldest for {late}."
        first = pages.read()["referral_overdue"].first
        # What was read before an update, half a minute ago, does not say who waits.
        who, seen_in = tuple(known.get("organisations", (EVERYBODY,))), ("probe referrals",)
        yield Alert("referral_overdue", "referrals", text, first, "referrals", known["since"], who, seen_in=seen_in)


def _gaps(now: Mapping[str, Any], settings: Settings, at: datetime) -> Iterator[Alert]:
    for gap in now.get("probes", {}).get("gaps", ()):
        many = f"{gap['messages']:,} {'message' if gap['messages'] == 1 else 'messages'}"
        text = f"{many} that {gap['from']} has published {'has' if gap['messages'] == 1 else 'have'} not come to "
        text += f"{gap['to']}."
        first = pages.read()["reconciliation_gap"].first
        what, seen_in = f"{gap['from']} to {gap['to']}", ("probe gaps", *_compared(gap))
        yield Alert("reconciliation_gap", what, text, first, gap["to"], gap["since"], (EVERYBODY,), seen_in=seen_in)


def _compared(gap: Mapping[str, Any]) -> list[str]:
    """The databases without which nobody can say that it is over; what the gateway let in stands in the log, too."""
    said_by = (GATEWAY, MONITOR) if gap["from"] == GATEWAY else (gap["from"],)
    return [f"gaps {name}" for name in (*said_by, GATEWAY if gap["to"] == COURIER else gap["to"])]


READ_BY: Final = {CONSOLE: "console-inbox", REPORTS: REPORTS, LOG: MONITOR}  # who writes what is read
SHOWS: Final = {CONSOLE: "What console shows", REPORTS: "What reports count", LOG: "What the message log has"}


def _lags(now: Mapping[str, Any], settings: Settings, at: datetime) -> Iterator[Alert]:
    for table, lag in lags(now, at).items():
        if lag["seconds"] > settings.thresholds.read_table_lag:
            name = "log_behind" if table == LOG else "read_table_lag"  # who reads the log is on duty, and nobody else
            text = f"{SHOWS[table]} is {span(lag['seconds'])} behind."
            first = pages.read()[name].first.replace("PROCESS", READ_BY[table])
            since = _before(at, lag["seconds"])
            seen_in = ("probe unacknowledged",) if table == CONSOLE else ("queues", "management")
            yield Alert(
                name, table, text, first, READ_BY[table], since, tuple(lag["organisations"]), seen_in=seen_in
            )  # fmt: skip


def lags(now: Mapping[str, Any], at: datetime) -> dict[str, dict[str, Any]]:
    """How far what is read is behind the network, in `seconds`, for whom; what is not known is not there."""
    found: dict[str, dict[str, Any]] = {}
    for queue in (REPORTS, LOG):
        if (known := now.get("queue_ages", {}).get(f"{HUB}/{queue}")) is not None:
            found[queue] = {"seconds": known["seconds"], "organisations": []}
    if (unread := now.get("probes", {}).get("unacknowledged")) is not None:
        late = [one for address, one in unread.items() if address.endswith(f".{CONSOLE}")]
        seconds = max((age(one["since"], at) for one in late), default=0.0)
        found[CONSOLE] = {"seconds": seconds, "organisations": sorted({one["organisation"] for one in late})}
    return found


# -- who is not heard --------------------------------------------------------------------------------------------------


def silent_for(known: Mapping[str, Any], at: datetime) -> float:
    """The seconds for which an organisation has said nothing: since it was heard, or came to take part."""
    return age(max(filter(None, (known["heard"], known["since"])), key=datetime.fromisoformat), at)


def _silent(now: Mapping[str, Any], settings: Settings, at: datetime) -> Iterator[Alert]:
    known = now.get("probes", {}).get("organisations", {})
    silent = {name: silent_for(one, at) for name, one in known.items()}
    silent = {name: seconds for name, seconds in silent.items() if seconds > settings.silent_after(name)}
    first, seen_in = pages.read()["organisation_silent"].first, ("probe organisations",)
    if len(silent) > max(2, MOST * len(known)):
        text = f"{len(silent)} of {len(known)} organisations say nothing: {listed(sorted(silent))}."
        since = _before(at, min(silent.values()))
        yield Alert(
            "organisation_silent", "most", text, "./ruta status", "", since, tuple(sorted(silent)), seen_in=seen_in
        )
        return
    for name, seconds in silent.items():
        text = f"{name} has said nothing for {span(seconds)}."
        command = first.replace("ORGANISATION", name)
        yield Alert("organisation_silent", name, text, command, "", _before(at, seconds), (name,), seen_in=seen_in)


def unread_for(now: Mapping[str, Any], at: datetime) -> dict[str, float]:
    """The seconds for which what is for an organisation has not been read; by AMQP, at least."""
    behind: dict[str, float] = {}
    for address, one in now.get("probes", {}).get("unacknowledged", {}).items():
        if not address.endswith(f".{CONSOLE}"):
            behind[one["organisation"]] = max(behind.get(one["organisation"], 0), age(one["since"], at))
    for queue, known in now.get("queue_ages", {}).items():
        name = public(queue).partition("/")[2]
        is_of_service = name.removeprefix("inbox.") in now.get("probes", {}).get("own_services", {})
        if name.startswith("inbox.") and not is_of_service:
            organisation = name.split(".")[1]
            behind[organisation] = max(behind.get(organisation, 0), known["seconds"])
    return behind


def _unread(now: Mapping[str, Any], settings: Settings, at: datetime) -> Iterator[Alert]:
    for organisation, seconds in unread_for(now, at).items():
        if seconds > settings.thresholds.organisation_unread:
            text = f"What is for {organisation} has not been read for {span(seconds)}."
            first = pages.read()["organisation_unread"].first.replace("ORGANISATION", organisation)
            yield Alert(
                "organisation_unread", organisation, text, first, "", _before(at, seconds), (organisation,),
                seen_in=("probe unacknowledged", "queues"),
            )  # fmt: skip


# -- who watches -------------------------------------------------------------------------------------------------------


def _audit(now: Mapping[str, Any], settings: Settings, at: datetime) -> Iterator[Alert]:
    known = now.get("probes", {}).get("audit")
    if known and not known["right"]:
        first = pages.read()["audit_broken"].first
        yield Alert("audit_broken", "audit", known["text"], first, seen_in=("probe audit",))


def _monitor(now: Mapping[str, Any], settings: Settings, at: datetime) -> Iterator[Alert]:
    last = now.get("evaluated")
    if "processes" in now and last and (stood := age(last, at)) > settings.thresholds.monitor_dead:
        text = f"Nobody has looked for alerts for {span(stood)}: what goes wrong is told to nobody."
        first = pages.read()["monitor_dead"].first.replace("PROCESS", "alerts")
        yield Alert("monitor_dead", "alerts", text, first, "alerts", last)


# -- words -------------------------------------------------------------------------------------------------------------


def age(since: str, at: datetime) -> float:
    """The seconds since a moment, ISO 8601."""
    return (at - datetime.fromisoformat(since)).total_seconds()


def _before(at: datetime, seconds: float) -> str:
    return (at - timedelta(seconds=seconds)).isoformat(timespec="seconds")


def span(seconds: float) -> str:
    """How long, in a unit that people say."""
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def listed(names: Iterable[str]) -> str:
    """Names as a sentence has them."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def waits(one: Alert, began: str | None = None) -> str:
    """Who waits, since when, and whether it can wait until seven: one or two sentences."""
    since = one.since or began
    who = [CALLED.get(name, name) for name in one.organisations]
    if one.emergencies is None:
        who.append("emergencies nobody can count now")
    elif one.emergencies:
        who.append("1 emergency" if one.emergencies == 1 else f"{one.emergencies} emergencies")
    waiting = f"Waits: {listed(who)}" if who else "Nobody waits"
    at = f", since {since[:16].replace('T', ' ')} UTC" if since else ""
    return f"{waiting}{at}. {'It can' if one.can_wait else 'It cannot'} wait until seven."
