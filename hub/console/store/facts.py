"""Facts as they come in: each statement takes many, keeps the newest word, and does nothing when repeated."""

from typing import Final, LiteralString

from messaging.database import Row
from messaging.transaction import Transaction

REFERRAL: Final = """
    insert into referral as known (
        referral_id, sequence, short_code, state, changed_at, changed_by, sender, recipient, service_id, person_id,
        need_code, urgency, sent_at, due_at, waits_for, waits_on, visit_at)
    select referral_id, sequence, short_code, state, changed_at, changed_by, sender, recipient, service_id, person_id,
        need_code, urgency, sent_at, due_at, waits_for, waits_on, visit_at
    from jsonb_populate_recordset(null::referral, %s::jsonb)
    on conflict (referral_id) do update set
        sequence = excluded.sequence, state = excluded.state, changed_at = excluded.changed_at,
        changed_by = excluded.changed_by, due_at = excluded.due_at, waits_for = excluded.waits_for,
        waits_on = excluded.waits_on, visit_at = excluded.visit_at
        where known.sequence < excluded.sequence
"""

STEP: Final = """
    insert into step (referral_id, sequence, state, changed_at, changed_by, details)
    select referral_id, sequence, state, changed_at, changed_by, details
    from jsonb_populate_recordset(null::step, %s::jsonb)
    on conflict do nothing
"""

EVENT: Final = """
    insert into event (message_id, referral_id, what, noted_at, noted_by, details)
    select message_id, referral_id, what, noted_at, noted_by, details
    from jsonb_populate_recordset(null::event, %s::jsonb)
    on conflict do nothing
"""

ESCALATION: Final = """
    insert into escalation as known (referral_id, escalated_at)
    select referral_id, escalated_at from jsonb_populate_recordset(null::escalation, %s::jsonb)
    on conflict (referral_id) do update set escalated_at = excluded.escalated_at
        where known.escalated_at < excluded.escalated_at
"""

# Whoever was waited for has moved: nobody need be chased for what was due before.
MOVED_ON: Final = """
    delete from escalation using jsonb_to_recordset(%s::jsonb) as old (referral_id uuid, changed_at timestamptz)
    where escalation.referral_id = old.referral_id and escalation.escalated_at < old.changed_at
"""

LINK: Final = """
    insert into link (later, earlier)
    select later, earlier from jsonb_populate_recordset(null::link, %s::jsonb)
    on conflict do nothing
"""

ERASURE: Final = """
    insert into erasure (person_id, erased_at)
    select person_id, erased_at from jsonb_populate_recordset(null::erasure, %s::jsonb)
    on conflict do nothing
"""


# What was seen of somebody stays in the audit, and nobody can tell any more of whom (audit.py).
FORGET: Final = """
    insert into person_key as known (person, erased_at)
    select person, erased_at from jsonb_populate_recordset(null::person_key, %s::jsonb)
    on conflict (person) do update set key = null, erased_at = coalesce(known.erased_at, excluded.erased_at)
"""


def keep(tx: Transaction, statement: LiteralString, fact: Row) -> None:
    """Keep one fact by the statement of its kind, with the others of its batch."""
    tx.write(statement, fact)
