"""Employers and vacancies."""

from __future__ import annotations  # Message[…] is only for the reader: pydantic would build a model of each

import contracts
from contracts import Draft, Message
from services.employment.rules.employers import Employer, Vacancy


def employer(message: Message[contracts.EmployerRegistered]) -> Employer:
    """Read what an organisation says of an employer that it works with."""
    said = message.data
    return Employer(
        employer_id=said.employer_id,
        organisation=message.source,
        registered_at=said.registered_at,
        name=said.name,
        economic_sector=said.economic_sector,
        zone=said.zone,
    )


def vacancy(message: Message[contracts.VacancyOpened]) -> Vacancy:
    """Read a vacancy."""
    said = message.data
    return Vacancy(
        vacancy_id=said.vacancy_id,
        organisation=message.source,
        employer_id=said.employer_id,
        title=said.title,
        occupation=said.occupation,
        places=said.places,
        zone=said.zone,
        contract_offered=said.contract_offered,
        opened_at=said.opened_at,
        apply_by=said.apply_by,
    )


def recorded(employer: Employer) -> Draft:
    """Tell the hub's services of an employer and what it has agreed to."""
    recorded = contracts.EmployerRecorded(
        employer_id=employer.employer_id,
        organisation=employer.organisation,
        economic_sector=employer.economic_sector,
        zone=employer.zone,
        programmes=employer.programmes,
    )
    return Draft(recorded, subject=str(employer.employer_id), sequence=employer.sequence)
