"""What a service handles and says is read off its code as its code has it when it runs."""

import importlib
import inspect
from pathlib import Path

import pytest

import contracts
from messaging import surface, topology

SERVICES = topology.read().services


@pytest.mark.parametrize("service", SERVICES)
def test_what_a_service_handles_is_read_as_it_runs(service: str) -> None:
    package = SERVICES[service].package
    module = importlib.import_module(f"{package}.service")
    (service_class,) = [
        member for _, member in inspect.getmembers(module, inspect.isclass) if member.__module__ == module.__name__
    ]
    handlers = [method for _, method in inspect.getmembers(service_class) if hasattr(method, "handles")]
    assert {contracts.contract_of(method.handles).name for method in handlers} == {*surface.handles(package)}
    assert {*SERVICES[service].reads} == {*surface.handles(package)}


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a package `planted`, without a service yet."""
    (tmp_path / "planted").mkdir()
    (tmp_path / "planted" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    surface.handles.cache_clear()
    return tmp_path / "planted"


def test_a_service_that_handles_what_is_no_contract_is_named(planted: Path) -> None:
    (planted / "service.py").write_text("class Planted:\n    @on(contracts.ReferralLost)\n    def lose(self): ...\n")
    with pytest.raises(surface.NoServiceError, match=r"planted handles contracts\.ReferralLost, which is no contract"):
        surface.handles("planted")


def test_other_decorators_and_calls_are_no_handlers(planted: Path) -> None:
    lines = (
        "class Planted:",
        "    @every(timedelta(seconds=1))",
        "    def later(self): on(contracts.JornadaHeld)",
        "    @on(contracts.JornadaPlanned)",
        "    def plan(self): ...",
    )
    (planted / "service.py").write_text("\n".join(lines))
    assert surface.handles("planted") == ("jornada.planned",)


@pytest.mark.parametrize("package", ["services.nobody", "nowhere.at.all", "services"])
def test_a_package_without_a_service_is_named(package: str) -> None:
    with pytest.raises(surface.NoServiceError, match=f"no service in the package {package}"):
        surface.handles(package)


def test_a_network_that_names_no_service_of_ours_and_not_what_it_reads_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "network.toml"
    file.write_text(f"{topology.NETWORK_FILE.read_text()}\n[services.counting]\n")
    with pytest.raises(topology.TopologyError, match=r"no service in the package services\.counting"):
        topology.read(file)


@pytest.mark.parametrize(("key", "value"), [("reads", '["need.recorded"]'), ("publishes", '["jornada.status"]')])
def test_a_network_file_that_repeats_what_the_code_says_is_refused(tmp_path: Path, key: str, value: str) -> None:
    """It would go on saying it when the code says something else, and the broker bring the service too little."""
    file = tmp_path / "network.toml"
    text = topology.NETWORK_FILE.read_text().replace("[services.events]\n", f"[services.events]\n{key} = {value}\n")
    file.write_text(text)
    with pytest.raises(topology.TopologyError, match=f"`{key}` of events stands in its code"):
        topology.read(file)


def test_a_service_whose_code_is_not_here_says_what_it_reads(tmp_path: Path) -> None:
    file = tmp_path / "network.toml"
    file.write_text(f'{topology.NETWORK_FILE.read_text()}\n[services.counting]\nreads = ["need.recorded"]\n')
    assert topology.read(file).services["counting"].reads == ("need.recorded",)
