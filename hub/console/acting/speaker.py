"""Says what is due, for each organisation in its own turn: what is away for one keeps no other waiting.

What became of an act is written after the gateway has answered: killed in between, it is said again, with the same id,
and has no second effect.
"""

import contextlib
import logging
import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Final

import psycopg

import contracts
from hub.console.acting import saying
from hub.console.acting.saying import Became, Odd
from hub.console.entrance import Entrance, Unavailable
from hub.console.hosting import Organisations, hosted, uses_screens
from hub.console.store import acts, cases
from hub.console.store.acts import ActState
from messaging import database
from messaging.database import Row
from messaging.health import health
from messaging.log import describe, fields

log = logging.getLogger("ruta.acting")

AT_ONCE: Final = 8  # organisations that speak at a time
IN_ONE_TURN: Final = 20  # acts of one organisation
IN_A_ROW: Final = 4  # of these; then those come first that somebody, who waits before a screen, has decided meanwhile
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0  # seconds; doubles while nothing can be said
ASK_AGAIN: Final = 0.5  # of its age: what is new is asked after often, what waits for long seldom
GONE_FOR: Final = timedelta(hours=1)
PURGED: Final = "referral.purged"
SOONEST, LATEST = 0.2, 60.0  # seconds: somebody waits before a screen for what is applied in a moment


class Speaker:
    """Speaks for all hosted organisations."""

    def __init__(
        self, database_url: str, organisations: Organisations, credentials: Callable[[str], Path], url: str | None
    ) -> None:
        """`credentials` returns where an organisation's are; `url` is the entrance, where it is not as they say."""
        self._database_url = database_url
        self._organisations = organisations
        self._credentials = credentials
        self._url = url
        self._looking: database.Connection | None = None
        self._pool = ThreadPoolExecutor(AT_ONCE, "acting")
        self._lock = threading.Lock()
        self._speaking: set[str] = set()
        self._entrances: dict[str, Entrance] = {}
        self._pauses: dict[str, float] = {}

    def look(self) -> None:
        """Let everybody speak who has something to say, and does not speak already. Raises psycopg.Error."""
        known = self._organisations()
        for organisation in self._due():
            if organisation not in known or not uses_screens(known[organisation]):
                self._give_up(organisation)
            elif organisation in hosted(known):
                self._begin(organisation)

    def _begin(self, organisation: str) -> None:
        with self._lock:
            if organisation in self._speaking:
                return
            self._speaking.add(organisation)
        self._pool.submit(self._speak, organisation)

    def _give_up(self, organisation: str) -> None:
        """What nobody is there any more to say, is undone, and the page of it says so; what was said is asked after
        where the organisation comes back.
        """
        assert self._looking is not None  # `_due` has opened it
        for referral_id in acts.give_up(self._looking, organisation):
            cases.purge(
                self._looking, organisation, referral_id
            )  # nobody is there to hear whether the hub has taken it
        acts.put_off(self._looking, organisation, "no_screens", GONE_FOR)
        health.over(f"acting {organisation}")

    @property
    def is_speaking(self) -> bool:
        """Whether anybody speaks at the moment."""
        with self._lock:
            return bool(self._speaking)

    def _due(self) -> frozenset[str]:
        if self._looking is None:
            self._looking = database.connect(self._database_url)
            self._looking.autocommit = True
        try:
            return acts.organisations_due(self._looking)
        except psycopg.Error:
            self._looking.close()
            self._looking = None
            raise

    def stop(self) -> None:
        """Let nobody begin to speak, and wait for whoever does."""
        self._pool.shutdown(cancel_futures=True)
        if self._looking is not None:
            self._looking.close()
        for entrance in self._entrances.values():
            entrance.close()

    def _speak(self, organisation: str) -> None:
        part = f"acting {organisation}"
        try:
            self.speak(organisation)
        except Unavailable as error:
            self._put_off(organisation, error)
            health.say(part, error.code)
        except Exception as error:  # what has failed for one is tried again, and keeps no other
            log.error("this failed, and is tried again", extra=fields(organisation=organisation, error=describe(error)))
            health.say(part, "failed")
            with contextlib.suppress(psycopg.Error):  # where the database is away, `look` says so
                self._put_off(organisation, Unavailable("failed"))
        else:
            self._pauses.pop(organisation, None)
            health.over(part)
        finally:
            with self._lock:
                self._speaking.discard(organisation)

    def speak(self, organisation: str) -> None:
        """Say what an organisation has to say, and ask after what it has said. Raises Unavailable, psycopg.Error."""
        entrance = self._entrances.setdefault(
            organisation, Entrance(self._credentials(organisation), self._url)
        )  # one thread at a time has it: `look` sees to that
        try:
            with database.connect(self._database_url) as connection:
                for _ in range(0, IN_ONE_TURN, IN_A_ROW):
                    rows = acts.due(connection, organisation, IN_A_ROW)
                    connection.commit()
                    for row in rows:
                        self._say(connection, entrance, row)
                    if len(rows) < IN_A_ROW:
                        break
        finally:
            entrance.close()  # the gateway ends one that is idle, and the next turn may be long after

    def _say(self, connection: database.Connection, entrance: Entrance, row: Row) -> None:
        try:
            became = _became(connection, entrance, row)
        except Odd as odd:
            acts.put_one_off(connection, row["message_id"], odd.code, _again(row))
            connection.commit()
            log.warning(
                "what is answered is not understood", extra=fields(message=str(row["message_id"]), code=odd.code)
            )
            return
        if became is not None:
            self._learn(connection, row, became)

    def _learn(self, connection: database.Connection, row: Row, became: Became) -> None:
        if became.state is ActState.APPLIED and contracts.CONTRACTS[row["contract"]].name == PURGED:
            # Before it is known here that it was applied, so that it is done though we are killed in between; and in a
            # transaction of its own, which has nothing that an erasure of the same person waits for.
            cases.purge(connection, row["organisation"], row["referral_id"])
            connection.commit()
        acts.learn(connection, row["message_id"], became.state, became.code, became.said_by, _again(row))
        connection.commit()
        log.info("said", extra=fields(message=str(row["message_id"]), state=became.state, code=became.code))

    def _put_off(self, organisation: str, error: Unavailable) -> None:
        pause = self._pauses.get(organisation, FIRST_PAUSE)
        self._pauses[organisation] = min(pause * 2, LONGEST_PAUSE)
        seconds = max(pause * random.uniform(0.8, 1.2), error.pause or 0.0)  # noqa: S311 - no secret
        with database.connect(self._database_url) as connection:
            acts.put_off(connection, organisation, error.code, timedelta(seconds=seconds))
            connection.commit()


def _became(connection: database.Connection, entrance: Entrance, row: Row) -> Became | None:
    """Say an act, or ask after it, and return what became of it; None where it was undone just before."""
    id = row["message_id"]
    if row["state"] == ActState.KEPT and row["said_at"] is None:
        message = acts.begin_to_say(connection, id)
        connection.commit()
        return None if message is None else saying.say(entrance, message)
    if (became := saying.ask(entrance, id)) is not None:
        return became
    if row["state"] != ActState.KEPT:
        raise Odd("unknown_message")  # it was accepted: the gateway has lost it, or forgotten it since
    # It was said, no answer came, and it has not arrived.
    message = acts.message(connection, id)
    connection.commit()
    return Became(ActState.UNDONE, "person_erased") if message is None else saying.say(entrance, message)


def _again(row: Row) -> timedelta:
    """In how long to look again."""
    seconds = ASK_AGAIN * row["age"].total_seconds()
    return timedelta(seconds=min(max(seconds, SOONEST), LATEST))
