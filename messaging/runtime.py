"""What a service does with what arrives: one transaction for a batch, each message applied once, its answers written.

Knows neither nameko nor eventlet nor the broker; `messaging.on` brings deliveries here and carries the answers away.

**Promises**, wherever a process is killed or a server goes away: a message has its effect once, or is refused; what
follows from it leaves if that was committed, and only then; a batch ends as if each of its messages had come alone, in
its turn; a message that fails harms only itself, and those about the same subject wait behind it.

**A message's life**, from the second step to the fifth in one transaction:

    receive     messaging/on.py takes what has arrived, up to 250 messages, and calls `apply`
    register    `inbox.register` enters source and id: what was there is a repeat and ends here
    handle      `_handle` lets the service's method load, decide, save, and return the drafts of what follows
    write       `_commit` sends what the methods have saved, the drafts as rows of `outbox`, and what is parked
    commit      all of it, in the same round trip (`Transaction.ending`)
    publish     messaging/on.py publishes what `apply` has returned, then acknowledges; killed before, the relay does

**An example**, which tests/messaging/test_screens.py plays: `apply` of these four returns one `Committed`, with what is
to be published in answer to 1 and 3.

    delivery                      its handler                     inbox  outbox  parked
    1  a message                  writes, returns a draft         a row  a row           applied
    2  the same bytes again       is not called                                          a repeat
    3  another                    writes, raises Refused          a row  a row           undone; its sender is notified
    4  one out of order           raises MissingPrerequisite      a row          a row   `retry` tries it again

With a fifth whose handler raises anything else, nothing of this is committed. Each of the five is then applied alone:
five `Committed`, and of the fifth a row in `inbox` and one in `parked`, by which `retry` tries it again.

**What can come of a message**: applied, refused, out of order, unclear, failed or unreadable. What each of these is,
and where one sees it, is the table of docs/how-a-message-travels.md, "What can come of a message". `_handle` makes it
of what a handler says, `_refused_by` of what clocks that are apart disagree about, `_park_failed` and `_put_off` of
failures.

**A handler** `method(self, tx, message) -> drafts`, and a timed one `method(self, tx, now) -> drafts`

    may         read and write through `tx` (messaging/transaction.py), raise the two of messaging/answers.py, and ask
                `clock.now()`; say something in an organisation's name by `Draft.source`, where the hub runs the service
    may not     commit, publish, open a connection, wait for anything else, or take longer than `time_limit`;
                remember anything outside `tx`: it may be called again for the same message, after all was undone;
                look at any other clock; catch what `tx` raises

**Three ways in**: `apply` for deliveries, `retry` for what is parked and due, `tick` for timed methods. The first two
try all at once (`in_attempts`), and one by one if that fails; where the database was lost they raise, and whoever
called them does so again, with the same deliveries. What becomes of a batch is in `_Outcome` until it is written.

**Further**: messaging/transaction.py, what a handler reads and writes through; messaging/inbox.py, the rows behind the
words above; messaging/outbox.py and messaging/relay.py, what is published by whom; messaging/clocks.py. Each outcome
with real processes is in tests/messaging/test_inbox.py; any batch beside one by one in tests/services/sequences.
"""

import logging
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NamedTuple
from uuid import NAMESPACE_OID, UUID, uuid5

import psycopg
import pydantic

import contracts
from contracts.codes import ProcessedState
from messaging import believing, clock, confidential, database, inbox, outbox, tracing
from messaging.answers import MissingPrerequisite, Refused
from messaging.became import Became
from messaging.broker import Publication
from messaging.clocks import Clocks
from messaging.health import health
from messaging.identity import HUB, Identity
from messaging.inbox import Received, Seen
from messaging.log import cause, describe, fields
from messaging.outbox import Committed, Tally
from messaging.pace import Pace
from messaging.transaction import Guarded, Transaction, in_attempts, transaction

log = logging.getLogger("ruta.runtime")

ID_REUSED = "id_reused"

Handler = Callable[[Any, Transaction, contracts.Message], Sequence[contracts.Draft]]
TimedHandler = Callable[[Transaction, datetime], Sequence[contracts.Draft]]


class Delivery(NamedTuple):
    """A message as the broker handed it over."""

    tag: int
    body: bytes
    redelivered: bool
    connection: int = 0  # which of this process's connections it came by: its tag means nothing on another
    content: Received | contracts.Invalid | None = None  # what was read in it, where that was done already


class _Line(NamedTuple):
    """A line for the log."""

    level: int
    text: str
    said: Mapping[str, object]
    message: contracts.Message | None = None  # that it is about

    def say(self, confidential_ids: Set[UUID]) -> None:
        """Say it; of a message of a confidential case no more than operators see of one that is parked."""
        is_hidden = self.message is not None and not confidential_ids.isdisjoint(confidential.about(self.message))
        log.log(self.level, self.text, extra=fields(**confidential.in_a_log(self.said) if is_hidden else self.said))


@dataclass(slots=True)
class _Outcome:
    """What a batch amounts to, until it is written and committed."""

    publications: list[Publication] = field(default_factory=list)
    parked: list[database.Row] = field(default_factory=list)
    to_fit: list[tuple[Received, database.Row, int]] = field(default_factory=list)
    """What is parked if there is room for it, and behind how many publications its refusal would stand."""
    resolved: list[Callable[[], None]] = field(default_factory=list)  # what becomes of rows that were parked before
    tally: Tally = field(default_factory=Tally)
    subjects: set[str] = field(default_factory=set)  # about which something was applied
    log_lines: list[_Line] = field(default_factory=list)  # of what is true once it is committed
    unclear: set[str] = field(default_factory=set)
    """Subjects about which something waits for the clocks: nothing that comes later may overtake it."""
    became: Became = field(default_factory=Became)  # of messages of organisations
    other_clocks: Sequence[timedelta] = ()  # how far ahead of ours those are that are apart (messaging/clocks.py)
    ended: tuple[str, str | None] = ("applied", None)  # how the last message that was handled has ended, and the code
    confidential: set[UUID] = field(default_factory=set)  # ids of confidential cases, as messages say

    def park(self, row: database.Row, one: Received | None = None) -> None:
        """Park a message, as far as there is room for `one` of its sender's."""
        self.parked.append(row)
        self.tally.parked += 1
        if one is not None and one.message.source != HUB:  # for what the hub says for itself there always is
            self.to_fit.append((one, row, len(self.publications)))

    def unpark(self, row: database.Row) -> None:
        self.parked.remove(row)
        self.tally.parked -= 1

    def heard(self, message: contracts.Message) -> None:
        """Keep what a message that was read, or is to be published, says of its case: whether that is confidential."""
        if confidential.says_so(message):
            self.confidential |= confidential.hides(message)


class Runtime:
    """Applies messages to one service's database. Not for use from two threads: callers take turns.

    Every method raises a `DatabaseLost` error when the server went away. Then nothing is known of the commit; calling
    again, with the same deliveries, is harmless.
    """

    def __init__(
        self,
        process: str,
        database_url: str,
        handlers: Mapping[type, Handler],
        *,
        service: str | None = None,
        identity: Identity | None = None,
        clocks: Clocks | None = None,
        parallel: bool = False,
        time_limit: Callable[[], AbstractContextManager[Any]] = nullcontext,
        endings: tuple[type[BaseException], ...] = (),
    ) -> None:
        """`service` is what it is called in the network, which its refusals say.

        `parallel` lets several processes of the service write at the same time; else one waits for the other.

        While `clocks` are apart, what depends on which of them is right waits.

        `time_limit` bounds the handling of one batch by raising whatever it likes.

        Whatever comes out of a handler is a failure of its message, also what `except Exception` would not catch,
        unless it is one of `endings`, by which the host ends the process.
        """
        self.waiting_may_go_on = False  # a waiting message became due by what was just applied
        self._process = process
        self._named = service
        self._pace = Pace()
        # A name may have a hyphen, a code of the contract has none.
        self._service = service and service.replace("-", "_")
        self._database_url = database_url
        self._handlers = handlers
        self._identity = identity or Identity()
        self._clocks = clocks or Clocks()
        self._in_turn = not parallel
        self._asks_who_may = contracts.OrganisationRecorded in handlers
        self._time_limit = time_limit
        self._endings = endings
        self._connection: database.Connection | None = None
        self._unanswered = False  # a batch; perhaps it takes the database longer than an answer may
        self._writer: UUID | None = None

    @property
    def pace(self) -> int | None:
        """How many messages a second it works on, beside what a batch costs; None before it has applied any."""
        return self._pace.per_second

    # -- what the entrypoints call -------------------------------------------------------------------------------

    def apply(self, service: object, deliveries: Sequence[Delivery]) -> list[Committed]:
        """Apply deliveries, in order, and return what is to be published before they are acknowledged.

        They share one transaction. If anything in it fails, each gets one of its own, so that a poisoned message harms
        only itself: it is parked, to be tried again.
        """
        connection, _ = self._ready()
        try:
            if not self._unanswered:
                began = time.perf_counter()
                together = in_attempts(partial(self._apply_together, service, deliveries))
                self._pace.measured(len(deliveries), time.perf_counter() - began)
                return [together]
        except self._endings:
            raise
        except BaseException as error:
            if database.is_lost(error, connection):
                self._unanswered = isinstance(error, database.NoAnswerError)
                raise
            log.warning("a batch failed; its messages are applied one by one", extra=fields(error=describe(error)))
        committed = self._all_of(self._apply_alone(service, delivery) for delivery in deliveries)
        self._unanswered = False
        return committed

    def retry(self, service: object) -> list[Committed]:
        """Try parked messages whose next attempt has come: together, or one by one if anything in that fails."""
        self.waiting_may_go_on = False
        connection, _ = self._ready()
        try:
            committed = in_attempts(partial(self._retry_due, service, inbox.PARKED_AT_ONCE, []))
            return [] if committed is None else [committed]
        except self._endings:
            raise
        except BaseException as error:
            if database.is_lost(error, connection):
                raise
            log.warning("parked messages are tried one by one", extra=fields(error=describe(error)))
        return self._all_of(self._retry_one(service) for _ in range(inbox.PARKED_AT_ONCE))

    def tick(self, handler: TimedHandler, *, brief: bool = False) -> Committed | None:
        """Run a timed handler in a transaction, which may tell it to be brief; None when it is done and says nothing.

        Raises whatever the handler raises, and `StatementFailed` where that would look like a server that went away:
        it would be tried again at once and for ever.
        """
        connection, writer = self._ready()
        try:
            with transaction(connection, in_turn=self._in_turn, asks_who_may=self._asks_who_may) as tx:
                outcome = _Outcome()
                with self._time_limit():
                    now = clock.now()
                    tx.brief = brief
                    drafts = handler(tx, now)
                    tx.keep()
                    if not (drafts or tx.comes_again):
                        return None
                    outcome.publications += [self._publication(outcome, draft, now, None) for draft in drafts]
                return self._commit(connection, writer, tx, outcome)
        except psycopg.OperationalError as error:
            if database.is_lost(error, connection):
                raise
            raise database.StatementFailed(error).with_traceback(error.__traceback__) from None

    def forget(self, writer: UUID) -> None:
        """Write under a new name from now on: what `writer` has not published is the relay's."""
        if writer == self._writer:
            self._writer = None

    def close(self) -> None:
        """Leave everything unpublished to the relay, and disconnect."""
        health.ends("transactions")
        if self._connection is not None and not self._connection.closed:
            if self._writer is not None:
                outbox.abandon(self._connection, self._writer)
            self._connection.close()

    # -- batches -------------------------------------------------------------------------------------------------

    def _apply_together(
        self, service: object, deliveries: Sequence[Delivery], kept_out: Collection[Guarded] | None
    ) -> Committed:
        connection, writer = self._ready()
        outcome = _Outcome(other_clocks=self._clocks.others())
        with transaction(connection, kept_out, in_turn=self._in_turn, asks_who_may=self._asks_who_may) as tx:
            with self._time_limit():
                received = self._read(deliveries, outcome)
                tx.mention(_mentioned(received))
                now = clock.now()
                seen, blocked = inbox.register(connection, received, tx.begin) if received else ([], {})
                outcome.unclear.update(subject for subject, state in blocked.items() if state == "waiting")
                for one, before in zip(received, seen, strict=True):
                    if before is not Seen.NEW:
                        self._pass_over(one, before, outcome)
                    elif blocked.get(one.message.subject) == "retry":
                        outcome.park(inbox.parked_row(one.raw, one.message, "retry", "behind_another"), one)
                        outcome.became.note(one.message, ProcessedState.WAITS, "behind_another")
                    else:
                        self._handle(service, tx, one, now, outcome)
                self._find_room(connection, outcome)
            return self._commit(connection, writer, tx, outcome)

    def _apply_alone(self, service: object, delivery: Delivery) -> Committed:
        connection, _ = self._ready()
        try:
            return in_attempts(partial(self._apply_together, service, [delivery]), alone=True)
        except self._endings:
            raise
        except BaseException as error:
            if database.is_lost(error, connection):
                raise
            failed = error
        # Here, where it hides nothing of what may happen next.
        return self._park_failed(delivery, failed)

    def _read(self, deliveries: Sequence[Delivery], outcome: _Outcome) -> list[Received]:
        received = []
        for delivery in deliveries:
            outcome.tally.received += 1
            outcome.tally.redelivered += delivery.redelivered
            content = delivery.content or inbox.read(delivery.body)
            if isinstance(content, contracts.Invalid):
                # The gateway lets nothing like it through: somebody with the hub's own rights has sent this.
                self._quarantine(outcome, delivery.body, None, content.code)
            else:
                outcome.heard(content.message)
                received.append(content)
        return received

    def _pass_over(self, one: Received, before: Seen, outcome: _Outcome) -> None:
        """Drop a repeat; refuse an id that was used for other bytes, which are kept once and while there is room."""
        if before is Seen.REPEATED:
            outcome.tally.repeated += 1
            outcome.became.note(one.message, ProcessedState.REPEATED)
            return
        if one.message.source != HUB:  # what is refused to one of our own is quarantined as it is
            outcome.park(inbox.parked_row(one.raw, one.message, "quarantined", ID_REUSED), one)
        self._refuse(outcome, one, ID_REUSED)

    def _all_of(self, transactions: Iterable[Committed | None]) -> list[Committed]:
        """Run one transaction after the other, until there is nothing to do, and return what they committed."""
        committed = []
        try:
            for one in transactions:
                if one is None:
                    break
                committed.append(one)
        except BaseException:
            # Nobody will know of those before it. The connection ends and with it their writer, so the relay has them.
            if committed and self._connection is not None:
                self._connection.close()
            raise
        return committed

    # -- one message ---------------------------------------------------------------------------------------------

    def _handle(self, service: object, tx: Transaction, one: Received, now: datetime, outcome: _Outcome) -> None:
        """Let the service's handler have the message; whatever it answers ends up in `outcome`."""
        message = one.message
        handler = self._handlers.get(type(message.data))
        if handler is None:
            self._quarantine(outcome, one.raw, message, "no_handler", one)
            return
        if message.subject in outcome.unclear:
            self._wait(outcome, one, inbox.CLOCKS_APART)
            return

        def handle() -> Sequence[contracts.Draft]:
            believing.check_times(message)
            return handler(service, tx, message)

        with tracing.processing(message, now):
            if outcome.other_clocks:
                by_clock = [self._refused_by(ahead, handle, tx) for ahead in (timedelta(), *outcome.other_clocks)]
                if any(codes != by_clock[0] for codes in by_clock):
                    self._wait(outcome, one, inbox.CLOCKS_APART)
                    return
            try:
                drafts = handle()
            except Refused as refusal:
                tx.undo()
                self._refuse(outcome, one, refusal.code, refusal.where)
            except MissingPrerequisite as missing:
                tx.undo()
                # Where clocks are apart nobody knows when its hour is over, which begins when they agree.
                code = inbox.CLOCKS_APART if outcome.other_clocks else missing.code
                self._wait(outcome, one, code, waiting_for=missing.key)
            else:
                tx.keep()
                outcome.tally.applied += 1
                outcome.ended = "applied", None
                outcome.became.note(message, ProcessedState.APPLIED)
                outcome.subjects.add(message.subject)
                outcome.publications.extend(self._publication(outcome, draft, now, message) for draft in drafts)

    def _refused_by(
        self, ahead: timedelta, handle: Callable[[], Sequence[contracts.Draft]], tx: Transaction
    ) -> list[str]:
        """Return the codes by which a message would be refused, as a whole or in parts, were it so much later.

        It is handled by that time and undone. So no rule has to say that it looks at a clock, and none is forgotten.
        What the slowest clock and the fastest refuse for the same reason, every one between them does.
        """
        with clock.ahead(ahead):
            try:
                drafts = handle()
            except Refused as refusal:
                codes = [refusal.code]
            except MissingPrerequisite:
                codes = []
            else:  # of several needs each may be refused, in the answer
                codes = [draft.data.code for draft in drafts if hasattr(draft.data, "code")]
            tx.undo()
        return codes

    @staticmethod
    def _wait(outcome: _Outcome, one: Received, code: str, waiting_for: str | None = None) -> None:
        outcome.park(inbox.parked_row(one.raw, one.message, "waiting", code, waiting_for=waiting_for), one)
        until = None if code == inbox.CLOCKS_APART else clock.now() + inbox.WAITS_AT_MOST
        outcome.became.note(one.message, ProcessedState.WAITS, code, waiting_for, until)
        if code == inbox.CLOCKS_APART and waiting_for is None:
            outcome.unclear.add(one.message.subject)

    def _find_room(self, connection: database.Connection, outcome: _Outcome) -> None:
        """Refuse what would be parked beyond what its sender may have parked here; nothing is dropped in silence."""
        senders = {one.message.source for one, _, _ in outcome.to_fit}
        room = inbox.room_of(connection, senders) if senders else {}
        refused = 0
        for one, row, behind in outcome.to_fit:
            early = row["state"] == "waiting" and row["reason"] != inbox.CLOCKS_APART
            code = room[one.message.source].refuses(len(one.raw), early=early)
            if code is None:
                continue
            outcome.unpark(row)
            if row["reason"] == ID_REUSED:
                continue  # which it is refused by in any case
            self._refuse(outcome, one, code)
            outcome.publications.insert(behind + refused, outcome.publications.pop())
            refused += 1

    def _refuse(self, outcome: _Outcome, one: Received, code: str, where: str | None = None) -> None:
        outcome.tally.refused += 1
        outcome.ended = "refused", code
        message = one.message
        # Of the message that had the id first, something else became.
        reused = code == ID_REUSED
        outcome.became.note(
            message, ProcessedState.REPEATED if reused else ProcessedState.REFUSED, None if reused else code
        )
        digest = one.digest.hex()
        said = {
            "code": code, "message": message.id, "source": message.source, "contract": message.type, "digest": digest,
        }  # fmt: skip
        outcome.log_lines.append(_Line(logging.INFO, "refused", said, message))
        if message.source == HUB:  # there is nobody to tell: one of our own services has said what another cannot take
            self._quarantine(outcome, one.raw, message, code)
            return
        refusal = contracts.MessageRefused(
            refused_id=message.id,
            refused_type=message.type,
            code=code,
            where=where,
            body_sha256=digest,
            refused_by=self._service,
        )
        draft = contracts.Draft(refusal, subject=str(message.id), recipient=message.source)
        # What is not in the inbox may be delivered, and refused, again: under one id, so that it counts as one.
        refusal_id = uuid5(NAMESPACE_OID, f"{message.source} {code} {digest}")
        outcome.publications.append(self._publication(outcome, draft, clock.now(), message, refusal_id))

    def _reports(self, outcome: _Outcome) -> Iterator[Publication]:
        """Say to each organisation what became of its messages; an organisation's own instance says it to nobody."""
        if self._named is not None and self._identity.organisation is None:
            for draft in outcome.became.drafts(self._named):
                yield self._publication(outcome, draft, clock.now(), None)

    def _publication(
        self,
        outcome: _Outcome,
        draft: contracts.Draft,
        now: datetime,
        cause: contracts.Message | None,
        message_id: UUID | None = None,
    ) -> Publication:
        parent = tracing.traceparent(cause)
        source = self._identity.sender(draft)
        message = contracts.stamp(draft, source=source, time=now, id=message_id, cause=cause, traceparent=parent)
        outcome.heard(message)
        return self._identity.publication(message)

    def _quarantine(
        self,
        outcome: _Outcome,
        raw: bytes,
        message: contracts.Message | None,
        reason: str,
        one: Received | None = None,
    ) -> None:
        outcome.park(inbox.parked_row(raw, message, "quarantined", reason), one)
        if message is not None:
            outcome.became.note(message, ProcessedState.QUARANTINED, reason)
        said = {"code": reason, "message": message.id if message else "unreadable"}
        outcome.log_lines.append(_Line(logging.ERROR, "quarantined", said, message))

    # -- parked messages -----------------------------------------------------------------------------------------

    def _park_failed(self, delivery: Delivery, error: BaseException) -> Committed:
        """Register a message whose handler failed, and park it to be tried again."""
        connection, writer = self._ready()
        outcome = _Outcome()
        with transaction(connection, in_turn=self._in_turn, asks_who_may=self._asks_who_may) as tx:
            for one in self._read([delivery], outcome):
                (before,), _ = inbox.register(connection, [one], tx.begin)
                if before is not Seen.NEW:
                    self._pass_over(one, before, outcome)
                    continue
                said = {"message": one.message.id, "contract": one.message.type, "error": describe(error)}
                text = "a message failed and will be tried again"
                outcome.log_lines.append(_Line(logging.ERROR, text, said, one.message))
                outcome.park(inbox.parked_row(one.raw, one.message, "retry", "failed", error=cause(error)), one)
                outcome.became.note(one.message, ProcessedState.WAITS, "failed")
            self._find_room(connection, outcome)
            return self._commit(connection, writer, tx, outcome)

    def _retry_one(self, service: object) -> Committed | None:
        """Try one parked message that is due, and put it off if it fails; None when none is due."""
        connection, _ = self._ready()
        taken: list[database.Row] = []
        try:
            return in_attempts(partial(self._retry_due, service, 1, taken), alone=True)
        except self._endings:
            raise
        except BaseException as error:
            if not taken or database.is_lost(error, connection):
                raise
            failed = error
        return self._put_off(taken[0], failed)

    def _retry_due(
        self, service: object, limit: int, taken: list[database.Row], kept_out: Collection[Guarded] | None
    ) -> Committed | None:
        """Try up to `limit` parked messages in one transaction, with their rows in `taken`; None when none is due."""
        connection, writer = self._ready()
        outcome = _Outcome(other_clocks=self._clocks.others())
        with transaction(connection, kept_out, in_turn=self._in_turn, asks_who_may=self._asks_who_may) as tx:
            with self._time_limit():
                taken[:] = inbox.due(connection, limit, tx.begin)
                if not taken:
                    return None
                read = [(row, inbox.read(row["raw"])) for row in taken]
                tx.mention(_mentioned([one for _, one in read if isinstance(one, Received)]))
                # What could not be read when it came was not registered then.
                new = [one for row, one in read if row["source"] is None and isinstance(one, Received)]
                seen = iter(inbox.register(connection, new)[0] if new else [])
                now = clock.now()
                resolve: Callable[[], None]
                for row, one in read:
                    if row["source"] is None and isinstance(one, Received):
                        outcome.heard(one.message)
                    before = next(seen) if row["source"] is None and isinstance(one, Received) else Seen.NEW
                    if isinstance(one, contracts.Invalid):
                        resolve = partial(inbox.quarantine, connection, row["parked_id"], one.code, None)
                    elif row["act"] == "give_back":
                        resolve = self._give_back(connection, row, one, outcome)
                    elif before is Seen.REPEATED:  # it has come otherwise meanwhile, and was read
                        resolve = partial(inbox.leave, connection, row["parked_id"], "applied", "repeated")
                    elif before is Seen.REUSED:
                        resolve = partial(inbox.quarantine, connection, row["parked_id"], ID_REUSED, None)
                    else:
                        if row["source"] is None:
                            inbox.name(connection, row["parked_id"], one)
                        self._handle(service, tx, one, now, outcome)
                        # It stands there already, and was counted then: it needs no row, and no more room than it has.
                        again = outcome.parked.pop() if outcome.parked else None
                        resolve = self._resolve(connection, row, one, outcome, again)
                    outcome.resolved.append(resolve)
            outcome.tally.parked = 0
            committed = self._commit(connection, writer, tx, outcome)
        # Behind what has waited for the clocks others may stand, about the same subject.
        waited = not outcome.other_clocks and any(row["reason"] == inbox.CLOCKS_APART for row in taken)
        self.waiting_may_go_on |= waited or len(taken) == limit
        return committed

    def _resolve(
        self,
        connection: database.Connection,
        row: database.Row,
        one: Received,
        outcome: _Outcome,
        again: database.Row | None,
    ) -> Callable[[], None]:
        """Let a parked message leave, or wait longer, or be refused because what it waited for never came."""
        if again is None:
            return partial(inbox.leave, connection, row["parked_id"], *outcome.ended)
        if again["state"] == "quarantined":
            return partial(inbox.quarantine, connection, row["parked_id"], again["reason"], None)
        # What one of our own has said is never given up, and no other while nobody knows how long it has waited.
        if row["waited_long"] and one.message.source != HUB and not outcome.other_clocks:
            self._refuse(outcome, one, again["reason"])
            return partial(inbox.leave, connection, row["parked_id"], *outcome.ended)
        if (again["reason"], again["waiting_for"]) == (row["reason"], row["waiting_for"]):
            outcome.became.forget(one.message)  # it waits as before, which was said then
        elif again["reason"] != inbox.CLOCKS_APART and row["reason"] != inbox.CLOCKS_APART:
            # For something else, and no longer for that: its hour has begun.
            until = row["waits_since"] + inbox.WAITS_AT_MOST
            outcome.became.note(one.message, ProcessedState.WAITS, again["reason"], again["waiting_for"], until)
        return partial(inbox.wait_on, connection, row["parked_id"], again["reason"], again["waiting_for"])

    def _give_back(
        self, connection: database.Connection, row: database.Row, one: Received, outcome: _Outcome
    ) -> Callable[[], None]:
        """Refuse a message to its sender because an operator says so; of an id used again that was done as it came."""
        if row["reason"] == ID_REUSED:
            return partial(inbox.leave, connection, row["parked_id"], "given_back", ID_REUSED)
        self._refuse(outcome, one, "given_back")
        return partial(inbox.leave, connection, row["parked_id"], "given_back", "given_back")

    def _put_off(self, row: database.Row, error: BaseException) -> Committed:
        """After a failure: try again later, or give up and leave it to a person."""
        connection, writer = self._ready()
        what, outcome = cause(error), _Outcome()
        most = inbox.RETRIES_AT_MOST if row["operation_id"] is None else inbox.RETRIES_OF_OPERATION
        with transaction(connection, in_turn=self._in_turn, asks_who_may=self._asks_who_may) as tx:
            if row["attempts"] + 1 < most:
                outcome.resolved.append(partial(inbox.try_later, connection, row["parked_id"], what))
            else:
                outcome.resolved.append(partial(inbox.quarantine, connection, row["parked_id"], "failed", what))
                message = content.message if isinstance(content := inbox.read(row["raw"]), Received) else None
                if message is not None:
                    outcome.became.note(message, ProcessedState.QUARANTINED, "failed")
                said = {"code": "failed", "parked": row["parked_id"], "error": describe(error)}
                outcome.log_lines.append(_Line(logging.ERROR, "quarantined", said, message))
            return self._commit(connection, writer, tx, outcome)

    def _commit(self, connection: database.Connection, writer: UUID, tx: Transaction, outcome: _Outcome) -> Committed:
        """Write what the transaction has gathered and all of the outcome that is not the service's own, and commit."""
        publications = [*outcome.publications, *self._reports(outcome)]
        named = {id for line in outcome.log_lines if line.message for id in confidential.about(line.message)}
        with tx.ending():
            for resolve in outcome.resolved:
                resolve()
            if outcome.parked:
                inbox.park(connection, outcome.parked)
            if outcome.confidential:
                confidential.note(connection, outcome.confidential)
            hidden: Callable[[], set[UUID]] = confidential.known(connection, named) if named else set
            woken = inbox.wake(connection, outcome.subjects)
            committed = outbox.write(connection, writer, publications, outcome.tally)
        self.waiting_may_go_on |= woken()
        confidential_ids = hidden()
        for line in outcome.log_lines:
            line.say(confidential_ids)
        return committed()

    # -- the connection ------------------------------------------------------------------------------------------

    def _ready(self) -> tuple[database.Connection, UUID]:
        """Return the connection and the writer under whose name this process publishes, new ones where need be.

        Each transaction begins here, and in a service one does every second: it looks at what is parked.
        """
        health.comes_round("transactions")
        if self._connection is None or self._connection.closed:
            connection = database.connect(self._database_url)
            try:
                if self._writer is not None:
                    # Before anything else is written under its name: what it may have committed would pass for out.
                    outbox.abandon(connection, self._writer)
            except BaseException:
                connection.close()
                raise
            self._connection, self._writer = connection, None
        if self._writer is None:
            try:
                self._writer = outbox.open_writer(self._connection, self._process)
            except BaseException:
                self._connection.close()  # what is left of its transaction would fail whatever comes next
                raise
        return self._connection, self._writer


def _mentioned(received: Sequence[Received]) -> Iterator[UUID]:
    """Find the ids that messages speak of: what their handlers will ask the database for."""
    return (found for one in received for value in vars(one.message.data).values() for found in _ids_in(value))


def _ids_in(value: object) -> Iterator[UUID]:
    if isinstance(value, UUID):
        yield value
    elif isinstance(value, tuple | list):
        for one in value:
            yield from _ids_in(one)
    elif isinstance(value, pydantic.BaseModel):
        for one in vars(value).values():
            yield from _ids_in(one)
