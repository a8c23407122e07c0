"""What is seen of a running network is told as metrics, and a real Prometheus finds its alerts and pictures in them."""

import json
import os
import re
import shutil
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.local import Network, Stack
from deploy.local.state import ROOT, free_ports
from hub.monitor.alerts import pages, prometheus
from tests.directories import directory
from tests.waiting import eventually

MONITORING = ROOT / "deploy" / "monitoring"
BOARDS = sorted((MONITORING / "grafana").glob("*.json"))
# What only some networks have: organisations that read by HTTP, a process that has just fallen behind.
MAY_BE_EMPTY = {"ruta_organisation_unread_seconds"}

needs_prometheus = pytest.mark.skipif(
    shutil.which("prometheus") is None and os.getuid() != 0,
    reason="prometheus is not installed (sudo apt-get install -y prometheus): its queries are left out",
)


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - of this machine
        said: str = answer.read().decode()
        return said


def metrics_of(network: Network) -> str:
    """What is told, once somebody has looked."""
    url = f"http://{network.stack.metrics_listen}/metrics"
    return str(eventually(lambda: text if "ruta_process_up{" in (text := get(url)) else None))


def test_every_process_is_told_and_nothing_of_anybody(network: Network) -> None:
    up = re.compile(r'^ruta_process_up\{process="(.+)"\} 1\.0$', re.MULTILINE)
    eventually(lambda: set(up.findall(metrics_of(network))) == set(network.processes))  # on a busy machine one by one

    said = metrics_of(network)
    beats = set(re.findall(r'^ruta_process_heartbeat_age_seconds\{process="(.+)"\}', said, re.MULTILINE))
    assert beats == {name for name, process in network.processes.items() if process.program.health is not None}
    reads = re.compile(r'^ruta_queue_consumers\{part="referrals",queue="referrals",vhost="hub"\} 1\.0$', re.MULTILINE)
    eventually(lambda: reads.search(metrics_of(network)))  # the broker's counts are some seconds old
    assert not re.search(r"[0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f]{4}-|@", said)  # no id, no secret, no address


def test_it_listens_on_loopback_alone(network: Network) -> None:
    host, _, port = network.stack.metrics_listen.rpartition(":")
    assert host == "127.0.0.1"
    listening = Path("/proc/net/tcp").read_text() + Path("/proc/net/tcp6").read_text()
    ours = [line.split()[1] for line in listening.splitlines() if line.split()[1].endswith(f":{int(port):04X}")]
    assert {one.partition(":")[0] for one in ours} == {"0100007F"}


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    """One of its own: what tests of other modules have lost on purpose, alerts go on telling for days."""
    with directory("metrics") as home, Stack(home, environment={}) as stack, Network(stack) as network:
        yield network


class Prometheus:
    """A real one, that collects from a running network each second."""

    def __init__(self, home: Path) -> None:
        self.url = ""
        self._home = home
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, network: Network) -> None:
        config = (MONITORING / "prometheus.yml").read_text()
        (self._home / "prometheus.yml").write_text(re.sub(r"_interval: 15s", "_interval: 1s", config))
        shutil.copy(MONITORING / "rules.yml", self._home)
        shutil.copy(network.stack.state.directory / "targets.json", self._home)
        (port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{port}"
        command = [
            "prometheus", f"--config.file={self._home}/prometheus.yml", f"--storage.tsdb.path={self._home}/data",
            f"--web.listen-address=127.0.0.1:{port}",
        ]  # fmt: skip
        with (self._home / "log").open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def ask(self, expression: str) -> list[dict[str, Any]]:
        """What a query finds. Raises OSError where it cannot be read."""
        said = json.loads(get(f"{self.url}/api/v1/query?{urllib.parse.urlencode({'query': expression})}"))
        assert said["status"] == "success", said
        found: list[dict[str, Any]] = said["data"]["result"]
        return found


@pytest.fixture(scope="module")
def prometheus_of(network: Network, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """It has collected from both at least twice."""
    metrics_of(network)
    one = Prometheus(tmp_path_factory.mktemp("prometheus"))
    one.start(network)
    try:
        eventually(lambda: _is_collecting(one))
        yield one
    finally:
        one.stop()


def _is_collecting(one: Prometheus) -> bool:
    try:
        return len(one.ask("up == 1 and count_over_time(up[1m]) > 3")) == 2
    except OSError:
        return False


def queries() -> Iterator[tuple[str, str]]:
    for board in BOARDS:
        for panel in json.loads(board.read_text())["panels"]:
            for target in panel["targets"]:
                yield f"{board.stem}: {panel['title']} {target['refId']}", target["expr"]


QUERIES = dict(queries())


@needs_prometheus
@pytest.mark.parametrize("name", QUERIES)
def test_every_query_of_a_dashboard_finds_something(prometheus_of: Prometheus, name: str) -> None:
    found = (
        eventually(lambda: prometheus_of.ask(QUERIES[name]))
        if QUERIES[name] not in MAY_BE_EMPTY
        else [prometheus_of.ask(QUERIES[name])]
    )
    assert found


@needs_prometheus
def test_no_alert_fires_where_nothing_is_wrong_and_each_rule_can_be_asked(prometheus_of: Prometheus) -> None:
    for page in pages.read().values():
        assert prometheus_of.ask(prometheus.expression(page)) == [], page.name
    loaded = json.loads(get(f"{prometheus_of.url}/api/v1/rules"))["data"]["groups"][0]["rules"]
    assert [rule["name"] for rule in loaded] == [prometheus.name_of(name) for name in pages.read()]
    eventually(lambda: all(rule["health"] == "ok" for rule in rules_of(prometheus_of)))


def rules_of(one: Prometheus) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(get(f"{one.url}/api/v1/rules"))["data"]["groups"][0]["rules"]
    return found


@needs_prometheus
def test_every_metric_that_rules_and_dashboards_ask_for_is_told(prometheus_of: Prometheus) -> None:
    asked = {
        name
        for text in [*QUERIES.values(), *(prometheus.expression(page) for page in pages.read().values())]
        for name in re.findall(r"\b(?:ruta|rabbitmq)_[a-z_]+", text)
    }
    told = {name for name in asked if prometheus_of.ask(f"count({{__name__={json.dumps(name)}}})")}
    only_where_there_is_some = {"ruta_problem_parts", "ruta_organisation_unread_seconds", "ruta_audit_right"}
    assert asked - told <= only_where_there_is_some


@needs_prometheus
def test_a_frozen_process_is_found_by_prometheus_too(network: Network, prometheus_of: Prometheus) -> None:
    network["employment"].pause()
    try:
        found = eventually(lambda: prometheus_of.ask('ALERTS{alertname="RutaReaderFrozen"}'), within=60)
    finally:
        network["employment"].resume()
    assert found[0]["metric"]["part"] == "employment"


def test_what_tells_of_alerts_comes_back_when_it_is_killed(network: Network) -> None:
    network["alerts"].kill()
    network.wait_ready(["alerts"])
    metrics_of(network)
