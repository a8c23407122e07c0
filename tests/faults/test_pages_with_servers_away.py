"""The console's pages in a running network, with each server away: each answers, and names what is not seen."""

import re
import time
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Final
from urllib.parse import urlsplit

import pytest

from bench.console.browsing import ENROLMENT, Browser, Remote, enrol
from deploy.local import Network
from hub.monitor import seen
from messaging.topology import MONITOR
from tests.commands import ruta
from tests.faults.down import ended, frozen, shut
from tests.faults.test_problems import hub as hub
from tests.waiting import eventually

CENTRE: Final = "barranquilla"
WITHIN: Final = 15.0  # seconds, for a page of a machine that tests keep busy; alone it takes a third of that
SEEN: Final = ("/estado", "/colas", "/en-espera", "/organizaciones", "/alertas")  # in the files of who looks
ASKED: Final = ("/topologia", "/mensajes", "/fallos", "/repeticiones", "/auditoria")  # of databases
NUMBERS: Final = count()
OF_STAFF: Final = ("/", "/hoy", "/referencias", "/buscar", "/entrar", *SEEN, *ASKED)


@pytest.fixture
def browser(hub: Network) -> Iterator[Browser]:
    """Whoever operates the network has come in."""
    browser, login = Browser(Remote(urlsplit(hub.stack.console_url).port or 80)), f"on.duty.{next(NUMBERS)}"
    roles = ("--role", "operations", "--role", "coordinator")
    said = ruta(hub.stack.state, "staff", "add", "Ana", "--organisation", CENTRE, "--login", login, *roles).stdout
    found = ENROLMENT.search(said)
    assert found is not None, said
    enrol(browser, said.split()[0], login, found[0])
    yield browser
    ruta(hub.stack.state, "staff", "suspend", login)


def shown(browser: Browser, paths: tuple[str, ...], status: int) -> Mapping[str, str]:
    """What pages say, each in time."""
    found: dict[str, str] = {}
    wrong: list[str] = []
    for path in paths:
        began = time.monotonic()
        answer = browser.get(path)
        took = time.monotonic() - began
        found[path] = re.sub(r"<[^>]*>", "", answer.text)
        if answer.status != status or took > WITHIN or not found[path].strip():
            wrong.append(f"{path}: {answer.status} after {took:.1f} s")
    assert wrong == []
    return found


def looked_at_without(hub: Network, what: str) -> bool:
    """Whether the last look at the network could not read something."""
    looked = seen.read(seen.beside(hub.stack.state.alerts_book))
    return looked is not None and what in " ".join(looked.unread)


def test_without_the_broker_pages_say_what_is_not_known(hub: Network, browser: Browser) -> None:
    with frozen(hub, "rabbitmq"):
        eventually(lambda: looked_at_without(hub, "management"))
        said = shown(browser, (*SEEN, *ASKED), 200)
        eventually(lambda: "RabbitMQ no responde" in shown(browser, ("/alertas",), 200)["/alertas"])
    assert "Lo que nadie puede decir ahora" in said["/estado"]
    assert "RabbitMQ no dijo qué hay en sus colas" in said["/colas"]


def test_without_the_log_pages_say_that_it_is_not_read(hub: Network, browser: Browser) -> None:
    with shut(hub, MONITOR):
        said = shown(browser, (*SEEN, *ASKED), 200)
    assert "no se pudo leer el registro de mensajes" in said["/organizaciones"]
    for path in ("/topologia", "/mensajes"):
        assert "registro" in said[path]


def test_without_the_database_each_page_says_that_nothing_was_done_and_is_there_again_by_itself(
    hub: Network, browser: Browser
) -> None:
    with ended(hub, "postgres"):
        said = shown(browser, OF_STAFF, 503)
        sent = browser.post("/bloquear", {"form_token": "0" * 64})
    assert sent.status == 503
    for path, text in said.items():
        assert "Lo último que pidió no se hizo" in text, path
        assert "database_away" in text
    eventually(lambda: browser.get("/estado").status == 200)
