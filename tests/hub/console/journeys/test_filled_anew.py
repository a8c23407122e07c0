"""`./ruta rebuild console` on a whole network: what the console shows of cases is emptied and said again meanwhile."""

import os
import subprocess
import sys
from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

import contracts
from demo.sample import script
from demo.sample.script import Data, Line
from deploy.local.state import ROOT
from tests.hub.console.journeys.conftest import House, Referral
from tests.hub.console.kept import TABLES
from tests.waiting import eventually

Tables = Mapping[str, list[str]]


def test_the_console_is_filled_anew_while_referrals_go_on_and_its_process_is_killed(house: House) -> None:
    kept, moved = _cases(house)
    coming, request = house.prepares("redcross", "iom.papeles")
    eventually(lambda: _has_been_told(house, [*kept, moved]))
    before = _at_rest(house)
    assert not [name for name in TABLES if not before[name] and name not in ("escalation", "call_back", "link")]

    house.network["intake"].stop()  # so that it is not over before anything has happened
    try:
        command = _rebuild(house)
        eventually(lambda: _has_said(house, "referrals"))
        assert not house.asks_the_console("select from consent where not forgotten")
        house.network["console"].kill()
        house.network.wait_ready(["console"])
        house.says("redcross", request)
        for one in (coming, moved):
            one.says("iom", "received")
            one.says("iom", "accepted")
        assert not _has_said(house, "intake")
    finally:
        house.network["intake"].start()
        house.network.wait_ready(["intake", "console"])
    told, problems = command.communicate(timeout=120)

    assert (command.returncode, "Done: " in told) == (0, True), told + problems
    eventually(lambda: [coming.states[-1:], moved.states[-1:]] == [["accepted"], ["accepted"]])
    anew = _at_rest(house)
    assert _without(anew, coming, moved) == _without(before, coming, moved)
    assert coming.states == moved.states == ["sent", "received", "accepted"]
    again = _rebuild(house)
    told, problems = again.communicate(timeout=120)
    assert again.returncode == 0, told + problems
    assert _at_rest(house) == anew, "as everything came in, so it is said again"


def _cases(house: House) -> tuple[Collection[Referral], Referral]:
    """Referrals of several kinds to which nothing more happens, and one to which something does."""
    asked = house.refers("iom", "redcross.salud")
    asked.says("redcross", "received")
    asked.says("redcross", "info_requested", note="¿Qué documento tiene? (Caso inventado.)", topic="documents")
    asked.says("iom", "info_provided", note="El comprobante. (Caso inventado.)")
    declined = house.refers("fuvadis", "redcross.vacunas", "urgent")
    declined.says("redcross", "received")
    declined.says("redcross", "declined", reason="no_capacity")
    withdrawn = house.refers("redcross", "fuvadis.higiene")
    withdrawn.says("fuvadis", "received")
    withdrawn.says("fuvadis", "accepted")
    withdrawn.withdraws_consent()
    triaged = house.refers("redcross", "iom.papeles")
    house.says("redcross", _triage(triaged))
    erased = house.refers("redcross", "fuvadis.higiene")
    house.says("redcross", _triage(erased))
    request_id = contracts.uuid7()
    house.says("redcross", *_erasure(erased, request_id))
    return (asked, declined, withdrawn, triaged, erased), house.refers("redcross", "iom.papeles")


def _triage(referral: Referral) -> Line:
    of_it = {"need_id": script.id_of(f"need {referral.number}"), "urgency": "urgent"}

    def data(now: Any) -> Data:
        return {**of_it, "triaged_at": now}

    return Line(f"need {referral.number} triaged", referral.sender, "need.triaged.v1", data)


def _erasure(referral: Referral, request_id: UUID) -> list[Line]:
    by, person = referral.sender, script.id_of(f"person {referral.number}")
    return [
        Line(
            f"{request_id} requested",
            by,
            "rights.requested.v1",
            lambda now: {"request_id": request_id, "person_id": person, "kind": "erasure", "received_at": now},
        ),
        Line(
            f"{request_id} answered",
            by,
            "rights.answered.v1",
            lambda now: {"request_id": request_id, "answer": "granted", "answered_at": now},
        ),
    ]


def _has_been_told(house: House, referrals: Collection[Referral]) -> bool:
    states = [one.states[-1:] for one in referrals]
    return all(states) and bool(
        house.asks_the_console("select from triage")
        and house.asks_the_console("select from erasure")
        and house.asks_the_console("select from consent where ended_at is not null")
    )


def _rebuild(house: House) -> "subprocess.Popen[str]":
    """`./ruta rebuild console --afresh`, in a shell of its own."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RUTA_")}
    environment |= {"RUTA_STATE": str(house.network.stack.state.directory), "PYTHONPATH": str(ROOT), "COLUMNS": "160"}
    command = [sys.executable, "-P", "-m", "deploy.local", "rebuild", "console", "--afresh"]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _has_said(house: House, service: str) -> bool:
    """Whether a service has said all of its facts to the rebuild that is under way."""
    part = "select from rebuild_part join rebuild using (rebuild_id) where service = %s and under_way"
    return bool(house.asks_the_console(f"{part} and rebuild_part.ended_at is not null", service))


def _at_rest(house: House) -> Tables:
    """What the tables of cases say, once nothing more comes."""

    def look() -> Tables:
        return {name: sorted(map(repr, house.asks_the_console(f"select * from {name}"))) for name in TABLES}

    found = [look()]

    def stays() -> bool:
        found.append(look())
        return len(found) > 60 and all(one == found[-1] for one in found[-60:])

    eventually(stays)
    return found[-1]


def _without(tables: Tables, *referrals: Referral) -> Tables:
    """What the tables say of the others."""
    ids = [str(one.id) for one in referrals]
    return {name: [row for row in rows if not any(id in row for id in ids)] for name, rows in tables.items()}
