"""Households in PostgreSQL, as functions that take the transaction."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from messaging.database import Row, Transaction
from services.intake.rules.households import Household, Member
from services.intake.store import consents
from services.intake.store.cause import Cause

# One row for each id that is asked for, so that `load` asks once about those that nobody has registered, too.
KNOWN: Final = """
    select asked.household_id as key, recorded_by, recorded_at
    from unnest(%b::uuid[]) as asked(household_id) left join household using (household_id)
"""

REGISTERED: Final = """
    select person_id, registered_by, erased_at is not null as erased from person where person_id = any(%b::uuid[])
"""

SAVE: Final = """
    insert into household (household_id, recorded_by, recorded_at, message_id, kept_at)
    select household_id, recorded_by, recorded_at, message_id, kept_at
    from jsonb_populate_recordset(null::household, %s::jsonb)
    on conflict (household_id) do update
        set recorded_at = excluded.recorded_at, message_id = excluded.message_id, kept_at = excluded.kept_at
"""

REMOVE_WHO_LEFT: Final = """
    delete from household_member using jsonb_to_recordset(%s::jsonb) as new(household_id uuid, stay uuid[])
    where household_member.household_id = new.household_id and household_member.person_id <> all(new.stay)
"""

SAVE_MEMBERS: Final = """
    insert into household_member (household_id, person_id, role)
    select household_id, (member->>0)::uuid, member->>1
    from jsonb_to_recordset(%s::jsonb) as new(household_id uuid, members jsonb),
        jsonb_array_elements(members) as member
    on conflict (household_id, person_id) do update set role = excluded.role
"""


def find_known(tx: Transaction, household_id: UUID) -> tuple[str, datetime] | None:
    """Return by whom, and when, a household was registered; None when nobody has."""
    return tx.load(KNOWN, household_id, _known)


def find_members(tx: Transaction, people: Collection[UUID]) -> Mapping[UUID, Member]:
    """Return what decides who may follow each of these people, without those whom nobody has registered."""
    registered = tx.fetch(REGISTERED, (list(people),))
    allowed = consents.find_sharing(tx, people)
    return {
        row["person_id"]: Member(row["registered_by"], row["erased"], allowed[row["person_id"]]) for row in registered
    }


def save_household(tx: Transaction, household: Household, cause: Cause, *, at: datetime) -> None:
    """Keep who lives together; who is no longer named has left."""
    key = household.household_id
    row = {"recorded_by": household.recorded_by, "recorded_at": household.recorded_at}
    tx.write(SAVE, {"household_id": key, **row, "message_id": cause.id, "kept_at": at}, key)
    tx.write(REMOVE_WHO_LEFT, {"household_id": key, "stay": [person_id for person_id, _ in household.members]}, key)
    tx.write(SAVE_MEMBERS, {"household_id": key, "members": household.members}, key)
    tx.put(KNOWN, key, (household.recorded_by, household.recorded_at))


def _known(row: Row) -> tuple[str, datetime] | None:
    return None if row["recorded_by"] is None else (row["recorded_by"], row["recorded_at"])
