"""Steps of the registration for the Statute in PostgreSQL, as functions that take the transaction."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from messaging.database import Row, Transaction
from services.intake.rules.etpv import Step, StepTaken, Taken
from services.intake.store.cause import Cause

# One row for each id that is asked for, so that `load` asks once about what nobody has told of, too.
RECORDED: Final = """
    select asked.step_id as key, etpv_step.step_id
    from unnest(%b::uuid[]) as asked(step_id) left join etpv_step on etpv_step.step_id = asked.step_id
"""

TAKEN: Final = """
    select asked.person_id as key,
           array(select taken_at from etpv_step where person_id = asked.person_id order by step_id) as times,
           array(select step from etpv_step where person_id = asked.person_id order by step_id) as steps
    from unnest(%b::uuid[]) as asked(person_id)
"""

INSERT: Final = """
    insert into etpv_step (step_id, person_id, step, taken_at, jornada_id, organisation, message_id, recorded_at)
    select step_id, person_id, step, taken_at, jornada_id, organisation, message_id, recorded_at
    from jsonb_populate_recordset(null::etpv_step, %s::jsonb)
"""


def is_recorded(tx: Transaction, step_id: UUID) -> bool:
    """Tell whether a step is kept already."""
    return tx.load(RECORDED, step_id, lambda row: row["step_id"]) is not None


def find_taken(tx: Transaction, person_id: UUID) -> Sequence[Taken]:
    """Return the steps that are known of a person, in no order."""
    return tx.load(TAKEN, person_id, _taken) or ()


def insert_step(tx: Transaction, step: StepTaken, cause: Cause, *, at: datetime) -> None:
    """Keep a step."""
    taken = (*find_taken(tx, step.person_id), (step.taken_at, step.step))
    row = {name: getattr(step, name) for name in step.__slots__}
    tx.write(INSERT, row | {"message_id": cause.id, "recorded_at": at})
    tx.put(RECORDED, step.step_id, step.step_id)
    tx.put(TAKEN, step.person_id, taken)


def _taken(row: Row) -> Sequence[Taken]:
    return [(taken_at, Step(step)) for taken_at, step in zip(row["times"], row["steps"], strict=True)]
