"""The pages that are asked for, and by whom."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

import contracts
from bench.console.browsing import Answer, Browser
from bench.console.world import NEVER, OLD_STATE, RARE_NEED, RARE_STATE, World
from deploy.local import OperatorError
from hub.console.store.cases import After
from hub.console.web import absences, agenda, case, holding, listing, searching, today
from messaging import clock

LARGE_STAFF, SMALL_STAFF, COORDINATOR = "large", "small", "coordinator"
FLOOR: Final = "the form of Buscar"
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
    """What is looked for, where the page is one of what was found."""
    status: int = 200

    def at(self, browsers: Mapping[str, Browser]) -> Answer:
        """Ask for it; OperatorError where something else comes of it."""
        browser = browsers[self.by]
        answer = browser.get(self.path) if self.typed is None else browser.send(self.path, q=self.typed)
        if answer.status != self.status:
            raise OperatorError(f"{self.name} was answered with {answer.status}")
        return answer


def looks(world: World, far: Mapping[str, After]) -> Sequence[Look]:
    """All of them, the floor first; `far` says for LARGE_STAFF and COORDINATOR what the far pages stand behind."""
    state, need = NEVER
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
        Look("Buscar: a code", LARGE_STAFF, searching.FOUND, typed=code, status=303),
        Look("Buscar: an id", LARGE_STAFF, searching.FOUND, typed=str(world.longest), status=303),
        Look("Buscar: no such code", LARGE_STAFF, searching.FOUND, typed=unknown),
        Look("Buscar: a mistyped code", LARGE_STAFF, searching.FOUND, typed=mistyped),
        Look("Caso: 200 steps", LARGE_STAFF, case.path_of(world.longest)),
        Look("Caso: 40 referrals", COORDINATOR, case.path_of(world.chained)),
    )


def _list(part: str = "", state: str = "", need: str = "", after: After | None = None) -> str:
    asked = {listing.PART: part, listing.STATE: state, listing.NEED: need}
    if after is not None:
        asked[listing.AFTER] = f"{after.changed_at.isoformat()}~{after.referral_id}"
    return f"{listing.PATH}?{urlencode({name: value for name, value in asked.items() if value})}"
