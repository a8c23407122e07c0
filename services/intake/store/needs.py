"""Needs in PostgreSQL, as functions that take the transaction."""

from datetime import datetime
from typing import Final

from messaging.database import Transaction, row_as_json
from services.intake.rules.answers import Refused
from services.intake.rules.needs import Need
from services.intake.store.cause import Cause

_NEED: Final = """
    need_id, person_id, case_code, need_code, urgency, identified_by, identified_at, zone, message_id, recorded_at
"""

INSERT_NEED: Final = f"""
    insert into need ({_NEED})
    select {_NEED} from jsonb_populate_record(null::need, %s::jsonb)
    on conflict (need_id) do nothing
    returning need_id
"""


def insert_need(tx: Transaction, need: Need, cause: Cause, *, at: datetime) -> None:
    """Keep a need; refuse an id that is taken."""
    row = {name: getattr(need, name) for name in need.__slots__}
    row |= {"message_id": cause.id, "recorded_at": at}
    if not tx.fetch(INSERT_NEED, (row_as_json(row),)):
        raise Refused("already_identified")
