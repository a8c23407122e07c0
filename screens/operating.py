"""The network as whoever operates it may find it: all well, something wrong, and hardly anything known."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from hub.monitor import seen
from hub.monitor.alerts import rules, settings, telling
from hub.monitor.alerts.telling import Book
from hub.monitor.seen import Seen
from messaging.topology import HUB, NETWORK
from screens.cases import an_id

SERVICES: Final = ("gateway", "intake", "referrals", "events", "reports", "console")
ORGANISATIONS: Final = ("americares", "barranquilla", "fuvadis", "iom", "redcross")


def well(at: datetime) -> Seen:
    """Nothing is wrong, and a few messages are on their way."""
    return _looked(_well(at), at)


def broker_away(at: datetime) -> Seen:
    """The broker does not answer, with which nobody can say what is in its queues."""
    problem = _problem("no_answer", "broker", "The broker does not answer.")
    unread = {"queues": "away", "management": "away", "differences": "away"}
    return _looked(_well(at) | {"problems": [problem], "queues": None, "queue_ages": {}, "unread": unread}, at)


def database_away(at: datetime) -> Seen:
    """PostgreSQL does not answer: nobody can say what lies in any service, and what comes waits in its queue."""
    now = _well(at)
    databases = {f"database {name}": "away" for name in SERVICES}
    probes = {f"probe {name}": "away" for name in now["probes"] if name != "audit"}
    problems = [
        _problem("away", "database", "The database of all services is away: nothing answers at its address."),
        _problem("emergency_used", "console 5f2b9c1d", "The account for emergencies, opened by operator:0, is used."),
    ]
    waits = _queue(HUB, "referrals", 432, 1, in_per_s=2.4, out_per_s=0.0, room=49_568)
    queues = [waits, *(one for one in now["queues"] if one["name"] != "referrals")]
    ages = now["queue_ages"] | {"hub/referrals": {"seconds": 180.0, "exact": False, "moved": 180.0}}
    more: dict[str, Any] = {"services": dict.fromkeys(SERVICES), "probes": {"audit": now["probes"]["audit"]}}
    more |= {"queues": queues, "queue_ages": ages}
    return _looked(now | more | {"problems": problems, "unread": databases | probes}, at)


def uncounted(at: datetime) -> Seen:
    """The broker has just started, and has counted the messages of few of its queues."""
    now = _well(at)
    unknown: dict[str, Any] = {"messages": None, "consumers": None}
    queues = [one if one["name"] == "referrals" else one | unknown for one in now["queues"]]
    return _looked(now | {"queues": queues, "queue_ages": {}}, at)


def behind(at: datetime) -> Seen:
    """As `network_behind`."""
    return _looked(network_behind(at), at)


def network_behind(at: datetime) -> dict[str, Any]:
    """What is read where a service is dead and its queue grows; an organisation is silent, another reads nothing."""
    now = _well(at)
    queues = [
        _queue(HUB, "referrals", 1204, 0, in_per_s=3.2, out_per_s=0.0),
        _queue(NETWORK, "inbox.redcross", 318, 0, in_per_s=0.1),
        *(one for one in now["queues"] if one["name"] not in ("referrals", "inbox.redcross")),
    ]
    ages = {
        "hub/referrals": {"seconds": 740.0, "exact": True, "moved": 740.0},
        "network/inbox.redcross": {"seconds": 266_000.0, "exact": False, "moved": 266_000.0},
    }
    heard = now["probes"]["organisations"] | {"fuvadis": {"heard": None, "since": _ago(at, days=11)}}
    problems = [
        _problem("dead", "referrals", "referrals has ended: exit code 1."),
        _problem("nobody_reads", "referrals (hub)", "Queue referrals (hub) has 1,204 messages and no reader."),
    ]
    services = now["services"] | {"referrals": _service(waiting=11_001, retry=3, quarantined=2)}
    services["referrals"]["waits"] = [
        _wait("waiting", "hub", "consent_unknown", 1, _ago(at, hours=3)),
        _wait("waiting", "iom", "consent_unknown", 11_000, _ago(at, minutes=41)),
        _wait("retry", "redcross", "failed", 3, _ago(at, minutes=2)),
    ]
    services["referrals"]["reviews"] = [
        {"operation_id": str(an_id("replay alone")), "at": _ago(at, hours=6), "messages": 3412}
    ]
    services["events"] = None
    return now | {
        "problems": problems,
        "queues": queues,
        "queue_ages": now["queue_ages"] | ages,
        "services": services,
        "processes": [one | {"state": "dead"} if one["name"] == "referrals" else one for one in now["processes"]],
        "probes": now["probes"]
        | {
            "organisations": heard,
            "unacknowledged": {"americares.crm": {"organisation": "americares", "since": _ago(at, hours=5)}},
            "referrals": {
                "overdue": 4,
                "since": _ago(at, minutes=11),
                "emergencies": 2,
                "overdue_emergencies": 1,
                "organisations": ["-", "iom"],
            },
        },
        "unread": {"database events": "too_many_clients"},
    }


def given_up(at: datetime, service: Mapping[str, Any] | None = None) -> Seen:
    """Nothing is wrong but that a service has given up messages: what is read in its database."""
    said = service or _service(quarantined=4) | {"given_up": [["failed", "redcross"], ["failed", "iom"]]}
    many = said["parked"]["quarantined"]
    problem = _problem("given_up", "referrals", f"referrals has given up {many} messages (parked as quarantined).")
    now = _well(at)
    return _looked(now | {"problems": [problem], "services": now["services"] | {"referrals": said}}, at)


def dark(at: datetime) -> Seen:
    """Somebody has looked, and neither server answered anything, but no alert is open yet."""
    now = _well(at) | {"queues": None, "queue_ages": {}, "services": dict.fromkeys(SERVICES), "probes": {}}
    return _looked(now | {"unread": {"queues": "no_answer", "database gateway": "no_answer"}}, at)


def _well(at: datetime) -> dict[str, Any]:
    queues = [
        _queue(HUB, "referrals", 3, 1, in_per_s=2.4, out_per_s=2.4, room=49_997),
        *(_queue(HUB, name, 0, 1) for name in ("events", "intake", "reports")),
        *(_queue(NETWORK, f"submit.{name}", 0, 1) for name in ORGANISATIONS),
        *(_queue(NETWORK, f"inbox.{name}", 0, 1) for name in ORGANISATIONS),
        _queue(NETWORK, "inbox.iom.events", 0, 1),
        _queue(HUB, "unrouted", 0, 0),
    ]
    ages = {f"{one['vhost']}/{one['name']}": {"seconds": 0.0, "exact": True, "moved": 0.0} for one in queues}
    ages["hub/referrals"] = {"seconds": 1.2, "exact": True, "moved": 0.2}
    heard = {name: {"heard": _ago(at, minutes=7), "since": _ago(at, days=200)} for name in ORGANISATIONS}
    return {
        "running": True,
        "problems": [],
        "processes": [{"name": name, "state": "running", "restarts": 0} for name in (*SERVICES, "alerts")],
        "queues": queues,
        "queue_ages": ages,
        "services": {name: _service() for name in SERVICES},
        "unread": {},
        "probes": {
            "organisations": heard,
            "own_services": {"iom.events": {"organisation": "iom", "seen": _ago(at, minutes=3)}},
            "unacknowledged": {},
            "referrals": {
                "overdue": 0,
                "since": None,
                "emergencies": 1,
                "overdue_emergencies": 0,
                "organisations": [],
            },
            "audit": {"right": True, "text": ""},
            "gaps": [],
        },
        "evaluated": None,
    }


def _looked(now: Mapping[str, Any], at: datetime) -> Seen:
    """What a look has found, with one before it in which less had been done."""
    known, book = settings.read(), Book()
    alerts = rules.find(now, known, at)
    telling.step(book, alerts, set(), known.notify, at - timedelta(minutes=12))
    earlier = at - timedelta(seconds=15)
    before = seen.of(_well(earlier) | {"services": {"gateway": _service(applied=0)}}, [], book, known, earlier, None)
    return seen.of(now, alerts, book, known, at, before)


def _queue(vhost: str, name: str, messages: int, readers: int, **more: float | None) -> dict[str, Any]:
    said = {"vhost": vhost, "name": name, "messages": messages, "consumers": readers}
    return said | {"room": None, "in_per_s": None, "out_per_s": None} | more


def _service(waiting: int = 0, retry: int = 0, quarantined: int = 0, applied: int = 6) -> dict[str, Any]:
    return {
        "unpublished": 0,
        "unpublished_since": None,
        "parked": {"waiting": waiting, "retry": retry, "quarantined": quarantined},
        "counts": [{"process": "one", "applied": applied}],
        "given_up": [],
        "waits": [],
    }


def _wait(state: str, source: str, code: str, messages: int, since: str) -> dict[str, Any]:
    ids = ("019a0000-0000-7000-8000-000000000100", "019a0000-0000-7000-8000-000000000101")
    said = {"message_id": ids[0], "waiting_for": ids[1] if state == "waiting" else None}
    return {
        "state": state,
        "source": source,
        "code": code,
        "messages": messages,
        "bytes": messages * 900,
        "since": since,
    } | said


def _problem(code: str, what: str, text: str) -> dict[str, str]:
    return {"code": code, "what": what, "text": text, "first": "./ruta status", "seen_in": ""}


def _ago(at: datetime, **how_long: float) -> str:
    return (at - timedelta(**how_long)).isoformat()
