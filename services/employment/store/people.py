"""What is open about a person, and who has been erased, as functions that take the transaction."""

from collections.abc import Mapping
from functools import partial
from typing import Final, NamedTuple
from uuid import UUID

from messaging.answers import Refused
from messaging.database import Row
from messaging.transaction import Transaction

# All of it in one question, which every message that begins something asks. Ids only: what has become of each by now,
# in this batch too, is seen once it is locked.
OPEN: Final = """
    select key,
           exists (select from erased_person where person_id = key) as erased,
           array(
               select jsonb_build_array(organisation, programme, participation_id)
               from participation where person_id = key and state = 'enrolled'
           ) as participations,
           array(
               select jsonb_build_array(organisation, entrepreneur_id)
               from entrepreneur where person_id = key and state = 'accompanied'
           ) as entrepreneurs
    from unnest(%b::uuid[]) as key
"""

ERASE: Final = """
    insert into erased_person (person_id)
    select person_id from jsonb_populate_recordset(null::erased_person, %s::jsonb)
    on conflict do nothing
"""


class Open(NamedTuple):
    """What a person takes part in, by organisation and programme, and who accompanies them, by organisation."""

    participations: Mapping[tuple[str, str], UUID] = {}
    entrepreneurs: Mapping[str, UUID] = {}
    erased: bool = False


def open_of(tx: Transaction, person_id: UUID) -> Open:
    """Return what is open about a person."""
    return tx.load(OPEN, person_id, partial(_read, tx)) or Open()


def is_erased(tx: Transaction, person_id: UUID) -> bool:
    """Tell whether a person has been erased: of them nothing more is taken down."""
    return open_of(tx, person_id).erased


def check_not_erased(tx: Transaction, person_id: UUID) -> None:
    """Refuse what would begin something about an erased person."""
    if is_erased(tx, person_id):
        raise Refused("person_erased")


def erase(tx: Transaction, person_id: UUID) -> None:
    """Remember that a person has been erased; what is said of them from now on is not taken down."""
    tx.write(ERASE, {"person_id": person_id})
    tx.amend(OPEN, person_id, lambda known: known._replace(erased=True))


def add_participation(tx: Transaction, person_id: UUID, place: tuple[str, str], participation_id: UUID) -> None:
    """Say that a person takes part in an organisation's programme by now."""
    now = {place: participation_id}
    tx.amend(OPEN, person_id, lambda known: known._replace(participations={**known.participations, **now}))


def add_entrepreneur(tx: Transaction, person_id: UUID, organisation: str, entrepreneur_id: UUID) -> None:
    """Say that an organisation accompanies a person by now."""
    now = {organisation: entrepreneur_id}
    tx.amend(OPEN, person_id, lambda known: known._replace(entrepreneurs={**known.entrepreneurs, **now}))


def _read(tx: Transaction, row: Row) -> Open:
    """Read what is open, and mention it: it is asked for together with that of the others."""
    participations = {(whose, programme): UUID(found) for whose, programme, found in row["participations"]}
    entrepreneurs = {whose: UUID(found) for whose, found in row["entrepreneurs"]}
    tx.mention([*participations.values(), *entrepreneurs.values()])
    return Open(participations, entrepreneurs, row["erased"])
