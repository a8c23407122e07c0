"""People in PostgreSQL, as functions that take the transaction."""

from datetime import datetime
from typing import Final
from uuid import UUID

from messaging.database import Row
from messaging.transaction import Transaction
from services.intake.rules.people import Person, Registration
from services.intake.store.cause import Cause
from services.intake.store.links import REGISTRARS

_DETAILS: Final = """
    given_names, family_names, birth_date, age, sex, gender, nationality, profile, phone, email, language,
    contact_channel, address, place, caregiver, notes
"""

REGISTRATIONS: Final = """
    select person_id as key, registered_by, registered_at, birth_date, age, erased_at is not null as erased
    from person where person_id = any(%b::uuid[])
    order by person_id for no key update
"""

INSERT_PERSON: Final = f"""
    insert into person (person_id, registered_by, registered_at, message_id, staff, recorded_at, {_DETAILS})
    select person_id, registered_by, registered_at, message_id, staff, recorded_at, {_DETAILS}
    from jsonb_populate_recordset(null::person, %s::jsonb)
"""

CORRECT_PERSON: Final = """
    update person
    set registered_at = new.registered_at, message_id = new.message_id, staff = new.staff,
        recorded_at = new.recorded_at, given_names = new.given_names, family_names = new.family_names,
        birth_date = new.birth_date, age = new.age, sex = new.sex, gender = new.gender, nationality = new.nationality,
        profile = new.profile, phone = new.phone, email = new.email, language = new.language,
        contact_channel = new.contact_channel, address = new.address, place = new.place, caregiver = new.caregiver,
        notes = new.notes
    from jsonb_populate_recordset(null::person, %s::jsonb) as new
    where person.person_id = new.person_id
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

# So that nobody who is being erased is passed on.
LOCK_PEOPLE: Final = "select from person where person_id = any(%b::uuid[]) order by person_id for no key update"

PEOPLE: Final = f"""
    select person_id as key, person_id, registered_by, registered_at, {_DETAILS}, erased_at is not null as erased,
           (select coalesce(jsonb_agg(jsonb_build_array(type, number) order by position), '[]')
            from document where document.person_id = person.person_id) as documents
    from person where person_id = any(%b::uuid[])
"""

PLACES: Final = "select key, array_agg(code) as codes from unnest(%b::text[]) as asked(key), municipality group by key"

_places: set[str] = set()
"""The municipalities of our edition of the list, read once: no other comes while a process runs."""


def find_registration(tx: Transaction, person_id: UUID) -> Registration | None:
    """Return what the rules ask about a person; None while nobody has registered them."""
    return tx.load(REGISTRATIONS, person_id, _registration)


def save_person(tx: Transaction, person: Person, cause: Cause, *, at: datetime) -> None:
    """Keep a registration, or the correction of an earlier one by the same organisation."""
    key = person.person_id
    row = {name: getattr(person, name) for name in person.__slots__ if name != "documents"}
    row |= {"message_id": cause.id, "staff": cause.staff, "recorded_at": at}
    if find_registration(tx, key) is None:
        tx.write(INSERT_PERSON, row)
        tx.put(REGISTRARS, key, {person.registered_by: key})
    else:
        tx.write(CORRECT_PERSON, row)
        tx.write(REMOVE_DOCUMENTS, {"person_id": key, "kept": len(person.documents)})
    tx.write(SAVE_DOCUMENTS, {"person_id": key, "documents": person.documents})
    tx.put(REGISTRATIONS, key, person.registration)
    tx.put(PEOPLE, key, person)


def find_person(tx: Transaction, person_id: UUID) -> Person | None:
    """Return everything that is known of a person; None while nobody has registered them."""
    return tx.load(PEOPLE, person_id, _person, lock=LOCK_PEOPLE)


def knows_place(tx: Transaction, code: str) -> bool:
    """Tell whether our edition of the list has this municipality."""
    if not _places:
        _places.update(tx.load(PLACES, "all", lambda row: list(row["codes"])) or ())
    return code in _places


def _registration(row: Row) -> Registration:
    return Registration(**row)


def _person(row: Row) -> Person:
    documents = () if row.pop("erased") else tuple((kind, number) for kind, number in row["documents"])
    return Person(**{**row, "documents": documents})
