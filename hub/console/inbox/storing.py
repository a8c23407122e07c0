"""Makes rows of the messages of an inbox: codes, ids and times in clear, sealed blocks as they came; and writes them.

The same message again changes nothing. What cannot be read, or not be kept, is set aside as it came, with a
code, and tried again later.
"""

import hashlib
import logging
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

import psycopg

import contracts
from contracts.fields import SealedTo
from contracts.marks import marked
from hub.gateway.erasing import carries_out_an_erasure
from messaging import database
from messaging.database import Connection, as_json
from messaging.log import describe, fields

log = logging.getLogger("ruta.inbox")

KINDS: Final[Mapping[tuple[str, str], str]] = {
    ("referral.offered", "data.request.sealed"): "person",
    ("referral.status", "data.sealed"): "note",
    ("referral.note_brought", "data.sealed"): "note",
    ("person.name_brought", "data.sealed"): "name",
}
"""What is in the sealed blocks that organisations are sent, by contract and field; of any other nobody knows."""
OTHER: Final = "other"

# Nobody is erased between the look whether they are, and the commit of what is kept: see the trigger of person_key.
NOBODY_IS_ERASED: Final = f"select pg_advisory_xact_lock_shared({0x45726173})"

# What comes about somebody who was erased is kept without what it says. So is what goes on about a referral of theirs,
# which may name nobody, and about one of which the organisation has deleted all; and what goes on about one of a case
# under a code is of that case.
KEEP: Final = """
    with new as (
        select * from jsonb_to_recordset(%(messages)s::jsonb) as new(
            organisation text, source text, message_id uuid, type text, subject text, said_at timestamptz,
            envelope jsonb, data jsonb, causation_id uuid, refused_id uuid, referral_id uuid, people uuid[],
            confidential boolean, is_notice boolean
        )
    ), judged as (
        select new.*, confidential or exists (
            select from delivered before where before.referral_id = new.referral_id and before.confidential
        ) as is_confidential, not is_notice and exists (
            select from purged
            where purged.organisation = new.organisation and purged.referral_id = new.referral_id
        ) as is_purged, not is_notice and (exists (
            select from forgotten_referral where forgotten_referral.referral_id = new.referral_id
        ) or exists (
            select from person_key where key is null and person = any(
                (people || array(
                    select unnest(before.people) from delivered before where before.referral_id = new.referral_id
                ))::text[]
            )
        )) as is_erased
        from new
    ), kept as (
        insert into delivered (
            organisation, source, message_id, type, subject, said_at, envelope, data, causation_id, refused_id,
            referral_id, people, confidential, is_notice, erased_at
        )
        select organisation, source, message_id, type, subject, said_at, envelope,
            case when not (is_erased or is_purged) then data end, causation_id, refused_id,
            referral_id, case when is_purged then '{}' else people end, is_confidential, is_notice,
            case when is_erased or is_purged then clock_timestamp() end
        from judged
        on conflict do nothing
        returning organisation, source, message_id, erased_at
    )
    insert into sealed_block (
        id, organisation, source, message_id, place, kind, referral_id, person_id, consent_id, confidential, jwe,
        index_due
    )
    select id, organisation, source, message_id, place, kind, referral_id, person_id, consent_id, confidential, jwe,
        case when kind in ('person', 'name') and not confidential then clock_timestamp() end
    from jsonb_to_recordset(%(blocks)s::jsonb) as block(
        id uuid, organisation text, source text, message_id uuid, place text, kind text, referral_id uuid,
        person_id uuid, consent_id uuid, confidential boolean, jwe text
    ) join kept using (organisation, source, message_id)
    where kept.erased_at is null
    on conflict do nothing
"""
SET_ASIDE: Final = """
    insert into set_aside (organisation, digest, code, raw)
    select %(organisation)s, %(digest)b, %(code)s, %(raw)b
    where not exists (
        select from purged where organisation = %(organisation)s and referral_id = any(%(named)s::uuid[])
    )
    on conflict do nothing
"""
NAMED: Final = re.compile(rb"(?=([0-9a-f]{8}(?:-?[0-9a-f]{4}){3}-?[0-9a-f]{12}))", re.IGNORECASE)
WAS_SET_ASIDE: Final = "select digest from set_aside where organisation = %b order by received_at"
AS_IT_CAME: Final = "select raw from set_aside where organisation = %b and digest = %b"
NO_LONGER_SET_ASIDE: Final = "delete from set_aside where organisation = %b and digest = %b"
ANSWERS: Final = """
    select asked.id, refusal.data ->> 'code' as code
    from unnest(%b::uuid[]) as asked(id)
    left join lateral (
        select data from delivered where organisation = %b and refused_id = asked.id order by received_at limit 1
    ) refusal on true
    where refusal.data is not null
        or exists (select from delivered where organisation = %b and causation_id = asked.id and refused_id is null)
"""

# Of a statement's fault and not of the server's: the same again would fail again.
ITS_OWN_FAULT: Final = (psycopg.DataError, psycopg.IntegrityError, psycopg.errors.ProgramLimitExceeded)


class Answer(NamedTuple):
    """What came back to something that an organisation has said."""

    is_refused: bool
    code: str | None
    """Why, of a refusal."""


def answers(connection: Connection, organisation: str, ids: Collection[UUID]) -> Mapping[UUID, Answer]:
    """Return what came back to these messages; one to which nothing has is not there: it is on its way, or applied in
    silence (`GET /v1/messages/{id}` tells)."""
    rows = connection.execute(ANSWERS, (list(ids), organisation, organisation)).fetchall()
    return {row["id"]: Answer(row["code"] is not None, row["code"]) for row in rows}


def keep(connection: Connection, organisation: str, bodies: Sequence[bytes]) -> None:
    """Write what an organisation was sent, and commit: what cannot be kept keeps nothing else out.

    Raises psycopg's errors where the database cannot do it now, whatever the message.
    """
    try:
        _write(connection, organisation, bodies)
        commit(connection)
        return
    except psycopg.Error as error:
        if database.is_lost(error, connection) or not isinstance(error, ITS_OWN_FAULT):
            raise
        failed = describe(error)
        connection.rollback()
    except Exception as error:
        failed = describe(error)
        connection.rollback()
    if len(bodies) > 1:
        for body in bodies:
            keep(connection, organisation, [body])
        return
    log.error("a message cannot be kept, and is set aside", extra=fields(organisation=organisation, error=failed))
    connection.execute(NOBODY_IS_ERASED)
    _set_aside(connection, organisation, bodies[0], "failed")
    commit(connection)


def try_again(connection: Connection, organisation: str) -> None:
    """Keep what was set aside and can be kept by now: its contract is known since, or what had failed is mended.

    Raises psycopg's errors where the server is lost.
    """
    digests = [row["digest"] for row in connection.execute(WAS_SET_ASIDE, (organisation,)).fetchall()]
    connection.rollback()
    for digest in digests:
        try:
            is_kept = _try_again(connection, organisation, digest)
            connection.commit()
        except Exception as error:  # it stays where it is, and keeps no other there
            if database.is_lost(error, connection):
                raise
            connection.rollback()
        else:
            if is_kept:
                log.info("what was set aside is kept now", extra=fields(organisation=organisation))


def _try_again(connection: Connection, organisation: str, digest: bytes) -> bool:
    """Return whether it is kept now: somebody may have been erased, or another process have kept it."""
    connection.execute(NOBODY_IS_ERASED)  # first, and no row is held meanwhile: who erases waits for this one, too
    row = connection.execute(AS_IT_CAME, (organisation, digest)).fetchone()
    if row is None:
        return False
    _keep(connection, *_read(organisation, bytes(row["raw"])))
    connection.execute(NO_LONGER_SET_ASIDE, (organisation, digest))
    return True


def commit(connection: Connection) -> None:
    """Commit. A function of its own, so that the tests can stop a process here."""
    connection.commit()


def _write(connection: Connection, organisation: str, bodies: Sequence[bytes]) -> None:
    messages: list[tuple[dict[str, Any], list[dict[str, Any]]]] = []
    connection.execute(NOBODY_IS_ERASED)
    for body in bodies:
        try:
            messages.append(_read(organisation, body))
        except contracts.Invalid as error:
            log.warning(
                "a message cannot be read, and is set aside", extra=fields(organisation=organisation, code=error.code)
            )
            _set_aside(connection, organisation, body, error.code)
    # One by one in their order: what the first says of a referral decides over the next.
    for row, blocks in messages:
        _keep(connection, row, blocks)


def _read(organisation: str, body: bytes) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Make the rows of a message. Raises Invalid."""
    message = contracts.upcast(contracts.parse(body))
    row = _row(organisation, message)
    return row, list(_blocks(row, message))


def _keep(connection: Connection, row: dict[str, Any], blocks: Sequence[dict[str, Any]]) -> None:
    connection.execute(KEEP, {"messages": as_json([row]), "blocks": as_json(blocks)})


def _set_aside(connection: Connection, organisation: str, body: bytes, code: str) -> None:
    """Keep what is not understood, as it came; nothing that names a referral of which all was deleted."""
    values = {
        "organisation": organisation,
        "digest": hashlib.sha256(body).digest(),
        "code": code,
        "raw": body,
        "named": list({UUID(found.decode()) for found in NAMED.findall(body)}),
    }
    connection.execute(SET_ASIDE, values)


def _row(organisation: str, message: contracts.Message[Any]) -> dict[str, Any]:
    sealed = {one.value for one in marked(message.data, SealedTo, "data")}
    data = _without(message.data.model_dump(mode="json", exclude_none=True), sealed)
    people = sorted(set(_ids(data, lambda name: name.endswith(("person_id", "person_ids")))))
    return {
        "organisation": organisation,
        "source": message.source,
        "message_id": message.id,
        "type": message.type,
        "subject": message.subject,
        "said_at": message.time,
        "envelope": message.model_dump(mode="json", exclude_none=True, exclude={"data"}),
        "data": data,
        "causation_id": message.causationid,
        "refused_id": getattr(message.data, "refused_id", None),
        "referral_id": next(_ids(data, "referral_id".__eq__), None),
        "people": people,
        "confidential": next(_values(data, "case_code".__eq__), None) is not None,
        "is_notice": carries_out_an_erasure(message),
    }


def _blocks(row: Mapping[str, Any], message: contracts.Message[Any]) -> Iterator[dict[str, Any]]:
    name = contracts.CONTRACTS[message.type].name
    whose = row["people"][0] if len(row["people"]) == 1 else None
    for number, one in enumerate(marked(message.data, SealedTo, "data")):
        kind = KINDS.get((name, one.where), OTHER)
        yield {
            "id": contracts.uuid7(),
            "organisation": row["organisation"],
            "source": row["source"],
            "message_id": row["message_id"],
            "place": one.where if (name, one.where) in KINDS else f"{one.where} {number}",
            "kind": kind,
            "referral_id": row["referral_id"],
            "person_id": whose,
            "consent_id": row["data"]["consent_id"] if kind == "name" else None,
            "confidential": row["confidential"],
            "jwe": one.value,
        }


def _without(value: Any, sealed: Collection[str]) -> Any:
    """Leave sealed blocks out of what is kept in clear."""
    if isinstance(value, dict):
        return {name: _without(part, sealed) for name, part in value.items() if not _is_one_of(part, sealed)}
    if isinstance(value, list):
        return [_without(part, sealed) for part in value if not _is_one_of(part, sealed)]
    return value


def _is_one_of(value: Any, sealed: Collection[str]) -> bool:
    return isinstance(value, str) and value in sealed


def _values(value: Any, is_asked: Callable[[str], bool]) -> Iterator[Any]:
    """Yield what stands under such names, however deep; what stands higher first."""
    if isinstance(value, dict):
        yield from (part for name, part in value.items() if is_asked(name))
        for part in value.values():
            yield from _values(part, is_asked)
    elif isinstance(value, list):
        for part in value:
            yield from _values(part, is_asked)


def _ids(value: Any, is_asked: Callable[[str], bool]) -> Iterator[UUID]:
    for found in _values(value, is_asked):
        for one in found if isinstance(found, list) else [found]:
            yield UUID(one)
