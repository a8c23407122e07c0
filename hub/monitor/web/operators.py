"""What Fallos and Operación have in common: how databases are asked for a page, and what of them is put into words.

What comes from a database is shown only where it is a word of the network's own: a known contract, a known
organisation, a code, a place in the code. Whatever else stood there, it would stand on no page.
"""

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from starlette.responses import Response

from contracts import CONTRACTS
from hub.console.web import accounts, mending_words
from hub.console.web.errors import Stopped
from hub.console.web.saying import Saying
from hub.console.web.settings import Settings
from hub.console.web.visit import Visit
from hub.gateway.audit import store
from hub.gateway.audit.store import Act
from hub.monitor.log.confidential import REFERENCE
from hub.monitor.mending.failures import Group
from hub.monitor.mending.operations import MendingError, Part
from hub.monitor.waiting import NOT_SHOWN
from messaging import database
from messaging.identity import HUB

FAILURES: Final = "/fallos"
REPLAYS: Final = "/repeticiones"
FAMILIES: Final = frozenset(one.partition(".")[0] for one in CONTRACTS)
AT_ONCE: Final = 3  # pages that wait for services' databases: the others are for everybody else
# Of the connection to the console's own database, which does nothing meanwhile.
PATIENT: Final = "set local idle_in_transaction_session_timeout = '5min'"
STAFF: Final = "staff:"

CODE: Final = re.compile(r"[a-z][a-z0-9_]{0,60}")
PLACE: Final = re.compile(r"[A-Za-z_]\w*(\[\w{5}\])?( at (\w+\.py:\d+ [\w<>]+( < )?){1,4})?")
TYPED: Final = re.compile(r"(?!.*\d{6})[^@<>]{10,200}")  # a reason in somebody's own words
BY: Final = re.compile(r"operator:\d{1,10}")

_turns = threading.BoundedSemaphore(AT_ONCE)


@contextmanager
def asking(visit: Visit) -> Iterator[None]:
    """Ask services' databases within the block, a few pages at a time. Raises Stopped."""
    if not _turns.acquire(blocking=False):
        raise Stopped("operators_busy")
    try:
        if visit.emergency is None:
            visit.tx.execute(PATIENT)
        yield
    finally:
        _turns.release()


def record(settings: Settings, act: Act) -> None:
    """Record an act before it is done, in a transaction of its own: what cannot be recorded is not done."""
    with database.connect(settings.database_url) as connection:
        store.append(connection, [act], settings.sign)


def actor(visit: Visit) -> str:
    """Whoever has come in, as the audit has them."""
    return f"{STAFF}{visit.staff.code}"


def path_of(operation_id: object) -> str:
    """Where an operation is shown."""
    return f"/operacion/{operation_id}"


def replay_path(operation_id: object) -> str:
    """Where a replay is shown."""
    return f"{REPLAYS}/{operation_id}"


def problem_of(visit: Visit) -> MendingError | None:
    """Why that was not done which a form has asked for; None: it was, or nothing was asked for."""
    said = visit.answer.get("problem")
    return None if said is None else MendingError(*said)


def not_done(visit: Visit, path: str, error: MendingError) -> Response:
    """Lead to the page that says why something was not done, with what was typed."""
    return visit.send_back(path, problem=[error.code, error.where])


class Words:
    """What of services' databases stands on a page."""

    def __init__(self, visit: Visit, settings: Settings, say: Saying) -> None:
        self._visit = visit
        self._organisations = settings.organisations()
        self._say = say

    @staticmethod
    def code(said: str | None) -> str:
        """A code; empty where it is none."""
        return said if said and CODE.fullmatch(said) else ""

    @staticmethod
    def place(said: str | None) -> str:
        """The class of an error, and where it was; empty where it is anything else."""
        return said if said and PLACE.fullmatch(said) else ""

    @classmethod
    def says(cls, group: Group) -> bool:
        """Whether all that says which group it is may stand on a page; of what could not be read there is less."""
        return (
            (group.contract is None or group.contract in (FAMILIES if group.confidential else CONTRACTS))
            and (bool(cls.code(group.reason)) or (group.confidential and group.reason == NOT_SHOWN))
            and (group.error is None or bool(cls.place(group.error)))
        )

    def contract(self, said: str | None) -> str:
        """A contract that we know, or its family where the case is confidential; else that it cannot be told."""
        if said in FAMILIES:
            return f"{said} ({self._say.text(mending_words.CONFIDENTIAL)})"
        return said if said in CONTRACTS else self._say.text(mending_words.UNTOLD)

    def sender(self, said: str | None) -> str:
        """What an organisation is called; of one that we do not know, that it cannot be told."""
        if said is None:
            return self._say.text(mending_words.NOT_KNOWN)
        known = said in (HUB, NOT_SHOWN) or said in self._organisations
        return self._say.organisation(said) if known else self._say.text(mending_words.UNTOLD)

    def who(self, said: str | None) -> str:
        """Whoever acted: of staff the name, of whoever sat at the machine the number."""
        if said and said.startswith(STAFF):
            staff = accounts.find(self._visit.tx, said.removeprefix(STAFF))
            return f"{staff.name} ({staff.login})" if staff else self._say.text(mending_words.UNTOLD)
        return said if said and BY.fullmatch(said) else self._say.text(mending_words.UNTOLD)

    def why(self, part: Part) -> str:
        """The reason of an operation that was started here; what was typed elsewhere might name somebody.

        Of a replay by one alone it is in their own words, which whoever looks at it is to read.
        """
        if part.review_due and (part.started_by or "").startswith(STAFF) and TYPED.fullmatch(part.why or ""):
            return part.why or ""
        return self.reason(part.act, part.why)

    def reason(self, act: str, why: str | None) -> str:
        """A reason that was chosen here, and the number with it; of any other, that it was typed elsewhere."""
        code, _, reference = (why or "").partition(" ")
        label = mending_words.WHY[act].get(code)
        if label is None or (reference and not REFERENCE.fullmatch(reference)):
            return self._say.text(mending_words.WHY_ELSEWHERE)
        return " · ".join([self._say.text(label), *([reference] if reference else [])])

    def problem(self, error: MendingError, words: Mapping[str, str] = mending_words.PROBLEMS) -> str:
        """Why something was not done, and in which services."""
        said = self._say.text(words[error.code])
        where = ", ".join(one for one in error.where if one)
        return f"{said} ({where})" if where else said

    def unseen(self, services: Mapping[str, str]) -> str:
        """The services that are not seen, by their names."""
        return ", ".join(services)
