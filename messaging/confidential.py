"""Which messages are of confidential cases, so that operators see of them in a service what the message log shows.

A message says so itself, by a case code, a confidential need, or the mark `confidential`; then so is all that comes
under its id or its subject, whoever says it, and what answers it. The log knows it by the same
(hub/monitor/log/entries.py). What a service has read or said of such a case is noted in `confidential_hash`; the views
of the schema `operators` hide by it what is parked (migration 0015).
"""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final
from uuid import UUID

import contracts
from contracts.codes import is_confidential
from contracts.registry import CONTRACTS
from messaging.database import Connection

REFUSED_AS: Final = "confidential_needs_own_key"
"""What is refused by this code is of such a case; the message log hides it, too."""
_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

# In the order of the hashes: of two that note the same neither waits for the other.
NOTE: Final = """
    insert into confidential_hash (hash)
    select distinct sha256(uuid_send(id)) as hash from unnest(%b::uuid[]) as id order by hash
    on conflict do nothing
"""

KNOWN: Final = """
    select id from unnest(%b::uuid[]) as id join confidential_hash on hash = sha256(uuid_send(id))
"""


def says_so(message: contracts.Message) -> bool:
    """Tell whether a message says that its case is confidential."""
    contract = CONTRACTS.get(message.type)
    if contract is not None and not contract.personal_data:
        return False
    data: Any = message.data
    need = getattr(data, "need_code", None)
    return (
        getattr(data, "case_code", None) is not None
        or getattr(data, "confidential", None) is True
        or (need is not None and is_confidential(need))
    )


def hides(message: contracts.Message) -> set[UUID]:
    """Return the ids under which all else is of the same case: its own, and its subject's where that is one."""
    return {message.id, *_as_ids(message.subject)}


def about(message: contracts.Message) -> list[UUID]:
    """Return the ids by which a message is held against those: the same, and those of what it answers."""
    answered = (one for one in (message.causationid, message.correlationid) if one is not None)
    return list(dict.fromkeys((message.id, *_as_ids(message.subject), *answered)))


def note(connection: Connection, ids: Collection[UUID]) -> None:
    """Note ids of confidential cases in the open transaction."""
    connection.execute(NOTE, (list(ids),))


def known(connection: Connection, ids: Collection[UUID]) -> Callable[[], set[UUID]]:
    """Ask which of these ids are noted; what is returned says so once the answer is there, as `outbox.write`."""
    found = connection.execute(KNOWN, (list(ids),))
    return lambda: {row["id"] for row in found.fetchall()}


def in_a_log(said: Mapping[str, object]) -> dict[str, object]:
    """What of the fields of a log line may be said of a message of such a case, as of what is parked."""
    shown = {name: value for name, value in said.items() if name in ("message", "digest", "parked")}
    if "contract" in said:
        shown["contract"] = str(said["contract"]).partition(".")[0]
    if "error" in said:
        shown["error"] = str(said["error"]).partition(" ")[0]
    return shown


def _as_ids(subject: str) -> list[UUID]:
    return [UUID(subject)] if _ID.fullmatch(subject) else []
