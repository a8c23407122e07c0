"""Plays a sequence on a service's real runtime and database, and reads there how it ended."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count, islice
from typing import Any, Final, LiteralString

import psycopg
import pytest

from contracts import Message, sealing
from messaging import database, inbox, transaction
from messaging.answers import MissingPrerequisite, Refused
from messaging.believing import check_times
from messaging.inbox import Key
from messaging.runtime import Delivery, Runtime
from tests.examples import KEYS
from tests.services.outcomes.cases import handlers_of
from tests.services.outcomes.of_intake import HUB_KEY
from tests.services.sequences.emptying import Emptied
from tests.services.sequences.making import Batch, Fault, Sequenced

ROUNDS_AT_MOST: Final = 30  # of trying again what is parked; whatever fails each time is quarantined after ten

ALL: Final = "update parked set next_attempt_at = '-infinity' where state <> 'quarantined'"
# What merely tries its luck now and then is not due meanwhile, however slow the machine is.
WOKEN: Final = """
    update parked set next_attempt_at = 'infinity' where state <> 'quarantined' and next_attempt_at <> '-infinity'
"""
ONLY: Final = """
    update parked
    set next_attempt_at = case when source = %s and message_id = %s then '-infinity' else 'infinity' end::timestamptz
    where state <> 'quarantined'
"""

PARKED: Final = """
    select state, reason, waiting_for, attempts, source, message_id from parked where state <> 'quarantined'
    order by parked_id
"""

SEALED: Final = re.compile(r'"(ey[\w-]+(?:\.[\w-]*){4})"')


class BrokenError(Exception):
    """What a handler raises that nobody has thought of."""


@dataclass(frozen=True)
class Turn:
    """What the runtime did when it was called once: it let a batch arrive, or tried parked messages again."""

    arrived: int
    """How many messages arrived; 0: parked ones were tried."""
    outcomes: dict[Key, str] = field(default_factory=dict)
    """What came of each message that was handled, in the order in which they were, the last time each."""

    @property
    def failed(self) -> set[Key]:
        """The messages whose handler failed."""
        return {key for key, outcome in self.outcomes.items() if outcome == "failed"}


@dataclass
class Watch:
    """Stands around the handlers: notes what they handle, and makes one of them fail where that is asked for."""

    fails: Callable[[Key], bool]
    turns: list[Turn] = field(default_factory=list)

    def around(self, handler: Any) -> Any:
        """Watch a handler. What was done of a message that is handled again in the same turn was not kept."""

        def handle(service: Any, tx: Any, message: Message[Any]) -> Any:
            key = message.source, message.id
            outcomes = self.turns[-1].outcomes
            outcomes.pop(key, None)
            outcomes[key] = "failed"
            if self.fails(key):
                raise BrokenError
            try:
                check_times(message)
                drafts = handler(service, tx, message)
            except Refused:
                outcomes[key] = "refused"
                raise
            except MissingPrerequisite:
                outcomes[key] = "out_of_order"
                raise
            outcomes[key] = "applied"
            return drafts

        return handle


@dataclass(frozen=True)
class End:
    """How a sequence has ended."""

    rows: Mapping[str, Sequence[Mapping[str, Any]]]
    """All rows of each table, but for the outbox."""
    said: Sequence[Mapping[str, Any]]
    """Refusals and publications, in order."""
    turns: Sequence[Turn]


class Player:
    """One service, its runtime and its database, which is empty again before each sequence."""

    def __init__(self, service: type, url: str) -> None:
        self.url = url
        self.service = service()
        self._handlers = handlers_of(service)
        self._watched: dict[type, Any] = {}
        self.runtime = self.another_runtime()
        self._connection = database.connect(url)
        self._connection.autocommit = True
        self._emptied = Emptied(self._connection)
        self._tags = count(1)
        self.begin()

    def another_runtime(self) -> Runtime:
        """A runtime for the same service and database, as another process has it."""
        return Runtime("sequences", self.url, self._watched)

    def close(self) -> None:
        """Disconnect."""
        self.runtime.close()
        self._connection.close()

    # -- whole sequences -----------------------------------------------------------------------------------------------

    def play(self, sequence: Sequenced) -> End:
        """Play a sequence from nothing, in its batches, until nothing is due."""
        fault = Faulty(sequence)
        self.begin(fault.fails)
        for batch in sequence.batches:
            with fault.at(batch):
                self.apply(batch)
            if not sequence.retries_wait and self.runtime.waiting_may_go_on:
                self._connection.execute(WOKEN)
                self._try_again()
        self.come_to_rest(fault)
        return self.end()

    def play_one_by_one(self, sequence: Sequenced, batched: End) -> End:
        """Play it one by one: each message arrives by itself, and is tried again by itself when it was in batches.

        Whatever failed in batches, fails.
        """
        messages = iter(sequence.messages)
        self.begin(lambda key: key in turn.failed)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(inbox, "PARKED_AT_ONCE", 1)
            for turn in batched.turns:
                for message in islice(messages, turn.arrived):
                    self.apply((message,))
                for key in () if turn.arrived else turn.outcomes:
                    self._connection.execute(ONLY, key)
                    self._try_again(once=True)
        return self.end()

    # -- one step after the other --------------------------------------------------------------------------------------

    def begin(self, fails: Callable[[Key], bool] = lambda _: False) -> None:
        """Forget everything; from now on a handler fails when it is asked about its message and `fails` says so."""
        self._emptied.empty()
        self.runtime.waiting_may_go_on = False
        self._watch = Watch(fails)
        self._watched |= {contract: self._watch.around(handler) for contract, handler in self._handlers.items()}

    def apply(self, batch: Batch, runtime: Runtime | None = None) -> None:
        """Let messages arrive together; if the database goes away meanwhile, they arrive again."""
        self._watch.turns.append(Turn(arrived=len(batch)))
        deliveries = [Delivery(next(self._tags), one.to_json(), redelivered=False) for one in batch]
        runtime = runtime or self.runtime
        try:
            runtime.apply(self.service, deliveries)
        except database.DatabaseLost:
            runtime.apply(self.service, deliveries)

    def come_to_rest(self, fault: "Faulty | None" = None) -> None:
        """Try again all that is parked until that changes nothing."""
        for _ in range(ROUNDS_AT_MOST):
            if not (before := self.rows(PARKED)):
                return
            if fault:
                fault.rounds += 1
            self._connection.execute(ALL)
            self._try_again()
            if self.rows(PARKED) == before:
                return
        raise AssertionError("what is parked does not come to rest")

    def end(self) -> End:
        """Read how it has ended."""
        rows = self._emptied.read()
        said = [json.loads(opened(row["body"])) | {"to": row["routing_key"]} for row in rows.pop("outbox")]
        return End(rows, said, self._watch.turns)

    def rows(self, query: LiteralString) -> list[database.Row]:
        """Ask the database."""
        return self._connection.execute(query).fetchall()

    def _try_again(self, *, once: bool = False) -> None:
        """Try again what is due, and then what has become due by that, as long as there is any."""
        while True:
            self._watch.turns.append(Turn(arrived=0))
            self.runtime.retry(self.service)
            if once or not self.runtime.waiting_may_go_on:
                return
            self._connection.execute(WOKEN)


class Faulty:
    """What goes wrong in a sequence, and when."""

    def __init__(self, sequence: Sequenced) -> None:
        self._fault, self._message = sequence.fault, sequence.faulty
        self._attempts = 0
        self.rounds = 0  # of trying again all that is parked

    def fails(self, key: Key) -> bool:
        """Whether the handler of a message fails this time."""
        if key[1] != self._message:
            return False
        self._attempts += 1
        match self._fault:
            case Fault.ONCE:
                return self._attempts == 1
            case Fault.PARKED:
                return self.rounds == 0
            case Fault.PARKED_TWICE:
                return self.rounds <= 1
        return False

    @contextmanager
    def at(self, batch: Batch) -> Iterator[None]:
        """Lose the database once, just before or just after a commit, if this is the batch for it."""
        lost = self._fault if any(one.id == self._message for one in batch) else Fault.NONE
        commit = transaction.commit

        def lose(connection: database.Connection) -> None:
            patch.undo()
            if lost is Fault.LOST_AFTER:
                with connection.pipeline():  # which waits for the answer
                    commit(connection)
            connection.close()
            raise psycopg.OperationalError("the connection was lost")

        with pytest.MonkeyPatch.context() as patch:
            if lost in (Fault.LOST_BEFORE, Fault.LOST_AFTER):
                patch.setattr(transaction, "commit", lose)
            yield


def opened(text: str) -> str:
    """Open the sealed blocks in a text whose keys are known here: what is sealed twice looks different each time."""

    def read(found: re.Match[str]) -> str:
        for key in (HUB_KEY, *KEYS.values()):
            with suppress(sealing.SealingError):
                return json.dumps(json.dumps(sealing.open_sealed(found[1], key)))
        return found[0]

    return SEALED.sub(read, text)
