"""How employment comes to know an employer, a participant, somebody placed and an entrepreneur."""

from typing import Any

import pytest

from contracts import Message
from services.employment import rules
from tests.examples_employment import (
    CV,
    GUIDANCE,
    OURS,
    SHORTLISTED,
    agreement_signed,
    capital_granted,
    employer_registered,
    enrolled,
    interviewed,
    mentor_assigned,
    participation_started,
    placed,
    plan_approved,
    put_forward,
    session_held,
    step_taken,
    vacancy_opened,
)
from tests.services.employment.conftest import EmploymentUnderTest

VACANCY = (employer_registered(), agreement_signed(), vacancy_opened())
SHORTLIST = (participation_started(), step_taken(CV), step_taken(GUIDANCE), step_taken(SHORTLISTED))
TO_INTERVIEW = (*VACANCY, *SHORTLIST, put_forward(), interviewed())
TO_WORK = (*TO_INTERVIEW, placed())
TO_A_PLAN = (enrolled(), mentor_assigned(), session_held(), plan_approved())
TO_CAPITAL = (*TO_A_PLAN, capital_granted())


def tell(employment: EmploymentUnderTest, *said: Any, source: str = OURS) -> list[Message[Any]]:
    """Say one thing after the other; return all that was answered."""
    return [message for data in said for message in employment.hear(data, source=source)]


def refused(employment: EmploymentUnderTest, said: Any, code: str, *, source: str = OURS) -> None:
    """Say something that is refused."""
    with pytest.raises(rules.Refused, match=rf"^{code}$"):
        employment.hear(said, source=source)


def waits(employment: EmploymentUnderTest, said: Any, code: str, *, source: str = OURS) -> str:
    """Say something that is out of order; return the subject that it waits for."""
    with pytest.raises(rules.MissingPrerequisite) as out_of_order:
        employment.hear(said, source=source)
    assert out_of_order.value.code == code
    return out_of_order.value.key


def kinds(messages: list[Message[Any]]) -> list[str]:
    """The names of messages, without their versions."""
    return [message.type.rpartition(".")[0] for message in messages]
