"""People in PostgreSQL, as functions that take the transaction."""

from datetime import datetime
from typing import Final
from uuid import UUID

from messaging.database import Transaction, row_as_json
from services.intake.rules.answers import TooEarly
from services.intake.rules.people import Born, Person, check_correction
from services.intake.store.cause import Cause

_PERSON: Final = """
    person_id, registered_by, registered_at, message_id, recorded_at, given_names, family_names, birth_date, age, sex,
    gender, nationality, profile, phone, address, place, caregiver, notes
"""

SAVE_PERSON: Final = f"""
    insert into person ({_PERSON})
    select {_PERSON} from jsonb_populate_record(null::person, %s::jsonb)
    on conflict (person_id) do update
        set registered_at = excluded.registered_at, message_id = excluded.message_id,
            recorded_at = excluded.recorded_at, given_names = excluded.given_names,
            family_names = excluded.family_names, birth_date = excluded.birth_date, age = excluded.age,
            sex = excluded.sex, gender = excluded.gender, nationality = excluded.nationality,
            profile = excluded.profile, phone = excluded.phone, address = excluded.address, place = excluded.place,
            caregiver = excluded.caregiver, notes = excluded.notes
        where person.registered_by = excluded.registered_by and person.registered_at < excluded.registered_at
    returning person_id
"""

REGISTRATION: Final = "select registered_by, registered_at from person where person_id = %s"

REMOVE_DOCUMENTS: Final = """
    delete from document using jsonb_to_recordset(%s::jsonb) as old(person_id uuid)
    where document.person_id = old.person_id
"""

ADD_DOCUMENT: Final = """
    insert into document (person_id, position, type, number)
    select person_id, position, type, number from jsonb_populate_recordset(null::document, %s::jsonb)
"""

AGE: Final = "select birth_date, age, registered_at from person where person_id = %s for key share"

PLACE: Final = "select 1 from municipality where code = %s"


def save_person(tx: Transaction, person: Person, cause: Cause, *, at: datetime) -> None:
    """Keep a registration, or the correction of an earlier one by the same organisation."""
    row = {name: getattr(person, name) for name in person.__slots__ if name != "documents"}
    row |= {"message_id": cause.id, "recorded_at": at}
    if not tx.fetch(SAVE_PERSON, (row_as_json(row),)):
        known = tx.fetch(REGISTRATION, (person.person_id,))[0]
        check_correction(known["registered_by"], known["registered_at"], person)
    tx.write(REMOVE_DOCUMENTS, {"person_id": person.person_id})
    for position, (kind, number) in enumerate(person.documents, 1):
        document = {"person_id": person.person_id, "position": position, "type": kind, "number": number}
        tx.write(ADD_DOCUMENT, document)


def find_age(tx: Transaction, person_id: UUID | None) -> Born | None:
    """Return what is known of a person's age, None for a case code; raise TooEarly while nobody has registered them."""
    if person_id is None:
        return None
    rows = tx.fetch(AGE, (person_id,))
    if not rows:
        raise TooEarly("person", str(person_id))
    return Born(**rows[0])


def knows_place(tx: Transaction, code: str) -> bool:
    """Tell whether our edition of the list has this municipality."""
    return bool(tx.fetch(PLACE, (code,)))
