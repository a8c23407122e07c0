"""Who takes part in a jornada, by the word of each who speaks of it."""

from collections.abc import Mapping, Set
from typing import Final
from uuid import UUID

from hub.reports.store import facts
from messaging.database import Row
from messaging.transaction import Transaction

TAKING_PART: Final = """
    select jornada_id as key, jsonb_object_agg(said_by, jsonb_build_array(sequence, organisations)) as words
    from jornada where jornada_id = any(%b::uuid[]) group by jornada_id
"""

_Words = Mapping[str, tuple[int, Set[str]]]  # by who says it: its number, and who takes part


def find_parties(tx: Transaction, jornada_id: UUID) -> Mapping[str, Set[str]]:
    """Return who takes part in a jornada, by the word of each who speaks of it; nothing while nobody has."""
    words = tx.load(TAKING_PART, jornada_id, _words) or {}
    return {said_by: parties for said_by, (_, parties) in words.items()}


def keep(tx: Transaction, fact: Row) -> None:
    """Keep a word on a jornada, and let what comes after it in the same batch know of it."""
    facts.keep(tx, facts.JORNADA, fact)
    word = {fact["said_by"]: (fact["sequence"], frozenset(fact["organisations"]))}
    tx.amend(TAKING_PART, fact["jornada_id"], lambda known: _with_newest(known or {}, word))


def _with_newest(known: _Words, said: _Words) -> _Words:
    newer = {said_by: word for said_by, word in said.items() if said_by not in known or known[said_by][0] < word[0]}
    return {**known, **newer}


def _words(row: Row) -> _Words:
    return {said_by: (sequence, frozenset(parties)) for said_by, (sequence, parties) in row["words"].items()}
