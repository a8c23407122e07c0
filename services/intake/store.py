"""What intake keeps in PostgreSQL, as functions that take the transaction."""

from datetime import datetime
from typing import Final, Protocol
from uuid import UUID

from messaging.database import Transaction, row_as_json
from services.intake import rules
from services.intake.rules import Born, Consent, Need, Person, Withdrawal


class Cause(Protocol):
    """What is kept of the message that brought something about: its id and who said it."""

    @property
    def id(self) -> UUID: ...

    @property
    def source(self) -> str: ...


# ---------------------------------------------------------------------------------------------------------------------
# People
# ---------------------------------------------------------------------------------------------------------------------

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
        rules.check_correction(known["registered_by"], known["registered_at"], person)
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
        raise rules.TooEarly("person", str(person_id))
    return Born(**rows[0])


def knows_place(tx: Transaction, code: str) -> bool:
    """Tell whether our edition of the list has this municipality."""
    return bool(tx.fetch(PLACE, (code,)))


# ---------------------------------------------------------------------------------------------------------------------
# Consents
# ---------------------------------------------------------------------------------------------------------------------

_CONSENT: Final = """
    consent_id, person_id, case_code, granted_to, purposes, recipients, field_groups, valid_from, valid_until,
    given_by, manner, language, evidence_sha256, message_id, recorded_at
"""

INSERT_CONSENT: Final = f"""
    insert into consent ({_CONSENT})
    select {_CONSENT} from jsonb_populate_record(null::consent, %s::jsonb)
    on conflict (consent_id) do nothing
    returning consent_id
"""

END_OF_CONSENT: Final = "select ended_at from consent where consent_id = %s for update"

END_CONSENT: Final = """
    update consent
    set ended_at = new.ended_at, withdrawn_at = new.withdrawn_at, withdrawn_by = new.withdrawn_by,
        withdrawn_manner = new.withdrawn_manner, ended_through = new.ended_through,
        ending_message = new.ending_message
    from jsonb_populate_recordset(null::consent, %s::jsonb) as new
    where consent.consent_id = new.consent_id
"""


def insert_consent(tx: Transaction, consent: Consent, cause: Cause, *, at: datetime) -> None:
    """Keep a consent; refuse an id that is taken."""
    row = {name: getattr(consent, name) for name in consent.__slots__}
    row |= {name: sorted(row[name]) for name in ("purposes", "recipients", "field_groups")}
    row |= {"message_id": cause.id, "recorded_at": at}
    if not tx.fetch(INSERT_CONSENT, (row_as_json(row),)):
        raise rules.Refused("already_granted")


def lock_end_of_consent(tx: Transaction, consent_id: UUID) -> datetime | None:
    """Return when a consent ended, None while it holds; raise TooEarly while nobody has granted it."""
    rows = tx.fetch(END_OF_CONSENT, (consent_id,))
    if not rows:
        raise rules.TooEarly("consent", str(consent_id))
    ended_at: datetime | None = rows[0]["ended_at"]
    return ended_at


def end_consent(tx: Transaction, withdrawal: Withdrawal, cause: Cause, *, at: datetime) -> None:
    """Write down that a consent is withdrawn, how, and through whom."""
    row = {name: getattr(withdrawal, name) for name in withdrawal.__slots__}
    row |= {"ended_at": at, "ended_through": cause.source, "ending_message": cause.id}
    tx.write(END_CONSENT, row)


# ---------------------------------------------------------------------------------------------------------------------
# Needs
# ---------------------------------------------------------------------------------------------------------------------

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
        raise rules.Refused("already_identified")
