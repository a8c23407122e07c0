"""The pages that are asked for, and by whom."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

import contracts
from bench.console.browsing import Answer, Browser
from bench.console.people import People
from bench.console.world import NEVER, OLD_STATE, RARE_NEED, RARE_STATE, World
from deploy.local import OperatorError
from hub.console.store.cases import After
from hub.console.web import absences, agenda, case, holding, listing, searching, today
from messaging import clock

LARGE_STAFF, SMALL_STAFF, COORDINATOR = "large", "small", "coordinator"
ROW: Final = '<th scope="row">'  # of who was found
NAMELESS: Final = "sin nombre"  # in place of a name that custody has not opened
FLOOR: Final = "the form of Buscar"
SHOWN: Final = 2  # at least, of several
STAFF: Final = {
    LARGE_STAFF: "partner_staff",
    SMALL_STAFF: "partner_staff",
    COORDINATOR: "coordinator",
}
"""The role of each who looks."""


@dataclass(frozen=True)
class Look:
    """One page, asked for by one of STAFF."""

    name: str
    by: str
    path: str
    typed: str | None = None
    """What its form sends, where the page is one of what was found, or opened."""
    leads_to: str | None = None
    """Where its form leads to, where that is another page than its own."""
    names: int = 0
    """How many people's names there are at least, where custody has opened them."""
    asks_custody: bool = False

    def at(self, browsers: Mapping[str, Browser]) -> Answer:
        """Ask for it, until the page is there that somebody waits for; OperatorError where something else comes of it.

        Where its form leads to a page, both requests count.
        """
        browser = browsers[self.by]
        answer = browser.get(self.path) if self.typed is None else browser.send(self.path, q=self.typed)
        if answer.leads_to is not None and answer.leads_to == self.leads_to:
            seen = browser.get(answer.leads_to)
            answer = replace(seen, seconds=answer.seconds + seen.seconds)
        if answer.status != 200:
            raise OperatorError(f"{self.name} was answered with {answer.status}")
        if self.names and (answer.text.count(ROW) < self.names or NAMELESS in answer.text):
            raise OperatorError(f"{self.name} was answered without the names that it is to show")
        return answer


def looks(world: World, far: Mapping[str, After], people: People | None = None) -> Sequence[Look]:
    """All of them, the floor first; `far` says for LARGE_STAFF and COORDINATOR what the far pages stand behind.

    Of people only where there are any: custody is asked for them.
    """
    state, need = NEVER
    longest = case.path_of(world.longest)
    code = contracts.short_code(world.longest)
    unknown = contracts.short_code(UUID(int=world.longest.int ^ 0b10101))
    mistyped = code[:-1] + ("2" if code[-1] != "2" else "3")
    return (
        Look(FLOOR, LARGE_STAFF, "/buscar"),
        Look("Hoy: the large", LARGE_STAFF, "/hoy"),
        Look("Hoy: a small one", SMALL_STAFF, "/hoy"),
        Look("Hoy: a coordinator", COORDINATOR, "/hoy"),
        Look("Hoy, mine: the large", LARGE_STAFF, f"/hoy?{today.WHOSE}={today.MINE}"),
        Look("Hoy, mine: a coordinator", COORDINATOR, f"/hoy?{today.WHOSE}={today.MINE}"),
        Look("Agenda, today: the large", LARGE_STAFF, agenda.PATH),
        Look("Agenda, a week: the large", LARGE_STAFF, f"{agenda.PATH}?{agenda.WEEK}={clock.now().date()}"),
        Look("Agenda: a small one", SMALL_STAFF, agenda.PATH),
        Look("Whose: 200 steps", LARGE_STAFF, holding.path_of(world.longest)),
        Look("Absence", LARGE_STAFF, absences.PATH),
        Look("list: the large", LARGE_STAFF, _list()),
        Look("list: the large, page 2,000", LARGE_STAFF, _list(after=far[LARGE_STAFF])),
        Look("list: a small one", SMALL_STAFF, _list()),
        Look("list: a coordinator", COORDINATOR, _list()),
        Look("list: a coordinator, page 2,000", COORDINATOR, _list(after=far[COORDINATOR])),
        Look("sent, in a state", LARGE_STAFF, _list("enviadas", state)),
        Look("received: the large", LARGE_STAFF, _list("recibidas")),
        Look("received, of a need", LARGE_STAFF, _list("recibidas", need=need)),
        Look("sent, of a need: a small one", SMALL_STAFF, _list("enviadas", need=need)),
        Look("received, in a state: a small one", SMALL_STAFF, _list("recibidas", state)),
        Look("a common state: the large", LARGE_STAFF, _list(state=state)),
        Look("a common state: a coordinator", COORDINATOR, _list(state=state)),
        Look("a rare state: the large", LARGE_STAFF, _list(state=RARE_STATE)),
        Look("a rare state: a coordinator", COORDINATOR, _list(state=RARE_STATE)),
        Look("a state of long ago: the large", LARGE_STAFF, _list(state=OLD_STATE)),
        Look("a state of long ago: a coordinator", COORDINATOR, _list(state=OLD_STATE)),
        Look("a rare need: the large", LARGE_STAFF, _list(need=RARE_NEED)),
        Look("a rare need: a coordinator", COORDINATOR, _list(need=RARE_NEED)),
        Look("nothing found: the large", LARGE_STAFF, _list(state=state, need=need)),
        Look("nothing found: a coordinator", COORDINATOR, _list(state=state, need=need)),
        Look("Buscar: a code", LARGE_STAFF, searching.FOUND, typed=code, leads_to=longest),
        Look("Buscar: an id", LARGE_STAFF, searching.FOUND, typed=str(world.longest), leads_to=longest),
        Look("Buscar: no such code", LARGE_STAFF, searching.FOUND, typed=unknown),
        Look("Buscar: a mistyped code", LARGE_STAFF, searching.FOUND, typed=mistyped),
        *(_of_people(world, people) if people is not None else ()),
        Look("Caso: 200 steps", LARGE_STAFF, longest),
        Look("Caso: 40 referrals", COORDINATOR, case.path_of(world.chained)),
    )


def _of_people(world: World, people: People) -> Iterator[Look]:
    """Those that ask custody; one who is found alone leads to the case."""
    longest = case.path_of(world.longest)
    one = {
        "a receipt": people.receipt, "a whole name": people.name, "a telephone": people.telephone,
        "a document": people.document,
    }  # fmt: skip
    several = {
        "four last digits": people.last_digits, "a common name": people.common,
        "two common names": people.common_pair, "a name of nobody": people.nobody,
    }  # fmt: skip
    for name, typed in one.items():
        yield Look(f"Buscar: {name}", LARGE_STAFF, searching.FOUND, typed=typed, leads_to=longest, asks_custody=True)
    yield Look("Buscar: two names of nobody", LARGE_STAFF, searching.FOUND, typed=people.none, asks_custody=True)
    for who, whose in ((LARGE_STAFF, ""), (COORDINATOR, ", a coordinator")):
        for name, typed in several.items():
            yield Look(f"Buscar: {name}{whose}", who, searching.FOUND, typed=typed, names=SHOWN, asks_custody=True)
    yield Look("Buscar: a name, a small one", SMALL_STAFF, searching.FOUND, typed=people.common)
    yield Look("Caso: with its person", LARGE_STAFF, f"{longest}/persona", typed="")


def _list(part: str = "", state: str = "", need: str = "", after: After | None = None) -> str:
    asked = {listing.PART: part, listing.STATE: state, listing.NEED: need}
    if after is not None:
        asked[listing.AFTER] = f"{after.changed_at.isoformat()}~{after.referral_id}"
    return f"{listing.PATH}?{urlencode({name: value for name, value in asked.items() if value})}"
