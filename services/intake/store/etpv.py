"""Steps of the registration for the Statute in PostgreSQL, as functions that take the transaction."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Final
from uuid import UUID

from messaging.database import Row
from messaging.transaction import Transaction
from services.intake.rules.etpv import Step, StepTaken, TakenWith
from services.intake.store.cause import Cause

STEP: Final = """
    select step_id as key, step_id, person_id, step, taken_at, jornada_id, organisation, struck_out_at
    from etpv_step where step_id = any(%b::uuid[])
    order by step_id for update
"""

TAKEN: Final = """
    select person_id as key, array_agg(taken_at order by step_id) as times, array_agg(step order by step_id) as steps,
           array_agg(organisation order by step_id) as organisations
    from etpv_step where person_id = any(%b::uuid[]) and struck_out_at is null
    group by person_id
"""

INSERT: Final = """
    insert into etpv_step (step_id, person_id, step, taken_at, jornada_id, organisation, message_id, staff, recorded_at)
    select step_id, person_id, step, taken_at, jornada_id, organisation, message_id, staff, recorded_at
    from jsonb_populate_recordset(null::etpv_step, %s::jsonb)
"""

STRIKE_OUT: Final = """
    update etpv_step set struck_out_at = new.struck_out_at, strike_reason = new.strike_reason
    from jsonb_populate_recordset(null::etpv_step, %s::jsonb) as new
    where etpv_step.step_id = new.step_id
"""


def find_step(tx: Transaction, step_id: UUID) -> StepTaken | None:
    """Return a step, also one that was struck out; None while nobody has told of it."""
    return tx.load(STEP, step_id, partial(_step, tx))


def find_taken(tx: Transaction, person_id: UUID) -> Sequence[TakenWith]:
    """Return the steps that are known of a person, who is locked, and stand; in no order."""
    return tx.load(TAKEN, person_id, _taken) or ()


def insert_step(tx: Transaction, step: StepTaken, cause: Cause, *, at: datetime) -> None:
    """Keep a step."""
    taken = (*find_taken(tx, step.person_id), (step.taken_at, step.step, step.organisation))
    row = {name: getattr(step, name) for name in step.__slots__}
    tx.write(INSERT, row | {"message_id": cause.id, "staff": cause.staff, "recorded_at": at})
    tx.put(STEP, step.step_id, step)
    tx.put(TAKEN, step.person_id, taken)


def strike_out(tx: Transaction, step: StepTaken, *, reason: str) -> None:
    """Keep that a step was struck out, and why."""
    taken = list(find_taken(tx, step.person_id))
    taken.remove((step.taken_at, step.step, step.organisation))
    row = {"step_id": step.step_id, "struck_out_at": step.struck_out_at, "strike_reason": reason}
    tx.write(STRIKE_OUT, row)
    tx.put(STEP, step.step_id, step)
    tx.put(TAKEN, step.person_id, taken)


def _step(tx: Transaction, row: Row) -> StepTaken:
    tx.mention([row["person_id"]])
    return StepTaken(**{**row, "step": Step(row["step"])})


def _taken(row: Row) -> Sequence[TakenWith]:
    told = zip(row["times"], row["steps"], row["organisations"], strict=True)
    return [(taken_at, Step(step), organisation) for taken_at, step, organisation in told]
