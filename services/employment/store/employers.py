"""Employers, their agreements and their vacancies, as functions that take the transaction."""

from datetime import date
from typing import Final
from uuid import UUID

from messaging.database import Row, Transaction
from services.employment.rules.answers import Refused, TooEarly
from services.employment.rules.employers import Employer, Vacancy
from services.employment.store.known import is_known

LOCK_EMPLOYERS: Final = """
    select employer_id as key, employer_id, organisation, registered_at, name, economic_sector, zone, sequence,
           array(select distinct programme from agreement
                 where agreement.employer_id = employer.employer_id order by programme) as programmes
    from employer where employer_id = any(%b::uuid[]) order by employer_id for update
"""

SAVE_EMPLOYER: Final = """
    insert into employer (employer_id, organisation, registered_at, name, economic_sector, zone, sequence)
    select employer_id, organisation, registered_at, name, economic_sector, zone, sequence
    from jsonb_populate_recordset(null::employer, %s::jsonb)
    on conflict (employer_id) do update
        set registered_at = excluded.registered_at, name = excluded.name, economic_sector = excluded.economic_sector,
            zone = excluded.zone, sequence = excluded.sequence
"""

AGREEMENTS: Final = """
    select asked.id as key, exists(select 1 from agreement where agreement.agreement_id = asked.id) as known
    from unnest(%b::uuid[]) as asked(id)
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
    select vacancy_id as key, {_VACANCY} from vacancy where vacancy_id = any(%b::uuid[]) order by vacancy_id for update
"""

SAVE_VACANCY: Final = f"""
    insert into vacancy ({_VACANCY})
    select {_VACANCY} from jsonb_populate_recordset(null::vacancy, %s::jsonb)
    on conflict (vacancy_id) do update set closed_at = excluded.closed_at, placed = excluded.placed
"""


def find_employer(tx: Transaction, employer_id: UUID) -> Employer | None:
    """Lock and return an employer, whoever registered it; None when nobody has."""
    return tx.load(LOCK_EMPLOYERS, employer_id, _to_employer)


def lock_employer(tx: Transaction, employer_id: UUID, *, of: str) -> Employer:
    """Return an employer of this organisation's; raise TooEarly when there is none, and just the same for another's."""
    employer = find_employer(tx, employer_id)
    if employer is None or employer.organisation != of:
        raise TooEarly("employer", str(employer_id))
    return employer


def save_employer(tx: Transaction, employer: Employer) -> None:
    """Write an employer, new or changed; its programmes come from its agreements."""
    row = {name: getattr(employer, name) for name in employer.__slots__ if name != "programmes"}
    tx.write(SAVE_EMPLOYER, row, key=employer.employer_id)
    tx.put(LOCK_EMPLOYERS, employer.employer_id, employer)


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
    save_vacancy(tx, vacancy)


def lock_vacancy(tx: Transaction, vacancy_id: UUID, *, of: str) -> Vacancy:
    """Return a vacancy of this organisation's; raise TooEarly when there is none, and just the same for another's."""
    vacancy = tx.load(LOCK_VACANCIES, vacancy_id, _to_vacancy)
    if vacancy is None or vacancy.organisation != of:
        raise TooEarly("vacancy", str(vacancy_id))
    return vacancy


def save_vacancy(tx: Transaction, vacancy: Vacancy) -> None:
    """Write a vacancy, new or changed."""
    tx.write(SAVE_VACANCY, {name: getattr(vacancy, name) for name in vacancy.__slots__}, key=vacancy.vacancy_id)
    tx.put(LOCK_VACANCIES, vacancy.vacancy_id, vacancy)


def _to_employer(row: Row) -> Employer:
    return Employer(**{**row, "programmes": tuple(row["programmes"])})


def _to_vacancy(row: Row) -> Vacancy:
    return Vacancy(**row)
