"""What a newcomer who operates the network finds out and mends, with the address and the question alone.

Each step counts: a press, a field that is filled, a choice. Whoever begins has just come in, and is on the first page.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from demo.people import BARRANQUILLA
from demo.sample import script
from demo.sample.cast import SERVICES
from demo.sample.script import Case, Line
from deploy.local import membership
from messaging import database
from messaging.topology import GATEWAY
from tests.hub.console.journeys.conftest import House, Referral, Sitting
from tests.waiting import eventually

WHY_AT_MOST = 4
MENDED_AT_MOST = 8
MARGIN = 1
MANY = 50
RED_CROSS = "Cruz Roja Colombiana"
"""What is asked: why has the Red Cross not got this referral?"""


@dataclass
class Newcomer:
    """Whoever sits there, and what they have done so far."""

    sitting: Sitting
    steps: list[str] = field(default_factory=list)

    def presses(self, words: str, where: str = "body") -> None:
        """Press what is called so, and wait for the page that comes."""
        with self.sitting.page.expect_navigation():
            self.sitting.page.locator(f"{where} :is(a, button):text('{words}')").first.click()
        self.steps.append(f"press {words}")

    def types(self, label: str, words: str) -> None:
        self.sitting.page.get_by_label(label).fill(words)
        self.steps.append(f"type into {label}")

    def chooses(self, words: str) -> None:
        self.sitting.page.get_by_label(words).check()
        self.steps.append(f"choose {words}")

    def looks_for(self, code: str) -> str:
        """Look for what the question names, from the first page; what the page that comes says."""
        self.sitting.opens("/")
        self.steps.clear()
        self.types("Buscar un mensaje o una referencia por su código", code)
        self.presses("Buscar", "header")
        return self.sitting.read()

    def asks(self, code: str, *answer: str) -> str:
        """Look for it until the page answers: what is on its way comes, and the network is looked at now and then."""

        def answered() -> bool:
            said = self.looks_for(code)
            return all(words in said for words in answer)

        try:
            eventually(answered, within=90.0)
        except AssertionError:
            raise AssertionError(f"none of {answer} is on {self.sitting.page.url}: {self.sitting.read()}") from None
        assert len(self.steps) <= WHY_AT_MOST - MARGIN, self.steps
        return self.sitting.read()


@pytest.fixture
def newcomer(house: House) -> Iterator[Newcomer]:
    with house.sits("operacion") as sitting:
        yield Newcomer(sitting)


# -- why has the Red Cross not got this referral? ----------------------------------------------------------------------


def test_its_inbox_by_amqp_is_unread(house: House, newcomer: Newcomer) -> None:
    referral = house.refers("iom", "redcross.salud")

    newcomer.asks(referral.code, RED_CROSS, "referral.offered.v1", "Lo más antiguo de su buzón espera desde hace")


def test_it_is_suspended(house: House, newcomer: Newcomer) -> None:
    referral = house.refers("iom", "redcross.salud")
    url = house.network.stack.service_database_url(GATEWAY)
    with membership.opened(house.network.stack.state, url) as partners:
        partners.suspend("redcross")
        try:
            newcomer.asks(referral.code, RED_CROSS, "Esa organización está suspendida")
        finally:
            partners.resume("redcross")


def test_it_is_parked_in_a_service(house: House, newcomer: Newcomer) -> None:
    number = 7001  # of nobody else
    *_, (request,) = script.opening(number, Case("received", "iom", "redcross.salud", "", "normal"))
    assert house.speakers["iom"].say([request]) == [None]  # and not what goes before

    said = newcomer.asks(Referral(house, number, "iom", "redcross").code, "referrals: en espera de lo que falta")

    assert "No se ha aplicado lo que dijo OIM" in said
    assert RED_CROSS not in said  # nobody has told it anything


def test_a_process_of_the_hub_is_stopped(house: House, newcomer: Newcomer) -> None:
    referral, request = house.prepares("iom", "redcross.salud")
    with stopped(house, "referrals"):
        assert house.speakers["iom"].say([request]) == [None]
        said = newcomer.asks(referral.code, "El proceso referrals")
        assert "./ruta status" in said
    newcomer.asks(referral.code, RED_CROSS, "referral.offered.v1")


@contextmanager
def stopped(house: House, process: str) -> Iterator[None]:
    house.network[process].stop()
    try:
        yield
    finally:
        house.network[process].start()
        house.network.wait_ready([process])


# -- a poisoned batch --------------------------------------------------------------------------------------------------


def test_a_poisoned_batch_of_two_contracts_is_mended(house: House, newcomer: Newcomer) -> None:
    url = house.network.stack.service_database_url("referrals")
    query(url, "revoke all on service from current_user")
    batch = [*_published(MANY - len(SERVICES)), *_stated()]
    for by in sorted({line.by for line in batch}):
        lines = [line for line in batch if line.by == by]
        assert house.speakers[by].say(lines) == [None] * len(lines)
    eventually(lambda: given_up(url) == MANY, within=120.0)

    newcomer.sitting.opens("/estado")
    newcomer.sitting.sees("Se desistió de aplicar mensajes")
    assert RED_CROSS in newcomer.sitting.read()
    assert sums(newcomer)["Se desistió"] == str(MANY)
    query(url, "grant all on service to current_user")  # what was wrong is mended first
    newcomer.steps.append("type the command that gives the right back")
    newcomer.presses("Fallos", "main")
    newcomer.presses("Ensayar el reintento de todo", "main")
    newcomer.chooses("Se corrigió la configuración o un servidor")
    newcomer.presses("Intentar otra vez", "main")
    newcomer.sitting.sees("Terminó.")  # it looks again by itself
    newcomer.presses("Estado", "nav")

    def is_zero() -> bool:
        newcomer.sitting.page.reload()
        found = sums(newcomer)
        return [found["Falló y se intenta de nuevo"], found["Se desistió"]] == ["0", "0"]

    eventually(is_zero, within=60.0)

    assert len(newcomer.steps) <= MENDED_AT_MOST - MARGIN, newcomer.steps
    assert query(url, "select count(*) from parked where state <> 'waiting'") == [(0,)]


def _published(many: int) -> Sequence[Line]:
    """So many services that the Red Cross has not had."""
    said = [
        {
            "service_id": script.id_of(f"poisoned {number}"),
            "name": f"Servicio inventado {number}",
            "need_codes": ("health.consultation",),
            "active": True,
            "zones": (BARRANQUILLA,),
            "languages": ("es",),
        }
        for number in range(many)
    ]
    return [
        Line(f"poisoned {number}", "redcross", "service.published.v2", lambda _, data=data: data)  # type: ignore[misc]
        for number, data in enumerate(said)
    ]


def _stated() -> Sequence[Line]:
    """What everybody says anew of whether they have room, in each of the services of the sample."""
    names = {name: script.id_of(f"service {name}") for name in SERVICES}
    return [
        Line(
            f"poisoned {name}",
            name.partition(".")[0],
            "capacity.stated.v1",
            lambda now, service_id=service_id: {  # type: ignore[misc]
                "service_id": service_id, "state": "open", "stated_at": now, "valid_until": now + timedelta(days=30),
            },
        )
        for name, service_id in names.items()
    ]  # fmt: skip


def query(url: str, statement: Any) -> list[Any]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return database.rows(cursor)


def given_up(url: str) -> int:
    """How many messages are given up, once each has been tried for the last time."""
    due = "update parked set next_attempt_at = '-infinity', attempts = greatest(attempts, 9) where state = 'retry'"
    query(url, due)
    ((many,),) = query(url, "select count(*) from parked where state = 'quarantined'")
    return int(many)


def sums(newcomer: Newcomer) -> dict[str, str]:
    """What Estado says of how much there is of what."""
    rows = newcomer.sitting.page.locator("main dl.facts").last
    return dict(zip(rows.locator("dt").all_inner_texts(), rows.locator("dd").all_inner_texts(), strict=True))
