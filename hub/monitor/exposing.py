"""What was seen of the network as metrics for Prometheus, on this machine's loopback.

Names and units as Prometheus has them: `ruta_…_seconds`, `_bytes`, `_total`; a label is a process, queue, service,
organisation or alert, and nothing about anybody. What could not be read is not there, which is no 0.
"""

import contextlib
import math
import threading
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from hub.monitor.alerts import ages, pages, rules
from hub.monitor.alerts.rules import Alert
from hub.monitor.alerts.settings import Settings

MB: Final = 1_000_000
STATES: Final = ("waiting", "retry", "quarantined")
OUTCOMES: Final = ("received", "redelivered", "repeated", "applied", "refused", "parked")


class Exposed:
    """The last look, as Prometheus collects it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._metrics: list[Metric] = []

    def show(self, now: Mapping[str, Any], alerts: Iterable[Alert], at: datetime) -> None:
        """Take in what a look has seen."""
        self._metrics = list(metrics(now, alerts, self._settings, at))

    def collect(self) -> Iterator[Metric]:
        yield from self._metrics


@contextlib.contextmanager
def serve(exposed: Exposed, host: str, port: int) -> Iterator[None]:
    """Answer to `GET /metrics` meanwhile. Raises OSError."""
    registry = CollectorRegistry()
    registry.register(exposed)
    server, thread = start_http_server(port, addr=host, registry=registry)
    try:
        yield
    finally:
        stopping = threading.Thread(target=server.shutdown, daemon=True)
        stopping.start()
        thread.join(5)
        server.server_close()


def metrics(now: Mapping[str, Any], alerts: Iterable[Alert], settings: Settings, at: datetime) -> Iterator[Metric]:
    """What rules.py reads, as metrics; `now` as it has it."""
    yield from _alerts(alerts, at)
    if "processes" not in now:
        return
    yield from _processes(now, at)
    yield from _queues(now)
    yield from _services(now, at)
    yield from _probes(now, settings, at)
    unread = dict.fromkeys(now["unread"], 1.0)
    yield _gauge("ruta_unread", "A part of the network that could not be looked at", "part", unread)


def _alerts(alerts: Iterable[Alert], at: datetime) -> Iterator[Metric]:
    found = list(alerts)
    seen = {name: float(sum(one.name == name for one in found)) for name in pages.read()}
    told = {name: float(sum(one.name == name and not one.hidden_by for one in found)) for name in pages.read()}
    yield _gauge("ruta_problems", "What is seen of an alert, told or hidden by its cause", "alert", seen)
    yield _gauge("ruta_alerts", "Alerts that are told", "alert", told)
    parts = GaugeMetricFamily("ruta_problem_parts", "Where an alert is seen", labels=["alert", "part"])
    for name, part in sorted({(one.name, one.part) for one in found if one.part}):
        parts.add_metric([name, part], 1.0)
    yield parts
    yield GaugeMetricFamily(
        "ruta_alerts_evaluated_timestamp_seconds", "When somebody last looked for alerts", value=at.timestamp()
    )


def _processes(now: Mapping[str, Any], at: datetime) -> Iterator[Metric]:
    of = {one["name"]: one for one in now["processes"]}
    up = {name: float(one.get("state") == "running") for name, one in of.items()}
    yield _gauge("ruta_process_up", "Whether a process runs", "process", up)
    for name, what, key, factor in PROCESS:
        values = {process: one[key] * factor for process, one in of.items() if one.get(key) is not None}
        yield _gauge(name, what, "process", values)
    started = {name: at.timestamp() - one["age"] for name, one in of.items() if one.get("age") is not None}
    yield _gauge("ruta_process_start_time_seconds", "When a process was started", "process", started)
    troubles = {name: float(len(one.get("problems", ()))) for name, one in of.items()}
    yield _gauge("ruta_process_problems", "What keeps a process from its work, by its own word", "process", troubles)
    yield _counter("ruta_process_restarts", "How often a process was started again", ["process"], {
        (name,): float(one["restarts"]) for name, one in of.items() if one.get("restarts") is not None
    })  # fmt: skip
    counted: dict[str, dict[tuple[str, ...], float]] = {}
    for name, one in of.items():
        for what, count in one.get("counts", {}).items():
            thing, _, kind = what.partition(" ")
            counted.setdefault(thing, {})[name, kind] = float(count)
    for thing, values in sorted(counted.items()):
        words = f"{thing.replace('_', ' ').capitalize()} of a process since it began, by its own word"
        yield _counter(f"ruta_{thing}", words, ["process", "kind"], values)
    clocks: dict[str, float] = {}
    for one in of.values():
        for whose, ahead in one.get("clocks", {}).items():
            if ahead is not None:
                clocks[whose] = max(clocks.get(whose, 0.0), ahead, key=abs)
    yield _gauge("ruta_clock_offset_seconds", "How far our clock is ahead of another, at most", "clock", clocks)


PROCESS: Final = (
    ("ruta_process_heartbeat_age_seconds", "How long ago a process last gave a sign of life", "heartbeat_age", 1),
    ("ruta_process_memory_bytes", "The memory that a process holds, of what is shared its part", "memory_mb", MB),
)


def _queues(now: Mapping[str, Any]) -> Iterator[Metric]:
    named = ["vhost", "queue", "part"]
    depth = GaugeMetricFamily("ruta_queue_messages", "Messages in a queue", labels=named)
    readers = GaugeMetricFamily("ruta_queue_consumers", "Readers of a queue", labels=named)
    taken = CounterMetricFamily("ruta_queue_acknowledged", "Messages that readers have taken for good", labels=named)
    what = "How long a queue's oldest message has waited: a service's by the message log, another's at least"
    known = GaugeMetricFamily("ruta_queue_age_seconds", what, labels=named)
    what = "The same, at least, where the message log says nothing"
    least = GaugeMetricFamily("ruta_queue_age_at_least_seconds", what, labels=named)
    stands = GaugeMetricFamily("ruta_queue_stands_seconds", "How long no reader has taken anything", labels=named)
    sums: dict[tuple[str, str], dict[str, float]] = {}
    for one in now["queues"] or ():  # two may have one name but for its end that nobody is to guess
        said = sums.setdefault((one["vhost"], rules.public(one["name"])), dict.fromkeys(COUNTED, 0.0))
        for what in COUNTED:
            said[what] += math.nan if one[what] is None else one[what]
    sums = {name: said for name, said in sums.items() if not math.isnan(sum(said.values()))}
    for (vhost, queue), said in sorted(sums.items()):
        labels = [vhost, queue, rules.part_that_reads(vhost, queue)]
        depth.add_metric(labels, said["messages"])
        readers.add_metric(labels, said["consumers"])
        taken.add_metric(labels, said["acknowledged"])
    oldest: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for name, age in now.get("queue_ages", {}).items():
        vhost, _, queue = rules.public(name).partition("/")
        oldest.setdefault((vhost, queue), []).append(age)
    for (vhost, queue), those in sorted(oldest.items()):
        labels = [vhost, queue, rules.part_that_reads(vhost, queue)]
        waited = [ages.known(f"{vhost}/{queue}", one, now["services"]) for one in those]
        if (longest := max((one for one in waited if one is not None), default=None)) is not None:
            known.add_metric(labels, longest)
        least.add_metric(labels, max(one["seconds"] for one in those))
        stands.add_metric(labels, max(one["moved"] for one in those))
    yield from (depth, readers, taken, known, least, stands)


COUNTED: Final = ("messages", "consumers", "acknowledged")


def _services(now: Mapping[str, Any], at: datetime) -> Iterator[Metric]:
    known = {name: said for name, said in now["services"].items() if said}
    unpublished = {name: float(said["unpublished"]) for name, said in known.items()}
    yield _gauge("ruta_outbox_messages", "Messages that are committed and not published", "service", unpublished)
    ages = {
        name: rules.age(said["unpublished_since"], at) if said["unpublished_since"] else 0.0
        for name, said in known.items()
    }
    yield _gauge("ruta_outbox_age_seconds", "The age of the oldest that is not published", "service", ages)
    parked = GaugeMetricFamily("ruta_parked_messages", "Messages that are parked", labels=["service", "state"])
    for name, said in known.items():
        for state in STATES:
            parked.add_metric([name, state], said["parked"].get(state, 0))
    yield parked
    for outcome in OUTCOMES:
        values: dict[tuple[str, ...], float] = {}
        for name, said in known.items():
            values |= {(name, row["process"]): float(row[outcome]) for row in said.get("counts", ())}
        yield _counter(f"ruta_messages_{outcome}", f"Messages {outcome} by a process", ["service", "process"], values)


def _probes(now: Mapping[str, Any], settings: Settings, at: datetime) -> Iterator[Metric]:
    probes = now["probes"]
    if (known := probes.get("referrals")) is not None:
        yield GaugeMetricFamily(
            "ruta_referrals_overdue", "Referrals on whose deadline nobody has acted", value=known["overdue"]
        )
        age = rules.age(known["since"], at) if known["since"] else 0.0
        yield GaugeMetricFamily("ruta_referrals_overdue_age_seconds", "How late the latest of them is", value=age)
        yield GaugeMetricFamily(
            "ruta_emergencies_waiting", "Emergencies that wait for an answer", value=known["emergencies"]
        )
    if (heard := probes.get("organisations")) is not None:
        silent = {name: rules.silent_for(one, at) for name, one in heard.items()}
        yield _gauge("ruta_organisation_silent_seconds", "How long it has said nothing", "organisation", silent)
        after = {name: float(settings.silent_after(name)) for name in heard}
        what = "How long it may say nothing"
        yield _gauge("ruta_organisation_silent_after_seconds", what, "organisation", after)
    if (own := probes.get("own_services")) is not None:
        what = "How long what is for a service that an organisation runs has waited, at least"
        yield _gauge("ruta_own_service_behind_seconds", what, "service", rules.own_services_behind(now))
        ages = {name: rules.age(one["seen"], at) for name, one in own.items() if one["seen"]}
        yield _gauge("ruta_own_service_seen_age_seconds", "How long ago it was last heard", "service", ages)
    behind = rules.unread_for(now, at)
    yield _gauge("ruta_organisation_unread_seconds", "How long what is for it is unread", "organisation", behind)
    lags = {table: one["seconds"] for table, one in rules.lags(now, at).items()}
    yield _gauge("ruta_read_table_lag_seconds", "How far what is read is behind, at least", "table", lags)
    if (audit := probes.get("audit")) is not None:
        yield GaugeMetricFamily("ruta_audit_right", "Whether the audit is as it was written", value=audit["right"])
    if (gaps := probes.get("gaps")) is not None:
        missing = GaugeMetricFamily(
            "ruta_reconciliation_missing_messages", "Messages that were published and have not come", labels=["to"]
        )
        for to in sorted({gap["to"] for gap in gaps}):
            missing.add_metric([to], sum(gap["messages"] for gap in gaps if gap["to"] == to))
        yield missing


def _gauge(name: str, what: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, what, labels=[label])
    for of, value in values.items():
        family.add_metric([of], value)
    return family


def _counter(name: str, what: str, labels: list[str], values: Mapping[tuple[str, ...], float]) -> Metric:
    family = CounterMetricFamily(name, what, labels=labels)
    for of, value in values.items():
        family.add_metric(of, value)
    return family
