"""Prometheus finds the same alerts in the metrics as our own rules do in what was read."""

import json
import os
import shutil
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.core import Metric

from deploy.local.state import free_ports
from hub.monitor import exposing
from hub.monitor.alerts import pages, prometheus, rules
from hub.monitor.alerts.prometheus import name_of
from tests.hub.monitor.test_alert_rules import AT, ONE_OF_EACH, SETTINGS, late, old, overdue, problem, well, with_probe
from tests.waiting import eventually

MONITORING = Path(__file__).parents[3] / "deploy" / "monitoring"
MINUTES = 20  # for which it has been so: longer than anything is waited for

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None and os.getuid() != 0,
    reason="promtool is not installed (sudo apt-get install -y prometheus): the rules for Prometheus are left out",
)

CASES = ONE_OF_EACH | {
    "nothing": well(),
    "a silent broker": late("referrals")
    | {
        "problems": [problem("away", "broker"), problem("away", "broker, by processes")],
        "queue_ages": old("hub/intake", 900) | old("hub/reports", 900),
    },
    "a dead reader": late("referrals")
    | {"problems": [problem("dead", "referrals")], "queue_ages": old("hub/referrals", 900)},
    "a queue that moves": well(queue_ages=old("network/submit.iom", 900, moved=3)),
    "a queue that stands": well(queue_ages=old("network/submit.iom", 900)),
    "a dead log": well(problems=[problem("dead", "monitor")], queue_ages=old("hub/log", 900)),
    "a log that is nearly full": well(problems=[problem("log_full", "log", "queues")]),
    "a full inbox": well(queue_ages=old("network/inbox.iom", 9e5)),
    "an unread console": with_probe(
        "unacknowledged", {"iom.console": {"organisation": "iom", "since": "2026-11-27T00:00+00:00"}}
    ),
    "overdue, and clocks apart": with_probe("referrals", overdue)
    | {"problems": [problem("clocks_apart", "the database")]},
}


def whole(now: dict[str, object]) -> dict[str, object]:
    """With what a case leaves out because no rule of ours reads it."""
    return {"queues": [], **now}


def series(metrics: list[Metric], *, age: float) -> list[dict[str, str]]:
    """Metrics as promtool takes them, constant but for the time of the last look."""
    found = [{"series": 'up{job="ruta"}', "values": f"1x{MINUTES}"}]
    for family in metrics:
        for sample in family.samples:
            labels = ",".join(f"{name}={json.dumps(value)}" for name, value in sample.labels.items())
            values = f"{float(sample.value)}x{MINUTES}"
            if sample.name == "ruta_alerts_evaluated_timestamp_seconds":
                values = f"{-age}+60x{MINUTES}"
            found.append({"series": f"{sample.name}{{{labels}}}", "values": values})
    return found


def case(name: str) -> tuple[dict[str, object], set[str]]:
    """A test for promtool, and the alerts that our own rules find."""
    now = whole(CASES[name])
    found = rules.find(now, SETTINGS, AT)
    given = series(list(exposing.metrics(now, found, SETTINGS, AT)), age=600 if name == "monitor_dead" else 5)
    if name == "network_ended":
        given = [{"series": 'up{job="ruta"}', "values": f"0x{MINUTES}"}]
    expected = {one.name for one in found}
    fires = [{"labels": f'{{alertname="{name_of(one)}"}}', "value": 1} for one in sorted(expected)]
    ask = 'group by (alertname) (ALERTS{alertstate="firing"})'
    asked = [{"expr": ask, "eval_time": f"{MINUTES - 1}m", "exp_samples": fires}]
    return {"name": name, "interval": "1m", "input_series": given, "promql_expr_test": asked}, expected


def promtool(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["promtool", *arguments], capture_output=True, text=True, timeout=120, check=False)


def try_rules(tmp_path: Path, rules_file: str, names: list[str]) -> "subprocess.CompletedProcess[str]":
    """Have promtool look for the alerts of cases."""
    (tmp_path / "rules.yml").write_text(rules_file)
    test = {"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": [case(name)[0] for name in names]}
    (tmp_path / "test.yml").write_text(json.dumps(test))  # JSON is YAML, too
    return promtool("test", "rules", tmp_path / "test.yml")


@needs_promtool
def test_prometheus_finds_the_same_alerts_as_our_own_rules(tmp_path: Path) -> None:
    assert set.union(*(case(name)[1] for name in CASES)) == set(pages.read())
    done = try_rules(tmp_path, (MONITORING / "rules.yml").read_text(), list(CASES))
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
@pytest.mark.parametrize("alert", ["queue_old", "process_dead", "organisation_silent"])
def test_a_rule_that_finds_another_would_be_noticed(tmp_path: Path, alert: str) -> None:
    page = pages.read()[alert]
    wrong = prometheus.rules().replace(json.dumps(prometheus.expression(page)), '"vector(1) > 2"')
    assert try_rules(tmp_path, wrong, [alert]).returncode != 0


def test_the_files_are_as_they_are_made() -> None:
    assert (MONITORING / "rules.yml").read_text() == prometheus.rules()
    assert (MONITORING / "alertmanager.yml").read_text() == prometheus.alertmanager()


@needs_promtool
def test_prometheus_and_alertmanager_take_them(tmp_path: Path) -> None:
    for file in ("rules.yml", "prometheus.yml"):
        shutil.copy(MONITORING / file, tmp_path)
    (tmp_path / "targets.json").write_text("[]")
    checked = promtool("check", "config", tmp_path / "prometheus.yml")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    routes = subprocess.run(
        ["amtool", "check-config", MONITORING / "alertmanager.yml"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert routes.returncode == 0, routes.stdout + routes.stderr


def test_metrics_have_names_units_and_labels_by_convention() -> None:
    families = {
        family.name: family
        for now in map(whole, CASES.values())
        for family in exposing.metrics(now, rules.find(now, SETTINGS, AT), SETTINGS, AT)
    }
    for name, family in families.items():
        assert name.startswith("ruta_"), name
        assert family.documentation, name
        assert not name.endswith(("_ms", "_minutes", "_mb", "_kb")), name
        for sample in family.samples:
            assert sample.name.endswith("_total") == (family.type == "counter"), sample.name
            assert set(sample.labels) <= LABELS, sample


LABELS = {"alert", "clock", "kind", "organisation", "part", "process", "queue", "service", "state", "table", "to"}
LABELS |= {"vhost"}


def test_no_metric_has_the_end_of_a_queues_name_that_nobody_is_to_guess() -> None:
    secret = "31fb" * 8
    queues = [
        {"vhost": "network", "name": f"inbox.iom{end}", "messages": 2, "consumers": 1, "acknowledged": 5}
        for end in ("", f".{secret}")
    ]
    now = well(queues=queues, queue_ages=old(f"network/inbox.iom.{secret}", 90) | old("network/inbox.iom", 60))
    samples = [sample for family in exposing.metrics(now, [], SETTINGS, AT) for sample in family.samples]
    assert secret not in repr(samples)
    values = {one.name: one.value for one in samples if one.labels.get("queue") == "inbox.iom"}
    assert values["ruta_queue_messages"] == 4
    assert values["ruta_queue_age_seconds"] == 90


def test_what_could_not_be_read_is_no_zero() -> None:
    now = well(queues=None, services={"intake": None}, queue_ages={}, probes={}, unread={"database intake": "away"})
    names = {sample.name for family in exposing.metrics(now, [], SETTINGS, AT) for sample in family.samples}
    assert "ruta_unread" in names
    assert not names & {"ruta_queue_messages", "ruta_outbox_age_seconds", "ruta_referrals_overdue", "ruta_audit_right"}


def test_the_age_of_a_services_queue_is_there_only_where_the_log_says_it() -> None:
    for exact, ages in ((True, {42.0}), (False, set())):
        now = well(queues=[], queue_ages={"hub/referrals": {"seconds": 42.0, "exact": exact, "moved": 0.0}})
        samples = [sample for family in exposing.metrics(now, [], SETTINGS, AT) for sample in family.samples]
        assert {one.value for one in samples if one.name == "ruta_queue_age_seconds"} == ages
        assert {one.value for one in samples if one.name == "ruta_queue_age_at_least_seconds"} == {42.0}


def test_a_queue_that_nobody_has_counted_is_no_empty_one() -> None:
    uncounted = {"messages": None, "consumers": None, "acknowledged": 0}
    queues = [
        {"vhost": "network", "name": "inbox.iom", "messages": 2, "consumers": 1, "acknowledged": 5},
        {"vhost": "network", "name": f"inbox.iom.{'31fb' * 8}", **uncounted},
        {"vhost": "hub", "name": "referrals", **uncounted},
    ]
    found = exposing.metrics(well(queues=queues, queue_ages={}), [], SETTINGS, AT)
    assert not [one for family in found for one in family.samples if "queue" in one.labels]


@needs_promtool
def test_alertmanager_hides_what_follows_from_a_cause(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    command = [
        "prometheus-alertmanager", f"--config.file={MONITORING / 'alertmanager.yml'}", f"--storage.path={tmp_path}",
        f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address=",
    ]  # fmt: skip
    given = [
        ("reader_frozen", "referrals"), ("queue_old", "referrals"), ("queue_old", "intake"), ("outbox_old", ""),
        ("clock_apart", ""), ("referral_overdue", ""), ("organisation_silent", ""),
    ]  # fmt: skip
    url = f"http://127.0.0.1:{port}/api/v2/alerts"
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        eventually(lambda: ask(url) is not None)
        ask(url, [{"labels": {"alertname": name_of(name), **({"part": part} if part else {})}} for name, part in given])
        # It hides a few moments later than it is told.
        hidden = eventually(lambda: [one for one in ask(url) or () if one["status"]["inhibitedBy"]][2:] and ask(url))
    finally:
        process.kill()
        process.wait()
    assert {
        (one["labels"]["alertname"], one["labels"].get("part")) for one in hidden or () if one["status"]["inhibitedBy"]
    } == {("RutaQueueOld", "referrals"), ("RutaReferralOverdue", None), ("RutaOrganisationSilent", None)}


def ask(url: str, said: list[dict[str, Any]] | None = None) -> list[dict[str, Any]] | None:
    """What it answers; None while it does not."""
    body = None if said is None else json.dumps(said).encode()
    request = urllib.request.Request(url, data=body, headers={"Content-Type": "application/json"})  # noqa: S310 - ours
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - ours
            return json.loads(answer.read() or b"[]")  # type: ignore[no-any-return]
    except OSError:
        return None
