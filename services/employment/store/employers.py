"""Employers, their agreements and their vacancies, as functions that take the transaction."""

from dataclasses import replace
from datetime import date
from typing import Final, LiteralString
from uuid import UUID

from messaging.answers import MissingPrerequisite, Refused
from messaging.database import Row
from messaging.transaction import Transaction
from services.employment.rules.employers import Employer, Vacancy
from services.employment.store.known import is_known

LOCK_EMPLOYERS: Final = """
    select employer_id as key, employer_id, organisation, registered_at, name, economic_sector, zone, sequence
    from employer where employer_id = any(%b::uuid[]) order by employer_id for no key update
"""

# Asked for once the employers are locked: then nobody adds to them.
PROGRAMMES: Final = """
    select employer_id as key, array_agg(distinct programme order by programme) as programmes
    from agreement where employer_id = any(%b::uuid[]) group by employer_id
"""

INSERT_EMPLOYER: Final = """
    insert into employer (employer_id, organisation, registered_at, name, economic_sector, zone, sequence)
    select employer_id, organisation, registered_at, name, economic_sector, zone, sequence
    from jsonb_populate_recordset(null::employer, %s::jsonb)
"""

SAVE_EMPLOYER: Final = """
    update employer
    set registered_at = new.registered_at, name = new.name, economic_sector = new.economic_sector, zone = new.zone,
        sequence = new.sequence
    from jsonb_populate_recordset(null::employer, %s::jsonb) as new
    where employer.employer_id = new.employer_id
"""

AGREEMENTS: Final = """
    select agreement_id as key from agreement where agreement_id = any(%b::uuid[])
"""

INSERT_AGREEMENT: Final = """
    insert into agreement (agreement_id, employer_id, programme, signed_on, ends_on)
    select agreement_id, employer_id, programme, signed_on, ends_on
    from jsonb_populate_recordset(null::agreement, %s::jsonb)
"""

_VACANCY: Final = """
    vacancy_id, organisation, employer_id, title, occupation, places, zone, contract_offered, opened_at, apply_by,
    closed_at, placed
"""

LOCK_VACANCIES: Final = f"""
    select vacancy_id as key, {_VACANCY}
    from vacancy where vacancy_id = any(%b::uuid[]) order by vacancy_id for no key update
"""

INSERT_VACANCY: Final = f"""
    insert into vacancy ({_VACANCY})
    select {_VACANCY} from jsonb_populate_recordset(null::vacancy, %s::jsonb)
"""

SAVE_VACANCY: Final = """
    update vacancy set closed_at = new.closed_at, placed = new.placed
    from jsonb_populate_recordset(null::vacancy, %s::jsonb) as new
    where vacancy.vacancy_id = new.vacancy_id
"""


def find_employer(tx: Transaction, employer_id: UUID) -> Employer | None:
    """Lock and return an employer, whoever registered it; None when nobody has."""
    employer = tx.load(LOCK_EMPLOYERS, employer_id, _to_employer)
    if employer is None:
        return None
    return replace(employer, programmes=tx.load(PROGRAMMES, employer_id, _to_programmes) or ())


def lock_employer(tx: Transaction, employer_id: UUID, *, of: str) -> Employer:
    """Return an employer of this organisation's; MissingPrerequisite when there is none, and just so for another's."""
    employer = find_employer(tx, employer_id)
    if employer is None or employer.organisation != of:
        raise MissingPrerequisite("employer", str(employer_id))
    return employer


def keep_employer(tx: Transaction, employer: Employer, *, is_new: bool) -> None:
    """Keep an employer that nobody has registered before, or what has become of one."""
    _write_employer(tx, INSERT_EMPLOYER if is_new else SAVE_EMPLOYER, employer)


def save_employer(tx: Transaction, employer: Employer) -> None:
    """Write what has become of an employer; its programmes come from its agreements."""
    _write_employer(tx, SAVE_EMPLOYER, employer)


def insert_agreement(
    tx: Transaction, agreement_id: UUID, employer: Employer, programme: str, *, signed_on: date, ends_on: date | None
) -> None:
    """Keep what an employer has agreed to; refuse it the second time."""
    if tx.load(AGREEMENTS, agreement_id, is_known):
        raise Refused("already_signed")
    row = {
        "agreement_id": agreement_id,
        "employer_id": employer.employer_id,
        "programme": programme,
        "signed_on": signed_on,
        "ends_on": ends_on,
    }
    tx.write(INSERT_AGREEMENT, row)
    tx.put(AGREEMENTS, agreement_id, True)


def insert_vacancy(tx: Transaction, vacancy: Vacancy) -> None:
    """Keep a vacancy; refuse it the second time."""
    if tx.load(LOCK_VACANCIES, vacancy.vacancy_id, _to_vacancy) is not None:
        raise Refused("already_opened")
    _write_vacancy(tx, INSERT_VACANCY, vacancy)


def lock_vacancy(tx: Transaction, vacancy_id: UUID, *, of: str) -> Vacancy:
    """Return a vacancy of this organisation's; MissingPrerequisite when there is none, and just so for another's."""
    vacancy = tx.load(LOCK_VACANCIES, vacancy_id, _to_vacancy)
    if vacancy is None or vacancy.organisation != of:
        raise MissingPrerequisite("vacancy", str(vacancy_id))
    return vacancy


def save_vacancy(tx: Transaction, vacancy: Vacancy) -> None:
    """Write what has become of a vacancy."""
    _write_vacancy(tx, SAVE_VACANCY, vacancy)


def _write_employer(tx: Transaction, sql: LiteralString, employer: Employer) -> None:
    tx.write(sql, {name: getattr(employer, name) for name in employer.__slots__ if name != "programmes"})
    tx.put(LOCK_EMPLOYERS, employer.employer_id, employer)
    tx.put(PROGRAMMES, employer.employer_id, employer.programmes)


def _write_vacancy(tx: Transaction, sql: LiteralString, vacancy: Vacancy) -> None:
    tx.write(sql, {name: getattr(vacancy, name) for name in vacancy.__slots__})
    tx.put(LOCK_VACANCIES, vacancy.vacancy_id, vacancy)


def _to_employer(row: Row) -> Employer:
    return Employer(**row)


def _to_programmes(row: Row) -> tuple[str, ...]:
    return tuple(row["programmes"])


def _to_vacancy(row: Row) -> Vacancy:
    return Vacancy(**row)
