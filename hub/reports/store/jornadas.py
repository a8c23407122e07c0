"""Who takes part in a jornada, by the word of each who speaks of it."""

from collections.abc import Mapping, Set
from typing import Final
from uuid import UUID

from hub.reports.store import facts
from messaging.database import Row, Transaction

# One row for each id that is asked for, so that `load` asks once about those of which nobody has spoken, too.
TAKING_PART: Final = """
    select asked.jornada_id as key,
           coalesce(
               jsonb_object_agg(said_by, jsonb_build_array(sequence, organisations)) filter (where said_by is not null),
               '{}'
           ) as words
    from unnest(%b::uuid[]) as asked(jornada_id) left join jornada using (jornada_id)
    group by asked.jornada_id
"""

_Words = Mapping[str, tuple[int, Set[str]]]  # by who says it: its number, and who takes part


def find_parties(tx: Transaction, jornada_id: UUID) -> Mapping[str, Set[str]]:
    """Return who takes part in a jornada, by the word of each who speaks of it; nothing while nobody has."""
    return {said_by: parties for said_by, (_, parties) in _find(tx, jornada_id).items()}


def keep(tx: Transaction, fact: Row) -> None:
    """Keep a word on a jornada, and let what comes after it in the same batch know of it."""
    known, said_by = _find(tx, fact["jornada_id"]), fact["said_by"]
    facts.keep(tx, facts.JORNADA, fact)
    if said_by not in known or known[said_by][0] < fact["sequence"]:
        word = fact["sequence"], frozenset(fact["organisations"])
        tx.put(TAKING_PART, fact["jornada_id"], {**known, said_by: word})


def _find(tx: Transaction, jornada_id: UUID) -> _Words:
    return tx.load(TAKING_PART, jornada_id, _words) or {}


def _words(row: Row) -> _Words:
    return {said_by: (sequence, frozenset(parties)) for said_by, (sequence, parties) in row["words"].items()}
