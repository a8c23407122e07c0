"""Candidacies, placements and their follow-ups, as functions that take the transaction."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from functools import partial
from typing import Final
from uuid import UUID

from messaging.answers import MissingPrerequisite, Refused
from messaging.database import Row
from messaging.transaction import Transaction
from services.employment.rules.candidacies import Candidacy, State
from services.employment.rules.participations import Participation
from services.employment.store.participations import add_candidacy, candidacies_in

DUE_AT_ONCE: Final = 300

_COLUMNS: Final = """
    candidacy_id, organisation, participation_id, vacancy_id, put_forward_at, state, interviewed_at, rejected_at,
    by_employer, starts_on, contract_signed, next_day, due_on, sequence
"""

INSERT: Final = f"""
    insert into candidacy ({_COLUMNS})
    select {_COLUMNS} from jsonb_populate_recordset(null::candidacy, %s::jsonb)
    on conflict do nothing
    returning candidacy_id
"""

LOCK: Final = f"""
    select candidacy_id as key, {_COLUMNS}
    from candidacy where candidacy_id = any(%b::uuid[]) order by candidacy_id for no key update
"""

# Asked for once the candidacies are locked: then nobody adds to them.
FOLLOW_UPS: Final = """
    select candidacy_id as key, jsonb_object_agg(day, result) as follow_ups
    from follow_up where candidacy_id = any(%b::uuid[]) group by candidacy_id
"""

LOCK_DUE: Final = f"""
    select {_COLUMNS} from candidacy
    where due_on <= %s
    order by due_on, candidacy_id
    limit {DUE_AT_ONCE}
    for no key update skip locked
"""

SAVE: Final = """
    update candidacy
    set state = new.state, interviewed_at = new.interviewed_at, rejected_at = new.rejected_at,
        by_employer = new.by_employer, starts_on = new.starts_on, contract_signed = new.contract_signed,
        next_day = new.next_day, due_on = new.due_on, sequence = new.sequence
    from jsonb_populate_recordset(null::candidacy, %s::jsonb) as new
    where candidacy.candidacy_id = new.candidacy_id
"""

INSERT_FOLLOW_UP: Final = """
    insert into follow_up (candidacy_id, day, result, followed_up_at)
    select candidacy_id, day, result, followed_up_at from jsonb_populate_recordset(null::follow_up, %s::jsonb)
"""


def insert(tx: Transaction, candidacy: Candidacy) -> None:
    """Keep that somebody is put forward; refuse the same again, and the same person for the same vacancy."""
    if not tx.insert(INSERT, _to_row(candidacy)):
        raise Refused("already_put_forward")
    tx.put(LOCK, candidacy.candidacy_id, candidacy)
    add_candidacy(tx, candidacy.participation_id, candidacy.candidacy_id)


def lock(tx: Transaction, candidacy_id: UUID, *, of: str) -> Candidacy:
    """Return a candidacy of this organisation's that nobody else can change before the transaction ends.

    Raises MissingPrerequisite when there is none, and just the same when it is another's.
    """
    candidacy = tx.load(LOCK, candidacy_id, partial(_read, tx))
    if candidacy is None or candidacy.organisation != of:
        raise MissingPrerequisite("candidacy", str(candidacy_id))
    return _with_follow_ups(tx, candidacy) if candidacy.state == State.PLACED else candidacy


def lock_of(tx: Transaction, participation: Participation) -> list[Candidacy]:
    """Lock and return every candidacy of a participant."""
    found = (tx.load(LOCK, one, partial(_read, tx)) for one in candidacies_in(tx, participation))
    return [candidacy for candidacy in found if candidacy is not None]


def lock_due(tx: Transaction, today: date) -> list[Candidacy]:
    """Lock and return placements with a follow-up due, longest due first; leave those that others are changing."""
    due = [_from_row(row) for row in tx.fetch(LOCK_DUE, (today,))]
    tx.mention(one.candidacy_id for one in due)
    return [_with_follow_ups(tx, one) for one in due]


def save(tx: Transaction, candidacy: Candidacy) -> None:
    """Write what has become of a candidacy since it was locked."""
    tx.write(SAVE, _to_row(candidacy))
    tx.put(LOCK, candidacy.candidacy_id, candidacy)


def insert_follow_up(tx: Transaction, candidacy: Candidacy, day: int, *, at: datetime) -> None:
    """Keep what a follow-up has found."""
    row = {"candidacy_id": candidacy.candidacy_id, "day": day, "result": candidacy.follow_ups[day]}
    tx.write(INSERT_FOLLOW_UP, {**row, "followed_up_at": at})
    tx.put(FOLLOW_UPS, candidacy.candidacy_id, candidacy.follow_ups)


def _read(tx: Transaction, row: Row) -> Candidacy:
    """Read a candidacy, and mention what it leads to: it is asked for together with that of the others."""
    tx.mention((row["participation_id"], row["vacancy_id"]))
    return _from_row(row)


def _with_follow_ups(tx: Transaction, candidacy: Candidacy) -> Candidacy:
    return replace(candidacy, follow_ups=tx.load(FOLLOW_UPS, candidacy.candidacy_id, _to_follow_ups) or {})


def _to_row(candidacy: Candidacy) -> Row:
    return {name: getattr(candidacy, name) for name in candidacy.__slots__ if name != "follow_ups"}


def _from_row(row: Row) -> Candidacy:
    return Candidacy(**{**row, "state": State(row["state"])})


def _to_follow_ups(row: Row) -> Mapping[int, str]:
    return {int(day): result for day, result in row["follow_ups"].items()}
