"""Names that are told to coordinate, on the processes that serve and open: who sees them, and until when."""

from collections.abc import Iterator
from uuid import UUID

import pytest

from deploy.local import Stack
from hub.console.store import facts
from hub.console.web.case import path_of
from tests.examples import NOW
from tests.examples_reports import an_id
from tests.hub.console.kit import Answer
from tests.hub.console.test_searching import NOTHING, World
from tests.waiting import eventually

CONSENT = UUID(int=0xC0)
PERSON = an_id(("person", "ana"))
NAME = "Zulmarixa Qorvelle"


@pytest.fixture
def world(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A case between two others, whose person the Red Cross, which coordinates here, was told the name of."""
    made = World(stack, tmp_path_factory.mktemp("names"))
    made.console.say_roles("redcross", ["partner", "coordinator", "custody"])
    made.refer("ana", recipient="iom")
    made.box.name(CONSENT, PERSON)
    eventually(lambda: made.console.query("select from sealed_block where index_due is not null") == [])
    yield made
    made.close()


def opened(world: World, role: str = "coordinator") -> Answer:
    browser, path = world.by("redcross", role), path_of(an_id("ana"))
    browser.get("/")
    return browser.send(f"{path}/persona", a=path)


def is_found(world: World, role: str = "coordinator") -> bool:
    answer = world.search("redcross", NAME, role)
    if answer.status == 303:
        return True
    assert NOTHING in answer.text
    return False


def test_a_name_is_seen_by_who_coordinates_while_the_consent_holds_and_never_after(world: World) -> None:
    assert (NAME in opened(world).text, is_found(world)) == (False, False)
    world.box.allow(CONSENT, PERSON)
    assert (NAME in opened(world).text, is_found(world)) == (True, True)
    case = world.by("redcross", "coordinator").get(path_of(an_id("ana"))).text
    assert ("Ver el nombre" in case, "Ver nombre y teléfono" in case) == (True, False)
    assert "Para coordinar se ve solo el nombre" in opened(world).text
    acts = [one["act"] for one in world.console.query("select act from audit_entry order by number")]
    assert acts.index("opened") < len(acts) - 1 - acts[::-1].index("case_seen")
    assert (NAME in opened(world, "partner_staff").text, is_found(world, "partner_staff")) == (False, False)
    assert world.by("redcross", "coordinator").get("/hoy").text.count(NAME) == 0

    world.staff.clear()  # somebody else, before who has searched until now is stopped for it
    world.box.fact(facts.SUSPENSION, {"consent_id": CONSENT, "suspended_at": NOW})
    assert (NAME in opened(world).text, is_found(world)) == (False, False)
    world.box.fact(facts.END_OF_CONSENT, {"consent_id": CONSENT, "ended_at": NOW, "end_reason": "withdrawn"})
    assert (NAME in opened(world).text, is_found(world)) == (False, False)
    assert world.console.query("select from sealed_block where kind = 'name'") == []


def test_who_coordinates_is_told_that_others_cases_are_found_by_the_name_alone(world: World) -> None:
    world.box.allow(CONSENT, PERSON)
    told = "De los casos de otras organizaciones solo se busca por el nombre"
    nothing = world.search("redcross", "3017731049", "coordinator").text
    assert (NOTHING in nothing, told in nothing) == (True, True)
    assert told in world.by("redcross", "coordinator").get("/buscar").text
    assert told not in world.by("redcross", "partner_staff").get("/buscar").text
