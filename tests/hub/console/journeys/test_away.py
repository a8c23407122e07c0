"""The console is away for an hour: nothing is lost, nobody else waits, and what fell due then is the hub's delay."""

import time
from datetime import timedelta

from tests.hub.console.journeys.conftest import House
from tests.waiting import eventually

HOUR = timedelta(hours=1)
OF_THE_CONSOLE = ("console", "console-web", "console-inbox", "console-custody", "console-acting")
HUBS_DELAY = "La consola de Ruta no funcionaba"


def test_what_fell_due_while_the_console_was_away_is_the_hubs_and_nothing_is_lost(house: House) -> None:
    falls_due = house.refers("redcross", "casapuente.apoyo", "emergency")
    eventually(lambda: falls_due.states == ["sent", "received"])
    house.wait_for(falls_due.due_at - house.now() - HOUR / 2)
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
    assert falls_due.due_at < house.now()

    # It is nobody's but the hub's.
    with house.sits("coordinacion") as desk, house.sits("casapuente") as theirs:
        theirs.opens(falls_due.path)
        assert HUBS_DELAY in theirs.read()
        theirs.opens("/hoy")
        assert "la respuesta de ustedes está atrasada" not in theirs.read()
        desk.opens("/hoy")
        assert "Vencidas en otras organizaciones" not in desk.read()
