"""What staff see and do, in a chain of the gateway's kind (hub/gateway/audit/) in the console's database.

The people whom an entry is about stand in its details under `people`, each encrypted with a key of that person's own:
always in the same form, by which all entries about one are found. With the key of a person gone (`forget`), the entries
are as they were signed, and nobody can tell any more whom they were about.
"""

import json
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from hub.console.keyring import Keyring
from hub.gateway.audit import store
from hub.gateway.audit.chain import Entry
from messaging.database import Connection

PURPOSE: Final = "people"  # of the keyring: what people's own keys are kept with
ERASED: Final = "erased"  # in the place of who was erased already
KNOWN: Final = "select person, key from person_key where person = any(%s)"
ADD: Final = """
    insert into person_key (person, key) select * from unnest(%b::text[], %b::bytea[]) on conflict do nothing
"""
FORGET: Final = """
    insert into person_key (person, erased_at) values (%s, now())
    on conflict (person) do update set key = null, erased_at = coalesce(person_key.erased_at, now())
"""
ABOUT: Final = """where details like '%%"people":%%' and details::jsonb -> 'people' @> %s::jsonb"""

HISTORY: Final = "history_seen"
"""The act of whoever looks who saw what: of the person they see nothing by that."""
# What is about one person first, by their index: from the newest backwards the whole chain might be gone through.
LAST: Final = f"""
    with about as materialized (select number, at, actor, act, subject from audit_entry {ABOUT})
    select at, actor, act, subject from about where act <> '{HISTORY}' order by number desc limit %s
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """That somebody has seen or done something."""

    at: datetime
    actor: str
    act: str
    subject: str


def encrypted(tx: Connection, keyring: Keyring, people: Sequence[str]) -> list[str]:
    """People (ids, or codes of cases) as they stand in the audit, in the same order; ERASED for who was erased."""
    wanted = set(people)
    keys = _keys(tx, keyring, wanted)
    if new := sorted(wanted - keys.keys()):
        made = [keyring.seal(PURPOSE, one, secrets.token_bytes(32)) for one in new]
        tx.execute(ADD, (new, made))
        keys = _keys(tx, keyring, wanted)  # another page may have been quicker
    return [_encrypt(keys[one], one) for one in people]


def forget(tx: Connection, person: str) -> None:
    """Let nobody find out any more which entries were about a person, for good; nothing new is written about them."""
    tx.execute(FORGET, (person,))


def who_saw(tx: Connection, keyring: Keyring, person: str) -> Iterator[Entry]:
    """Yield what was seen and done of a person, and by whom, the oldest first; nothing of who was erased."""
    key = _keys(tx, keyring, {person}).get(person)
    if key is not None:
        yield from store.entries(tx, ABOUT, (json.dumps([_encrypt(key, person)]),))


def last_saw(tx: Connection, keyring: Keyring, person: str, limit: int) -> Sequence[Seen]:
    """The last of `who_saw`, the newest first, but for who has looked at just that."""
    key = _keys(tx, keyring, {person}).get(person)
    if key is None:
        return []
    rows = tx.execute(LAST, (json.dumps([_encrypt(key, person)]), limit)).fetchall()
    return [Seen(**row) for row in rows]


def _keys(tx: Connection, keyring: Keyring, people: set[str]) -> dict[str, bytes | None]:
    rows = tx.execute(KNOWN, (list(people),)).fetchall()
    return {
        row["person"]: None if row["key"] is None else keyring.open(PURPOSE, row["person"], bytes(row["key"]))
        for row in rows
    }


def _encrypt(key: bytes | None, person: str) -> str:
    if key is None:
        return ERASED
    return urlsafe_b64encode(AESSIV(key).encrypt(_as_bytes(person), None)).decode()


def _as_bytes(person: str) -> bytes:
    """Short, for a list of fifty stands in one row: the sixteen bytes of an id, and other codes as they are."""
    try:
        id = UUID(person)
    except ValueError:
        return b"c" + person.encode()
    return b"p" + id.bytes if str(id) == person else b"c" + person.encode()
