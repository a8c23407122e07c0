"""What is parked in the services, in groups with one cause: service, contract, reason and the place of the error."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final
from uuid import UUID

from hub.monitor.mending.databases import Databases, ask, ask_all
from messaging.database import Connection

AT_ONCE: Final = 200  # messages of a page


@dataclass(frozen=True, slots=True)
class Group:
    """Messages that are parked for one reason. Nothing of what they say."""

    service: str
    contract: str | None  # with its version; None of what could not be read
    state: str  # `quarantined`: a person has to act; `retry` and `waiting` go on by themselves
    reason: str
    error: str | None  # class and place; of what the database refused, class and what it stumbled over
    messages: int
    senders: tuple[str, ...]
    since: datetime
    last: datetime
    size: int  # bytes
    subjects: int
    later: int  # messages that have come since about the same subjects, and were parked as well
    may_be_retried: int
    may_be_given_back: int
    confidential: bool
    """Of confidential cases: then `contract` is its family alone, and who sent it and the service's reason are `-`."""


@dataclass(frozen=True, slots=True)
class Failures:
    """The groups of all services that answer, the largest first, and those that do not."""

    groups: tuple[Group, ...]
    unseen: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Cause:
    """Which failures are meant; a part that is None says nothing, and an empty one that there is none."""

    service: str | None = None
    contract: str | None = None
    reason: str | None = None
    error: str | None = None

    def of(self, databases: Databases) -> Databases:
        """The databases in which they may be."""
        return {name: url for name, url in databases.items() if self.service in (None, name)}

    @property
    def params(self) -> dict[str, Any]:
        return {"type": self.contract, "reason": self.reason, "error": self.error}


MATCH: Final = """
    (%(type)s::text is null or coalesce(type, '') = %(type)s)
    and (%(reason)s::text is null or reason = %(reason)s)
    and (%(error)s::text is null or coalesce(error, '') = %(error)s)
"""
# Where nobody tries again what is parked, operators are not let act.
ACTS: Final = "has_function_privilege('operators.start(uuid, text, text, text)', 'execute')"
GROUPS: Final = f"""
    select type, state, reason, error, count(*) as messages,
           array_agg(distinct source) filter (where source is not null) as senders,
           min(parked_at) as since, max(parked_at) as last, sum(size)::bigint as size,
           count(distinct subject) as subjects, sum(later)::bigint as later, confidential,
           count(*) filter (where {ACTS} and operators.may_be('retry', state, reason, source)) as may_be_retried,
           count(*) filter (where {ACTS} and operators.may_be('give_back', state, reason, source)) as may_be_given_back
    from operators.parked where reason <> 'erased' and {MATCH}
    group by type, state, reason, error, confidential
"""


def read(databases: Databases, cause: Cause | None = None) -> Failures:
    """Find what is parked, for one cause or any. What does not answer is named, and keeps nothing of the rest back."""
    cause = cause or Cause()
    answers = ask_all(cause.of(databases), partial(_groups, cause))
    groups = [_group(service, row) for service, rows in answers.found.items() for row in rows]
    groups.sort(key=lambda one: (one.state != "quarantined", -one.messages, one.service, one.reason))
    return Failures(tuple(groups), answers.unseen)


def _groups(cause: Cause, connection: Connection) -> list[dict[str, Any]]:
    return connection.execute(GROUPS, cause.params).fetchall()


def _group(service: str, row: Mapping[str, Any]) -> Group:
    rest = {name: value for name, value in row.items() if name not in ("type", "senders")}
    return Group(service=service, contract=row["type"], senders=tuple(row["senders"] or ()), **rest)


@dataclass(frozen=True, slots=True)
class Parked:
    """One message that is parked, without what it says."""

    parked_id: int
    state: str
    reason: str
    error: str | None
    attempts: int
    source: str | None
    message_id: UUID | None
    contract: str | None
    subject: str | None
    size: int  # bytes
    digest: str  # SHA-256 of its bytes
    parked_at: datetime
    operation_id: UUID | None
    later: int  # messages that have come since about the same subject, and were parked as well
    confidential: bool  # as of a group


MESSAGES: Final = f"""
    select parked_id, state, reason, error, attempts, source, message_id, type as contract, subject, size, digest,
           parked_at, operation_id, later, confidential
    from operators.parked where parked_id > %(after)s and {MATCH}
    order by parked_id limit {AT_ONCE}
"""


def messages(url: str, cause: Cause, *, after: int = 0) -> Sequence[Parked]:
    """The messages of a group, by their ids, from behind one on; AT_ONCE at most. Raises psycopg.Error."""
    params = cause.params | {"after": after}
    return [Parked(**row) for row in ask(url, lambda connection: connection.execute(MESSAGES, params).fetchall())]
