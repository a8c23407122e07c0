"""Plays cases on a service's real runtime and database, all of them at once, and reads there what became of each.

Every scene has ids of its own, which show in every row and message that is about it: that is how its effects are told
from those of the others, which are handled in the same batches.
"""

import inspect
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import Any
from uuid import UUID, uuid5

import contracts
from contracts import Message
from messaging import database
from messaging.runtime import Delivery, Runtime
from tests.services.outcomes.cases import DONE, Case, KnownAs, NeverRefused, Said, handlers_of

RUNTIMES_OWN = re.compile("migration|inbox|parked.*|outbox.*|forgotten|senders_clock|confidential_hash")
"""The tables that every service has for the runtime; the others are its own."""

ANY_ID = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
SAID = """
    select (said ->> 'causationid')::uuid as cause,
           case when said ->> 'type' like 'message.refused.%' then said #>> '{data,code}' end as code
    from outbox cross join lateral (select body::jsonb as said) as read order by position
"""
"""What was said because of which message; of a refusal, its code."""

SCENES_ID = re.compile("ca5e([0-9a-f]{4})-ca5e-")
"""How the ids of a scene begin, with its number; no other id does."""

NAMES = UUID("01950000-0000-7000-8000-0000000000cc")

# In which order the messages of a scene are said, once all that comes before them has been.
ACT, REPEAT, OTHER_WORDS, AGAIN = "act", "repeat", "other words", "again"


@dataclass
class Scene:
    """One message with what comes before it, and perhaps what comes only afterwards."""

    act: Said
    before: Sequence[Said] = ()
    afterwards: Sequence[Said] = ()
    with_repeats: bool = False
    number: int = -1
    messages: dict[str, Message[Any]] = field(default_factory=dict)
    seen: "dict[str, Seen]" = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)  # with what was to come before, or afterwards
    in_the_end: str = ""  # what became of the message once what comes afterwards had come
    awaited: set[str] = field(default_factory=set)  # the subjects of what comes afterwards

    def known_as(self, one: UUID) -> UUID:
        """Return what an id of the examples is called here."""
        return UUID(f"ca5e{self.number:04x}-ca5e-{str(uuid5(NAMES, f'{self.number} {one}'))[14:]}")

    def message(self, said: Said) -> Message[Any]:
        """Make the message of what is said here."""
        return message_of(said, self.known_as)


def message_of(said: Said, known_as: KnownAs, id: UUID | None = None) -> Message[Any]:
    """Make the message of what is said where the ids of the examples are called otherwise."""
    if inspect.isfunction(said.data):
        data = said.data(known_as)
    else:
        written = said.data.model_dump_json(exclude_none=True)
        here = ANY_ID.sub(lambda found: str(known_as(UUID(found[0]))), written)
        data = type(said.data).model_validate_json(here)
    contract = contracts.contract_of(data)
    subject = str(getattr(data, contract.about)) if contract.about else str(contracts.uuid7())
    draft = contracts.Draft(data, subject, sequence=said.number if contract.numbered else None)
    return contracts.stamp(draft, source=said.by, time=said.time, id=id)


@dataclass(frozen=True)
class Seen:
    """What a message has done: its fate, and whether anything of its scene is another than it was."""

    fate: str
    changed: bool
    waits_for: str | None = None


@dataclass
class Played:
    """The scenes of one case."""

    done: Scene
    refused: Scene
    alone: Scene
    out_of_order: Mapping[int, Scene]  # by how much of what has to come before has come

    @property
    def scenes(self) -> Sequence[Scene]:
        alone = () if self.alone is self.done else (self.alone,)
        return (self.done, self.refused, *alone, *self.out_of_order.values())


class Stage:
    """One service, its runtime and its database."""

    def __init__(self, service: type, url: str, *, first: int = 0) -> None:
        """`first` is the number of its first scene: on one database no two may have the same."""
        self._service, self._first = service(), first
        self._connection = database.connect(url)
        self._runtime = Runtime("outcomes", url, handlers_of(service))
        self._tags = count(1)

    def close(self) -> None:
        """Disconnect."""
        self._runtime.close()
        self._connection.close()

    def play(self, cases: Sequence[Case]) -> list[Played]:
        """Play every outcome of every case; return what was seen of each case."""
        played = [_scenes(case) for case in cases]
        scenes = [scene for one in played for scene in one.scenes]
        for number, scene in enumerate(scenes, self._first):
            scene.number = number
        self._lead_up([(scene, scene.before) for scene in scenes])
        before = self._look()
        for part in (ACT, REPEAT, OTHER_WORDS, AGAIN):
            acting = [scene for scene in scenes if part == ACT or scene.with_repeats]
            for scene in acting:
                scene.messages[part] = _said_in(scene, part)
            self._apply(scene.messages[part] for scene in acting)
            after = self._look()
            for scene in acting:
                scene.seen[part] = after.since(before, scene.number, scene.messages[part].id)
            before = after
        for scene, message in self._lead_up([(scene, scene.afterwards) for scene in scenes]):
            scene.awaited.add(message.subject)
        self._retry()
        after = self._look()
        for scene in scenes:
            scene.in_the_end = after.fate(scene.messages[ACT].id)
        return played

    def _lead_up(self, stories: Sequence[tuple[Scene, Sequence[Said]]]) -> list[tuple[Scene, Message[Any]]]:
        """Let what each scene is made of be said, the first of every scene in one batch, then the second."""
        told: list[tuple[Scene, Message[Any]]] = []
        for step in range(max(len(story) for _, story in stories)):
            batch = [(scene, scene.message(story[step])) for scene, story in stories if step < len(story)]
            self._apply(message for _, message in batch)
            told += batch
        seen = self._look()
        for scene, message in told:
            if (fate := seen.fate(message.id)) != DONE:
                scene.complaints.append(f"{message.type}, which it needs, is {fate}")
        return told

    def _apply(self, messages: Iterable[Message[Any]]) -> None:
        batch = [Delivery(next(self._tags), one.to_json(), redelivered=False) for one in messages]
        if batch:
            self._runtime.apply(self._service, batch)

    def _retry(self) -> None:
        """Try what has been woken, as long as there is any."""
        self._runtime.retry(self._service)
        while self._runtime.waiting_may_go_on:
            self._runtime.retry(self._service)

    def _look(self) -> "_Look":
        look = _Look(self._connection)
        self._connection.rollback()  # and see anew the next time
        return look


def _scenes(case: Case) -> Played:
    done = Scene(case.done, case.before, with_repeats=True)
    if isinstance(case.refused, NeverRefused):
        refused = Scene(case.refused.closest, [*case.before, case.done])
    else:
        refused = Scene(case.refused.said, case.refused.before)
    alone = Scene(case.done) if case.before and not case.waits else done
    out_of_order = {come: Scene(case.done, case.before[:come], case.before[come:]) for come in case.waits}
    return Played(done, refused, alone, out_of_order)


def _said_in(scene: Scene, part: str) -> Message[Any]:
    """The message itself; the very same; another under its id; and the same words under another id."""
    match part:
        case "repeat":
            return scene.messages[ACT]
        case "other words":
            act = scene.messages[ACT]
            return act.model_copy(update={"time": act.time + timedelta(seconds=1)})
        case _:
            return scene.message(scene.act)


class _Look:
    """What stands in a database at one moment: the rows of each scene, and what became of each message."""

    def __init__(self, connection: database.Connection) -> None:
        self._rows: dict[int, Counter[str]] = defaultdict(Counter)
        for table in _own_tables(connection):
            for number, text in _rows_of_scenes(connection, table):
                self._rows[number][f"{table} {text}"] += 1
        self._taken_in = {row["message_id"] for row in connection.execute("select message_id from inbox")}
        parked = connection.execute(
            "select message_id, state, reason, waiting_for, error from parked order by parked_id"
        )
        self._parked = {row["message_id"]: row for row in parked}
        self._refusals: dict[UUID, str] = {}
        self._said: Counter[UUID] = Counter()
        for row in connection.execute(SAID):
            if row["code"] is None:
                self._said[row["cause"]] += 1
            else:
                self._refusals[row["cause"]] = row["code"]

    def fate(self, message_id: UUID) -> str:
        """Say what became of a message, by the register, what is parked and what was answered."""
        if (parked := self._parked.get(message_id)) is not None:
            if parked["state"] == "waiting":
                return f"out of order: {parked['reason']}"
            if parked["state"] == "quarantined":  # so is refused what the hub's own services have said
                return f"refused: {parked['reason']}"
            return f"{parked['reason']}: {parked['error']}"
        if message_id in self._refusals:
            return f"refused: {self._refusals[message_id]}"
        return DONE if message_id in self._taken_in else "lost"

    def since(self, before: "_Look", scene: int, message_id: UUID) -> Seen:
        """Say what a message of a scene has done since the moment before."""
        changed = self._rows[scene] != before._rows[scene] or self._said[message_id] != before._said[message_id]
        parked = self._parked.get(message_id)
        return Seen(self.fate(message_id), changed, None if parked is None else parked["waiting_for"])


def _own_tables(connection: database.Connection) -> list[str]:
    rows = connection.execute("select tablename from pg_tables where schemaname = 'public' order by tablename")
    return [row["tablename"] for row in rows if not RUNTIMES_OWN.fullmatch(row["tablename"])]


def _rows_of_scenes(connection: database.Connection, table: str) -> Iterator[tuple[int, str]]:
    """Each row of a table with each scene that it is about; which message has written it says nothing."""
    found = connection.execute(
        f"select (to_jsonb(one) - 'message_id')::text as row from {table} as one where one::text ~ 'ca5e.{{4}}-ca5e-'"
    )
    for row in found:
        for number in {int(mark, 16) for mark in SCENES_ID.findall(row["row"])}:
            yield number, row["row"]
