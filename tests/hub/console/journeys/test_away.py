"""The console is away for an hour: nothing is lost, nobody else waits, and what fell due then is the hub's delay."""

import time
from datetime import datetime, timedelta

from hub.console import presence
from hub.reports.rules import partners
from hub.reports.store import counts
from messaging import database
from tests.hub.console.journeys.conftest import House, Referral
from tests.waiting import eventually

HOUR = timedelta(hours=1)
OF_THE_CONSOLE = ("console", "console-web", "console-inbox", "console-custody", "console-acting")
HUBS_DELAY = "La consola de Ruta no funcionaba"
STALE = "lo que pasó después llega con retraso"


def reported(house: House, referral: Referral) -> list[tuple[bool, bool]]:
    """Whether the reports know of an absence of whoever has to answer it, and take the answer to be overdue."""
    with database.connect(house.network.stack.service_database_url("reports")) as connection:
        sent = counts.referrals(connection)
    of_it = [one for one in sent if (one.recipient, one.answer_by) == (referral.recipient, referral.due_at)]
    return [(bool(one.absences), partners.is_overdue(one, now=house.now())) for one in of_it]


def test_what_fell_due_while_the_console_was_away_is_the_hubs_and_nothing_is_lost(house: House) -> None:
    falls_due = house.refers("redcross", "casapuente.apoyo", "emergency")
    eventually(lambda: falls_due.states == ["sent", "received"])
    was_due = falls_due.due_at
    house.wait_for(was_due - house.now() - HOUR / 2)
    eventually(lambda: len(house.asks_the_console("select part from presence")) == len(OF_THE_CONSOLE))
    for name in OF_THE_CONSOLE:
        house.network[name].stop()

    # Somebody whose system is their own is sent something, and answers, while the console is away.
    began = time.monotonic()
    meanwhile = house.refers("redcross", "fuvadis.higiene")
    meanwhile.says("fuvadis", "received")
    meanwhile.says("fuvadis", "accepted")
    assert time.monotonic() - began < 30
    sent_meanwhile = house.refers("redcross", "casapuente.mercado")
    house.wait_for(HOUR)
    for name in OF_THE_CONSOLE:
        house.network[name].start()
    house.network.wait_ready(OF_THE_CONSOLE)

    # All of it has come in.
    eventually(lambda: meanwhile.states == ["sent", "received", "accepted"])
    eventually(lambda: sent_meanwhile.states == ["sent", "received"])
    away = (
        "select distinct part from away where organisation = 'casapuente' and ended_at - began_at > interval '50 min'"
    )
    eventually(lambda: {row["part"] for row in house.asks_the_console(away)} == {*OF_THE_CONSOLE})
    # Whoever has to answer has as long again, all of the hub's services know, and nobody counts it as theirs.
    eventually(lambda: falls_due.states == ["sent", "received", "received"])
    assert was_due < house.now() < falls_due.due_at
    eventually(lambda: reported(house, falls_due) == [(True, False)])

    # It is nobody's but the hub's.
    with house.sits("coordinacion") as desk, house.sits("casapuente") as theirs:
        theirs.opens(falls_due.path)
        assert HUBS_DELAY in theirs.read()
        theirs.opens("/hoy")
        assert "la respuesta de ustedes está atrasada" not in theirs.read()
        desk.opens("/hoy")
        assert "Vencidas en otras organizaciones" not in desk.read()


def test_while_the_read_service_stands_pages_say_as_of_when_they_are_and_then_no_more(house: House) -> None:
    with house.sits("casapuente") as theirs:

        def says_so() -> bool:
            theirs.opens("/hoy")
            return STALE in theirs.read()

        eventually(lambda: read_to(house) is not None and not says_so(), within=60)
        house.network["console"].stop()
        house.wait_for(2 * presence.STALE_AFTER)
        assert says_so()
        house.network["console"].start()
        house.network.wait_ready(["console"])
        eventually(lambda: not says_so(), within=60)
        # Nothing happens, and it goes on being as of now.
        before = house.now()
        eventually(lambda: (read_to(house) or before) > before, within=60)


def read_to(house: House) -> datetime | None:
    """Until when the read service says that it has applied what it was sent."""
    (row,) = house.asks_the_console("select read_to from presence where part = %s", presence.READER)
    at: datetime | None = row["read_to"]
    return at
