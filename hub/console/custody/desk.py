"""What custody does for who asks: checks that it is theirs, records it, and only then opens or searches.

Nothing of what was opened is kept, logged or quoted by an exception; errors are raised outside of except blocks, so
that none carries one that has seen the content.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import contracts
from contracts import sealing
from contracts.blocks import BLOCKS, Block
from contracts.codes import OrganisationStatus
from hub.console.custody import searching
from hub.console.custody.keys import Keys, NoIndexKey
from hub.console.custody.protocol import MOST_HITS, NotDone, Open, SealAnew, Search, read, written
from hub.console.custody.recording import NotRecorded, Recording
from hub.console.hosting import Organisations, hosted
from hub.gateway.audit.store import Act
from messaging.database import Connection, Row
from messaging.log import describe, fields
from messaging.public_keys import sealed_to

log = logging.getLogger("ruta.custody")

# A search asks more than once: what is indexed meanwhile is found by all of its terms, or not yet.
AT_ONE_MOMENT: Final = "set transaction isolation level repeatable read"
# Of a case under a code nothing is opened, nor of what else is said about its referral. A note does not say whose it
# is, nor of which case: it is opened where its referral is known to be of a person, by what came of it or what was
# recorded. Of who was erased nothing is, whatever is still there. A name that
# was told to coordinate is opened while that consent holds.
FIND: Final = """
    select block.id, block.organisation, block.kind, block.jwe,
        coalesce(block.person_id, offered.person_id, referral.person_id) as person_id
    from sealed_block block
    left join lateral (
        select other.person_id from sealed_block other
        where other.referral_id = block.referral_id and other.person_id is not null limit 1
    ) offered on true
    left join referral on referral.referral_id = block.referral_id
    where block.id = any(%b::uuid[]) and block.organisation = %b and not block.confidential
        and coalesce(block.person_id, offered.person_id, referral.person_id) is not null
        and not exists (
            select from delivered where delivered.referral_id = block.referral_id and delivered.confidential
        )
        and (block.consent_id is null or may_be_named(block.consent_id, block.organisation, block.person_id))
        and not exists (select from forgotten_referral where forgotten_referral.referral_id = block.referral_id)
        and not exists (
            select from person_key where key is null
                and person = any(array[block.person_id, offered.person_id, referral.person_id]::text[])
        )
"""


class Desk:
    """Answers one line at a time, in any thread."""

    def __init__(self, recording: Recording, keys: Keys, organisations: Organisations, directory: Path) -> None:
        """`directory` is the file with everybody's public keys."""
        self._recording = recording
        self._keys = keys
        self._organisations = organisations
        self._directory = directory

    def answer(self, line: bytes) -> bytes:
        """Answer what is asked in a line with a line; whatever happens, it says nothing but what was asked for."""
        try:
            return written(self._answer(line))
        except NotDone as error:
            code = error.code
        except (NotRecorded, NoIndexKey):
            code = "not_recorded"
        except Exception as error:  # a mistake of ours: where it is, and not what it has seen
            log.error("this failed", extra=fields(error=describe(error)))
            code = "failed"
        return written({"code": code})

    def _answer(self, line: bytes) -> dict[str, Any]:
        asked = read(line)
        if asked.organisation not in hosted(self._organisations()):
            raise NotDone("not_hosted")
        match asked:
            case Open():
                return self._open(asked)
            case SealAnew():
                return self._seal_anew(asked)
            case Search():
                return self._search(asked)

    def _open(self, asked: Open) -> dict[str, Any]:
        wanted = list(dict.fromkeys(asked.blocks))

        def write_down(connection: Connection) -> dict[UUID, Row]:
            rows = connection.execute(FIND, (wanted, asked.organisation)).fetchall()
            found = {row["id"]: row for row in rows}
            people = self._recording.people(connection, {row["person_id"] for row in rows if row["person_id"]})
            acts = [_act(asked, "opened", blocks=list(map(str, found)), people=people)] if found else []
            if unknown := [str(one) for one in wanted if one not in found]:
                acts.append(_act(asked, "open_refused", blocks=unknown, code="unknown"))
            self._recording.append(connection, acts)
            self._recording.commit(connection)
            return found

        found = self._recording.in_database(write_down)
        return {"blocks": [{"block": one, **self._opened(found.get(one))} for one in wanted]}

    def _opened(self, row: Row | None) -> dict[str, Any]:
        if row is None:
            return {"code": "unknown"}
        key = self._keys.private(row["organisation"], contracts.key_id(row["jwe"]))
        if key is None:
            return {"code": "no_key"}
        block = open_block(row["kind"], row["jwe"], key)
        if block is None:
            return {"code": "cannot_open"}
        return {"kind": row["kind"], "content": block.model_dump(mode="json", exclude_none=True)}

    def _seal_anew(self, asked: SealAnew) -> dict[str, Any]:
        """What is sealed is what `_open` shows of the block: whoever has seen it knows what goes on."""
        reader = self._key_of(asked.recipient)

        def write_down(connection: Connection) -> Row | None:
            row = connection.execute(FIND, ([asked.block], asked.organisation)).fetchone()
            if row is None or row["kind"] != "person":
                act = _act(asked, "open_refused", blocks=[str(asked.block)], code="unknown")
            else:
                people = self._recording.people(connection, {row["person_id"]})
                details = {"blocks": [str(asked.block)], "people": people, "recipient": asked.recipient}
                act = _act(asked, "sealed_anew", **details)
            self._recording.append(connection, [act])
            self._recording.commit(connection)
            return row if act.act == "sealed_anew" else None

        opened = self._opened(self._recording.in_database(write_down))
        if "code" in opened:
            raise NotDone(opened["code"])
        return {"sealed": sealing.seal(opened["content"], reader)}

    def _key_of(self, recipient: str) -> sealing.Key:
        """The key that something is sealed to for an organisation. Raises NotDone."""
        found = self._organisations().get(recipient)
        if found is None or found.status is not OrganisationStatus.ACTIVE:
            raise NotDone("no_recipient")
        try:
            key = sealed_to(self._directory).get(recipient)
        except (OSError, ValueError, KeyError):
            key = None
        if key is None:
            raise NotDone("no_recipient_key")
        return key

    def _search(self, asked: Search) -> dict[str, Any]:
        terms = searching.terms(self._keys.index(asked.organisation), asked.text)

        def write_down(connection: Connection) -> Sequence[Row]:
            kinds = sorted({one.kind for one in terms})
            self._recording.append(connection, [_act(asked, "searched", terms=len(terms), kinds=kinds)])
            self._recording.commit(connection)
            connection.execute(AT_ONE_MOMENT)
            return searching.search(connection, asked.organisation, terms, MOST_HITS + 1, coordinates=asked.coordinates)

        rows = self._recording.in_database(write_down)
        hits = [
            {
                "block": row["id"],
                "message": row["message_id"],
                "referral": row["referral_id"],
                "person": row["person_id"],
                "terms": row["terms"],
            }
            for row in rows[:MOST_HITS]
        ]
        return {"hits": hits, "of": len(terms), "more": len(rows) > MOST_HITS}


def open_block(kind: str, jwe: str, key: sealing.Key) -> Block | None:
    """Open a block; None where it is not for this key, was changed, or is not what it is said to be."""
    model = BLOCKS.get(kind)
    if model is None:
        return None
    try:
        return contracts.read_block(model, sealing.open_sealed(jwe, key))
    except (sealing.SealingError, contracts.Invalid):
        return None


def _act(asked: Open | SealAnew | Search, act: str, **details: Any) -> Act:
    who = {"session": str(asked.session), "purpose": asked.purpose}
    return Act(f"staff:{asked.staff}", act, asked.organisation, who | details)
