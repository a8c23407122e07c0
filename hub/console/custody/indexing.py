"""Opens each block of a person, or of a name, once, when it has arrived, and keeps by which hashes it is found, only.

That it was opened is recorded first (`indexed`), as of anybody who looks. Killed in between, it is done again. Where
the console alone reads for the organisation, the sender hears by `referral.received` that it is here and can be opened.
"""

import logging
import threading
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import contracts
from contracts.blocks import NameBlock, PersonBlock
from hub.console.custody import searching
from hub.console.custody.desk import open_block
from hub.console.custody.keys import Keys, NoIndexKey
from hub.console.custody.recording import NotRecorded, Recording
from hub.console.hosting import Organisations, decides_here, hosted
from hub.console.store import acts
from hub.gateway.audit.store import Act
from messaging import clock
from messaging.database import Connection, Row, as_json
from messaging.health import health
from messaging.log import describe, fields

log = logging.getLogger("ruta.custody")

PART: Final = "index"  # as messaging.health knows it
ACTOR: Final = "custody"
LOOK_EVERY: Final = 0.5  # seconds
RECEIVED: Final = contracts.contract_of(contracts.ReferralReceived).type
AGAIN_AFTER: Final = 5.0  # seconds, where nothing can be recorded
AT_ONCE: Final = 50  # blocks: one entry of the audit for each organisation

DUE: Final = f"""
    select id, organisation, kind, jwe, person_id, referral_id from sealed_block
    where index_due <= clock_timestamp() order by index_due limit {AT_ONCE} for update skip locked
"""
# Its organisation may be suspended, or its key be brought back.
LATER: Final = """
    update sealed_block set index_due = clock_timestamp() + interval '10 minutes', index_code = 'no_key'
    where id = any(%b::uuid[])
"""
# Whoever was erased meanwhile has no block any more, and gets no hashes.
KEEP: Final = """
    with opened as (
        select id, index_code, tokens
        from jsonb_to_recordset(%s::jsonb) as opened(id uuid, index_code text, tokens bigint[])
    ), done as (
        update sealed_block set index_due = null, index_code = opened.index_code
        from opened where sealed_block.id = opened.id
        returning sealed_block.id, organisation, received_at, consent_id
    )
    insert into block_index (block, organisation, received_at, consent_id, tokens)
    select done.id, organisation, received_at, consent_id, tokens
    from done join opened using (id) where index_code is null
    on conflict (block) do update set tokens = excluded.tokens
"""


class Indexing:
    """The thread's loop."""

    def __init__(self, recording: Recording, keys: Keys, organisations: Organisations) -> None:
        self._recording = recording
        self._keys = keys
        self._organisations = organisations

    def run(self, stopping: threading.Event) -> None:
        """Index what arrives, until stopped; while it cannot be recorded, it waits."""
        while not stopping.is_set():
            health.comes_round(PART)
            stopping.wait(self.look())
        health.ends(PART)

    def look(self) -> float:
        """Index some of what is due; return after how many seconds to look again."""
        try:
            many = self._recording.in_database(self._step)
        except (NotRecorded, NoIndexKey):
            health.say(PART, "unwritten")
            return AGAIN_AFTER
        except Exception as error:  # a mistake of ours: who wants to see something is answered all the same
            log.error("this failed, and is tried again", extra=fields(process=PART, error=describe(error)))
            health.say(PART, "failed", describe(error))
            return AGAIN_AFTER
        health.over(PART)
        return 0.0 if many else LOOK_EVERY

    def _step(self, connection: Connection) -> int:
        rows = connection.execute(DUE).fetchall()
        if not rows:
            return 0
        theirs = hosted(self._organisations())
        ready = {row["id"]: key for row in rows if row["organisation"] in theirs and (key := self._key_of(row))}
        if later := [row["id"] for row in rows if row["id"] not in ready]:
            connection.execute(LATER, (later,))
        rows = [row for row in rows if row["id"] in ready]
        hashed_with = {id: self._keys.index(id) for id in {row["organisation"] for row in rows}}
        acts = [self._act(connection, id, [row for row in rows if row["organisation"] == id]) for id in hashed_with]
        self._recording.append(connection, acts)
        self._recording.commit(connection)
        kept = [{"id": row["id"], **_found_by(row, ready[row["id"]], hashed_with[row["organisation"]])} for row in rows]
        connection.execute(KEEP, (as_json(kept),))
        unreadable = {one["id"] for one in kept if one["index_code"] is not None}
        for row in rows:
            if row["id"] not in unreadable and row["referral_id"] is not None:
                self._say_received(connection, row["organisation"], row["referral_id"])
        connection.commit()
        return len(rows) + len(later)

    def _say_received(self, connection: Connection, organisation: str, referral_id: UUID) -> None:
        """Have the sender hear it, once, unless that is for another of the organisation's systems to say."""
        acts.take_turn(connection, organisation, referral_id)
        is_ours_to_say = decides_here(self._organisations()[organisation])
        if not is_ours_to_say or acts.has_said(connection, organisation, referral_id, RECEIVED):
            return
        said = contracts.ReferralReceived(referral_id=referral_id)
        decision = acts.decision(said, referral_id, organisation=organisation, staff=None, at=clock.now())
        acts.keep(connection, organisation, None, [decision], timedelta())

    def _key_of(self, row: Row) -> Any:
        return self._keys.private(row["organisation"], contracts.key_id(row["jwe"]))

    def _act(self, connection: Connection, organisation: str, rows: Sequence[Row]) -> Act:
        people = self._recording.people(connection, {row["person_id"] for row in rows if row["person_id"]})
        return Act(ACTOR, "indexed", organisation, {"blocks": [str(row["id"]) for row in rows], "people": people})


def _found_by(row: Row, key: Any, index_key: bytes) -> dict[str, Any]:
    """The hashes by which a block is found, or why it cannot be opened."""
    try:
        block = open_block(row["kind"], row["jwe"], key)
        if isinstance(block, NameBlock):
            block = PersonBlock(given_names=block.given_names, family_names=block.family_names)
        if isinstance(block, PersonBlock):
            return {"index_code": None, "tokens": searching.tokens(index_key, block)}
    except Exception as error:  # whatever a hostile block leads to, the others are indexed
        log.error("a block cannot be indexed", extra=fields(error=describe(error)))
    return {"index_code": "cannot_open", "tokens": []}
