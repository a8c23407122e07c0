"""Erasure in the log: what spoke of an erased person keeps its envelope and its digest, under ids that lead nowhere.

Whoever is spoken of stands in `mention`. What is theirs is what names them, and what is about the same subject, as a
referral; a sealed note about it names nobody. Each of these ids (theirs, the subjects', the messages' own) becomes a
random one, the same wherever it stands, so that a story stays a story; which was which is known to nobody afterwards.
Of an id that is gone only its SHA-256 stays, so that what comes late is treated alike.

A subject that many have in common (SHARED), as a jornada, stays: it leads to the jornada. Who names another's referral
beside a person's id can so have that one's ids taken out of the log, and nothing else: what the log loses are ids, and
what it kept would lead to somebody.
"""

import hashlib
from collections.abc import Collection, Iterable
from typing import Any, Final
from uuid import UUID, uuid4

from contracts.registry import CONTRACTS
from messaging.database import Connection, Row

SHARED: Final = frozenset(
    {
        "jornada_id", "service_id", "employer_id", "vacancy_id", "rule_id", "organisation", "household_id", "batch_id",
        "search_id",
    }
)  # fmt: skip

SPEAK_OF: Final = """
    select message.arrived_at, message.id, message.kind, message.source, message.organisation,
           coalesce(hidden.type, message.type) as type, coalesce(hidden.subject, message.subject) as subject,
           message.correlation, message.causation
    from (select distinct arrived_at, id from mention where person = any(%b::uuid[])) as found
    join message on message.arrived_at = found.arrived_at and message.id = found.id
    left join confidential_message as hidden on hidden.arrived_at = found.arrived_at and hidden.id = found.id
"""
ABOUT: Final = """
    select arrived_at, id, kind, source, organisation, type, subject, correlation, causation
    from message where subject = any(%b::uuid[])
"""
ABOUT_HIDDEN: Final = """
    select message.arrived_at, message.id, message.kind, message.source, message.organisation, hidden.type,
           hidden.subject, message.correlation, message.causation
    from confidential_message as hidden join message using (arrived_at, id) where hidden.subject = any(%b::uuid[])
"""
BELONGS: Final = """
    select arrived_at, id, kind, source, organisation, type, subject, correlation, causation
    from message where correlation = any(%b::uuid[])
"""
RENAME: Final = """
    update message set id = new.id, subject = case when confidential then null else new.subject end,
        correlation = new.correlation, causation = new.causation,
        short = case when new.erased then null else short end, trace = case when new.erased then null else trace end,
        erased = message.erased or new.erased
    from unnest(
        %b::timestamptz[], %b::uuid[], %b::text[], %b::uuid[], %b::uuid[], %b::uuid[], %b::uuid[], %b::bool[]
    ) as new(arrived_at, was, kind, id, subject, correlation, causation, erased)
    where message.arrived_at = new.arrived_at and message.id = new.was and message.kind = new.kind
"""
RENAME_OUTCOMES: Final = """
    update outcome set message_id = new.id from unnest(%b::uuid[], %b::uuid[]) as new(was, id)
    where outcome.message_id = new.was
"""
RENAME_FAILURES: Final = """
    update failure set message_id = new.id from unnest(%b::uuid[], %b::uuid[]) as new(was, id)
    where failure.message_id = new.was
"""
UNNAME_WAITS: Final = "update outcome set waiting_for = null where waiting_for = any(%b::uuid[])"
FORGET_PEOPLE: Final = "delete from mention where person = any(%b::uuid[]) or id = any(%b::uuid[])"
FORGET_HIDDEN: Final = """
    update confidential_message set id = new.id, subject = null
    from unnest(%b::uuid[], %b::uuid[]) as new(was, id) where confidential_message.id = new.was
"""
FORGET_HIDDEN_OUTCOMES: Final = """
    update confidential_outcome set message_id = new.id, waiting_for = null
    from unnest(%b::uuid[], %b::uuid[]) as new(was, id) where confidential_outcome.message_id = new.was
"""
RENAME_KNOWN: Final = """
    update confidential_id set id = new.id from unnest(%b::uuid[], %b::uuid[]) as new(was, id)
    where confidential_id.id = new.was
"""
REMEMBER: Final = "insert into erased select * from unnest(%b::bytea[]) on conflict do nothing"


def hash_of(id: UUID) -> bytes:
    """What stays of an id that is gone."""
    return hashlib.sha256(id.bytes).digest()


def erase(connection: Connection, people: Collection[UUID]) -> None:
    """Take these people out, in the open transaction."""
    spoken = _fetch(connection, SPEAK_OF, people)
    subjects = {row["subject"] for row in spoken if _is_theirs(row)} - {None}
    about = [
        *_fetch(connection, ABOUT, subjects | set(people)), *_fetch(connection, ABOUT_HIDDEN, subjects | set(people))
    ]  # fmt: skip
    theirs = {(row["arrived_at"], row["id"], row["kind"]): row for row in (*spoken, *about)}
    ids = {row["id"] for row in theirs.values()}
    for row in (*_fetch(connection, ABOUT, ids), *_fetch(connection, ABOUT_HIDDEN, ids)):  # refusals of them
        theirs[row["arrived_at"], row["id"], row["kind"]] = row
    ids = {row["id"] for row in theirs.values()}
    gone = {*people, *ids, *(row["subject"] for row in theirs.values() if row["subject"] in subjects)}
    others = {id: uuid4() for id in gone}
    touched = dict(theirs)
    for row in _fetch(connection, BELONGS, {row["correlation"] for row in theirs.values()} | ids):
        touched.setdefault((row["arrived_at"], row["id"], row["kind"]), row)
    _rename(connection, touched.values(), theirs, others)
    was, new = list(others), list(others.values())
    for statement in (RENAME_OUTCOMES, RENAME_FAILURES, FORGET_HIDDEN, FORGET_HIDDEN_OUTCOMES, RENAME_KNOWN):
        connection.execute(statement, (was, new))
    connection.execute(UNNAME_WAITS, (was,))
    connection.execute(FORGET_PEOPLE, (list(people), list(ids)))
    remember(connection, gone)


def remember(connection: Connection, gone: Iterable[UUID]) -> None:
    """Keep of ids that are gone by what they are known when they come again."""
    connection.execute(REMEMBER, ([hash_of(one) for one in gone],))


def _fetch(connection: Connection, statement: str, ids: Collection[Any]) -> list[Row]:
    return connection.execute(statement, (list(ids),)).fetchall() if ids else []


def _is_theirs(row: Row) -> bool:
    """Whether the subject of what speaks of somebody is theirs, and not many people's."""
    contract = CONTRACTS.get(row["type"] or "")
    return contract is not None and contract.about not in SHARED


def _rename(connection: Connection, rows: Iterable[Row], theirs: Collection[Any], others: dict[UUID, UUID]) -> None:
    def other(id: UUID | None) -> UUID | None:
        return None if id is None else others.get(id, id)

    values = [
        (row["arrived_at"], row["id"], row["kind"], other(row["id"]), other(row["subject"]), other(row["correlation"]),
         other(row["causation"]), (row["arrived_at"], row["id"], row["kind"]) in theirs)
        for row in rows
    ]  # fmt: skip
    if values:
        connection.execute(RENAME, [list(column) for column in zip(*values, strict=True)])
