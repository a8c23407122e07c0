"""Steps of the registration for the Statute in PostgreSQL, as functions that take the transaction."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from messaging.database import Row, Transaction
from services.intake.rules.etpv import Step, StepTaken, Taken
from services.intake.store.cause import Cause

# One row for each id that is asked for, so that `load` asks once about what nobody has told of, too.
STEP: Final = """
    select asked.step_id as key, etpv_step.step_id, person_id, step, taken_at, jornada_id, organisation, struck_out_at
    from unnest(%b::uuid[]) as asked(step_id) left join etpv_step on etpv_step.step_id = asked.step_id
"""

_STAND: Final = "from etpv_step where person_id = asked.person_id and struck_out_at is null order by step_id"

TAKEN: Final = f"""
    select asked.person_id as key,
           array(select taken_at {_STAND}) as times,
           array(select step {_STAND}) as steps
    from unnest(%b::uuid[]) as asked(person_id)
"""

INSERT: Final = """
    insert into etpv_step (step_id, person_id, step, taken_at, jornada_id, organisation, message_id, recorded_at)
    select step_id, person_id, step, taken_at, jornada_id, organisation, message_id, recorded_at
    from jsonb_populate_recordset(null::etpv_step, %s::jsonb)
"""

STRIKE_OUT: Final = """
    update etpv_step set struck_out_at = new.struck_out_at, strike_reason = new.strike_reason
    from jsonb_populate_recordset(null::etpv_step, %s::jsonb) as new
    where etpv_step.step_id = new.step_id
"""


def find_step(tx: Transaction, step_id: UUID) -> StepTaken | None:
    """Return a step, also one that was struck out; None while nobody has told of it."""
    return tx.load(STEP, step_id, _step)


def find_taken(tx: Transaction, person_id: UUID) -> Sequence[Taken]:
    """Return the steps that are known of a person and stand, in no order."""
    return tx.load(TAKEN, person_id, _taken) or ()


def insert_step(tx: Transaction, step: StepTaken, cause: Cause, *, at: datetime) -> None:
    """Keep a step."""
    taken = (*find_taken(tx, step.person_id), (step.taken_at, step.step))
    row = {name: getattr(step, name) for name in step.__slots__}
    tx.write(INSERT, row | {"message_id": cause.id, "recorded_at": at})
    tx.put(STEP, step.step_id, step)
    tx.put(TAKEN, step.person_id, taken)


def strike_out(tx: Transaction, step: StepTaken, *, reason: str) -> None:
    """Keep that a step was struck out, and why."""
    taken = list(find_taken(tx, step.person_id))
    taken.remove((step.taken_at, step.step))
    row = {"step_id": step.step_id, "struck_out_at": step.struck_out_at, "strike_reason": reason}
    tx.write(STRIKE_OUT, row, step.step_id)
    tx.put(STEP, step.step_id, step)
    tx.put(TAKEN, step.person_id, taken)


def _step(row: Row) -> StepTaken | None:
    return None if row["step_id"] is None else StepTaken(**{**row, "step": Step(row["step"])})


def _taken(row: Row) -> Sequence[Taken]:
    return [(taken_at, Step(step)) for taken_at, step in zip(row["times"], row["steps"], strict=True)]
