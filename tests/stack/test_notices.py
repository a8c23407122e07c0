"""Who is told where mail is sent from: the process that sends it, and no other."""

import pytest

from deploy.local import Stack
from deploy.local.entrance import OF_MAIL
from deploy.local.processes import hub_programs
from messaging.topology import CONSOLE_WEB, DeclaredNetwork

MAIL = {"RUTA_SMTP_URL": "smtp://ruta:secreta@mail.example.org", "RUTA_SMTP_FROM": "ruta@example.org"}
SENDS = "console-notices"


def told(stack: Stack, declared: DeclaredNetwork) -> dict[str, set[str]]:
    """Which of the settings each process has."""
    return {one.name: set(one.environment) & set(OF_MAIL) for one in hub_programs(stack, declared)}


@pytest.mark.parametrize("named", [(), *((one,) for one in OF_MAIL)])
def test_without_a_server_and_a_sender_nothing_runs(
    provisioned: Stack, declared: DeclaredNetwork, monkeypatch: pytest.MonkeyPatch, named: tuple[str, ...]
) -> None:
    said = {name: value for name, value in MAIL.items() if name in named}
    monkeypatch.setattr(provisioned, "environment", {**provisioned.environment, **said})
    found = told(provisioned, declared)
    assert SENDS not in found
    assert not any(found.values())


def test_with_both_one_process_has_the_password(
    provisioned: Stack, declared: DeclaredNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in MAIL.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(provisioned, "environment", {**provisioned.environment, **MAIL})
    found = told(provisioned, declared)
    assert found.pop(SENDS) == set(OF_MAIL)
    assert found.pop(CONSOLE_WEB) == {"RUTA_SMTP_FROM"}
    assert not any(found.values())
