"""How long the oldest message of a service's queue has waited: since the first came, by the log, that its inbox lacks.

    oldest(log, service, inbox)     -> timedelta(seconds=42), or None where nobody knows

A queue is read in its order. So the time is halved until it is known, to a second, how far its reader has come; the
first message is looked for from twenty seconds before that on, for what a service has at hand it takes in an order of
its own. What was lost lies behind that as soon as something later was taken. Nothing here asks what services have said
of messages: of what the hub says for itself they say nothing, and what they say the log may have dropped.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from contracts.registry import CONTRACTS
from hub.monitor.reconciling.comparing import ABSENT, PASSED_BY
from messaging import reading_since
from messaging.database import Connection
from messaging.topology import Service

KNOWN_FOR: Final = timedelta(seconds=10)  # since the log last said that nothing waits for it
NEAR: Final = timedelta(seconds=1)  # how well it is known how far a reader has come, and the first step back
LOOKED_BACK: Final = timedelta(days=100)  # longer than a log is kept
SAMPLE: Final = 50  # messages by which it is judged whether a reader has come so far
PAGE: Final = 1_000  # messages that are held against an inbox at once

COUNTED: Final = "select until, behind_at, clock_timestamp() as now from counted"
# What came to a service's queue between two times, in the order in which it came: of confidential cases, too. Of each
# type from when on the queue takes it.
COME: Final = """
    with asked as materialized (
        select type, greatest(since, %(since)s) as since
        from unnest(%(types)b::text[], %(begun)b::timestamptz[]) as asked(type, since)
    ), plain as (
        select come.* from asked cross join lateral (
            select arrived_at, id, source from message
            where message.type = asked.type and arrived_at >= %(since)s and arrived_at < %(until)s
              and arrived_at >= asked.since
              and recipient is null and kind = 'passed' and not confidential and not erased
            order by arrived_at limit %(limit)s
        ) as come
    ), hidden as (
        select come.arrived_at, come.id, come.source
        from asked join confidential_message as come on come.type = asked.type and come.arrived_at >= asked.since
        join message on message.arrived_at = come.arrived_at and message.id = come.id
        where come.arrived_at >= %(since)s and come.arrived_at < %(until)s and come.recipient is null
          and message.arrived_at >= %(since)s and message.arrived_at < %(until)s
          and message.kind = 'passed' and message.confidential and not message.erased
        order by come.arrived_at limit %(limit)s
    )
    select * from (table plain union all table hidden) as come order by arrived_at limit %(limit)s
"""
# What passes once more after a day the log has anew, and the inbox from before.
TAKEN: Final = """
    select from unnest(%b::text[], %b::uuid[], %b::timestamptz[]) as asked(source, message_id, at)
    join operators.inbox as known using (source, message_id)
    where received_at > at - interval '12 hours' limit 1
"""


@dataclass(frozen=True, slots=True)
class _Come:
    """A message that came to a service's queue."""

    at: datetime
    id: UUID
    source: str


def oldest(log: Connection, service: Service, inbox: Connection) -> timedelta | None:
    """How long a service's queue has had its oldest message; `inbox` is the service's database.

    None where nobody knows: something has waited for the log for ten seconds, or had when that message came; or the
    inbox lacks nothing that the log has.
    """
    counted = log.execute(COUNTED).fetchone()
    if counted is None or counted["now"] - counted["until"] > KNOWN_FOR:
        return None
    first = _Search(log, inbox, service).first(counted["now"])
    if first is None or (counted["behind_at"] is not None and first <= counted["behind_at"]):
        return None
    age: timedelta = counted["now"] - first
    return max(age, timedelta())


class _Search:
    """Looks for the first message that came to a service's queue and is not in its inbox."""

    def __init__(self, log: Connection, inbox: Connection, service: Service) -> None:
        self._log, self._inbox = log, inbox
        begun = reading_since.since(inbox)
        taken = {one.type: begun.get(one.name) for one in CONTRACTS.values() if one.name in service.reads}
        self._types, self._begun = list(taken), list(taken.values())

    def first(self, now: datetime) -> datetime | None:
        """When it came; None where there is none."""
        since = self._reached(now) - PASSED_BY
        while come := self._come(since, now, PAGE):
            if lacking := self._lacking(come):
                return lacking[0].at
            since = come[-1].at + timedelta(microseconds=1)
        return None

    def _reached(self, now: datetime) -> datetime:
        """How far its reader has come, or a second less; where it has taken nothing, as far back as is looked."""
        step, ahead, behind = NEAR, now, now - NEAR
        while not self._has_taken(behind, ahead) and step < LOOKED_BACK:
            step *= 2
            ahead, behind = behind, now - step
        while ahead - behind > NEAR:
            middle = behind + (ahead - behind) / 2
            if self._has_taken(middle, ahead):
                behind = middle
            else:
                ahead = middle
        return behind

    def _has_taken(self, since: datetime, until: datetime) -> bool:
        """Whether its reader has taken any of the first that came between them."""
        those = self._come(since, until, SAMPLE)
        asked = [one.source for one in those], [one.id for one in those], [one.at for one in those]
        return bool(those) and self._inbox.execute(TAKEN, asked).fetchone() is not None

    def _come(self, since: datetime, until: datetime, limit: int) -> list[_Come]:
        asked = {"types": self._types, "begun": self._begun, "since": since, "until": until, "limit": limit}
        rows = self._log.execute(COME, asked).fetchall()
        return [_Come(row["arrived_at"], row["id"], row["source"]) for row in rows]

    def _lacking(self, come: Sequence[_Come]) -> list[_Come]:
        rows = self._inbox.execute(ABSENT, ([one.source for one in come], [one.id for one in come])).fetchall()
        return [come[nth] for nth in sorted(row["nth"] - 1 for row in rows)]
