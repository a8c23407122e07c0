"""Employment plans nothing for another century, and nobody works or trades where there is no place."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import pytest

from messaging.answers import Refused
from tests.examples import NOW
from tests.examples_employment import (
    CV,
    GUIDANCE,
    OURS,
    SHORTLISTED,
    agreement_signed,
    employer_registered,
    enrolled,
    interviewed,
    participation_started,
    placed,
    put_forward,
    service_received,
    step_taken,
    vacancy_opened,
)
from tests.services.employment.conftest import EmploymentUnderTest

IN_2999, IN_2001 = date(2999, 1, 1), date(2001, 1, 1)
TOO_FAR = (NOW + timedelta(days=733)).date()
EMPLOYER = (employer_registered(),)
STARTED = (participation_started(),)
INTERVIEWED = (
    *EMPLOYER,
    vacancy_opened(),
    *STARTED,
    *(step_taken(step) for step in (CV, GUIDANCE, SHORTLISTED)),
    put_forward(),
    interviewed(),
)

# What comes before; what is said; the code.
WRONG: list[tuple[Sequence[Any], Any, str]] = [
    (EMPLOYER, agreement_signed(ends_on=IN_2999), "too_far_ahead"),
    (EMPLOYER, agreement_signed(ends_on=TOO_FAR), "too_far_ahead"),
    (EMPLOYER, vacancy_opened(apply_by=IN_2999), "too_far_ahead"),
    (EMPLOYER, vacancy_opened(apply_by=IN_2001), "too_long_ago"),
    (INTERVIEWED, placed(starts_on=IN_2999), "too_far_ahead"),
    (INTERVIEWED, placed(starts_on=TOO_FAR), "too_far_ahead"),
    (INTERVIEWED, placed(starts_on=IN_2001), "too_long_ago"),
    ((), employer_registered(zone="99999"), "zone_unknown"),
    (EMPLOYER, employer_registered(zone="99999", registered_at=NOW + timedelta(minutes=1)), "zone_unknown"),
    (EMPLOYER, vacancy_opened(zone="99999"), "zone_unknown"),
    (STARTED, service_received(zone="99999"), "zone_unknown"),
    ((), enrolled(zone="99999"), "zone_unknown"),
]


@pytest.mark.parametrize(("before", "said", "code"), WRONG)
def test_what_cannot_be_is_refused_and_nothing_kept(
    employment: EmploymentUnderTest, before: Sequence[Any], said: Any, code: str
) -> None:
    for one in before:
        employment.hear(one, source=OURS)
    with pytest.raises(Refused, match=rf"^{code}$"):
        employment.hear(said, source=OURS)
