"""People in PostgreSQL, as functions that take the transaction."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from messaging.database import Row, Transaction
from services.intake.rules.people import Person, Registration
from services.intake.store.cause import Cause

_DETAILS: Final = """
    given_names, family_names, birth_date, age, sex, gender, nationality, profile, phone, email, language,
    contact_channel, address, place, caregiver, notes
"""

# One row for each id that is asked for, so that `load` asks once about those whom nobody has registered, too.
REGISTRATIONS: Final = """
    select asked.person_id as key, registered_by, registered_at, birth_date, age, erased_at is not null as erased
    from unnest(%b::uuid[]) as asked(person_id) left join person using (person_id)
"""

# What two processes write at once the condition puts in order.
SAVE_PERSON: Final = f"""
    insert into person (person_id, registered_by, registered_at, message_id, recorded_at, {_DETAILS})
    select person_id, registered_by, registered_at, message_id, recorded_at, {_DETAILS}
    from jsonb_populate_recordset(null::person, %s::jsonb)
    on conflict (person_id) do update
        set registered_at = excluded.registered_at, message_id = excluded.message_id,
            recorded_at = excluded.recorded_at, given_names = excluded.given_names,
            family_names = excluded.family_names, birth_date = excluded.birth_date, age = excluded.age,
            sex = excluded.sex, gender = excluded.gender, nationality = excluded.nationality,
            profile = excluded.profile, phone = excluded.phone, email = excluded.email, language = excluded.language,
            contact_channel = excluded.contact_channel, address = excluded.address, place = excluded.place,
            caregiver = excluded.caregiver, notes = excluded.notes
        where person.registered_by = excluded.registered_by and person.registered_at < excluded.registered_at
          and person.erased_at is null
"""

SAVE_DOCUMENTS: Final = """
    insert into document (person_id, position, type, number)
    select person_id, position, document->>0, document->>1
    from jsonb_to_recordset(%s::jsonb) as new(person_id uuid, documents jsonb),
        jsonb_array_elements(documents) with ordinality as held(document, position)
    on conflict (person_id, position) do update set type = excluded.type, number = excluded.number
"""

REMOVE_DOCUMENTS: Final = """
    delete from document using jsonb_to_recordset(%s::jsonb) as new(person_id uuid, kept integer)
    where document.person_id = new.person_id and document.position > new.kept
"""

PEOPLE: Final = f"""
    select person_id, registered_by, registered_at, {_DETAILS},
           (select coalesce(jsonb_agg(jsonb_build_array(type, number) order by position), '[]')
            from document where document.person_id = person.person_id) as documents
    from person where person_id = any(%b::uuid[])
"""

PLACE: Final = "select 1 from municipality where code = %s"

_known_places: set[str] = set()
"""The municipalities that were found in the list; none is ever taken off it while a process runs."""


def find_registration(tx: Transaction, person_id: UUID) -> Registration | None:
    """Return what the rules ask about a person; None while nobody has registered them."""
    return tx.load(REGISTRATIONS, person_id, _registration)


def save_person(tx: Transaction, person: Person, cause: Cause, *, at: datetime) -> None:
    """Keep a registration, or the correction of an earlier one by the same organisation."""
    key = person.person_id
    row = {name: getattr(person, name) for name in person.__slots__ if name != "documents"}
    tx.write(SAVE_PERSON, row | {"message_id": cause.id, "recorded_at": at}, key)
    tx.write(REMOVE_DOCUMENTS, {"person_id": key, "kept": len(person.documents)}, key)
    tx.write(SAVE_DOCUMENTS, {"person_id": key, "documents": person.documents}, key)
    tx.put(REGISTRATIONS, key, person.registration)


def find_people(tx: Transaction, people: Iterable[UUID]) -> Mapping[UUID, Person]:
    """Return everything that is known of these people, by their ids."""
    return {row["person_id"]: _person(row) for row in tx.fetch(PEOPLE, (list(people),))}


def knows_place(tx: Transaction, code: str) -> bool:
    """Tell whether our edition of the list has this municipality."""
    if code not in _known_places and tx.fetch(PLACE, (code,)):
        _known_places.add(code)
    return code in _known_places


def _registration(row: Row) -> Registration | None:
    return None if row["registered_by"] is None else Registration(**row)


def _person(row: Row) -> Person:
    return Person(**{**row, "documents": tuple((kind, number) for kind, number in row["documents"])})
