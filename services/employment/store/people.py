"""Who has been erased, as functions that take the transaction: of them nothing more is taken down."""

from typing import Final
from uuid import UUID

from messaging.answers import Refused
from messaging.transaction import Transaction
from services.employment.store.known import is_known

ERASED: Final = "select person_id as key from erased_person where person_id = any(%b::uuid[])"

ERASE: Final = """
    insert into erased_person (person_id)
    select person_id from jsonb_populate_recordset(null::erased_person, %s::jsonb)
    on conflict do nothing
"""


def erase(tx: Transaction, person_id: UUID) -> None:
    """Remember that a person has been erased; what is said of them from now on is not taken down."""
    tx.write(ERASE, {"person_id": person_id})
    tx.put(ERASED, person_id, True)


def is_erased(tx: Transaction, person_id: UUID) -> bool:
    """Tell whether a person has been erased."""
    return tx.load(ERASED, person_id, is_known) is not None


def check_not_erased(tx: Transaction, person_id: UUID) -> None:
    """Refuse what would begin something about an erased person."""
    if is_erased(tx, person_id):
        raise Refused("person_erased")
