"""Who may consent for whom, and who may correct what."""

from datetime import UTC, date, datetime

import pytest

from services.intake import rules
from services.intake.rules.people import Registration

REGISTERED = datetime(2020, 6, 1, tzinfo=UTC)


def born(birth_date: date | None, age: int | None) -> Registration:
    """The registration of somebody of whose age this is known."""
    return Registration("redcross", REGISTERED, birth_date, age)


@pytest.mark.parametrize(
    ("registration", "on", "minor"),
    [
        (born(date(2008, 3, 2), None), date(2026, 3, 1), True),
        (born(date(2008, 3, 2), None), date(2026, 3, 2), False),
        (born(date(2008, 2, 29), None), date(2026, 2, 28), True),
        (born(date(2008, 2, 29), None), date(2026, 3, 1), False),
        (born(None, 15), date(2020, 7, 1), True),
        (born(None, 15), date(2024, 7, 1), False),
        (born(None, None), date(2026, 3, 2), False),
    ],
)
def test_a_child_is_under_eighteen_on_the_day(registration: Registration, on: date, minor: bool) -> None:
    assert rules.people.is_minor(registration, on=on) is minor


def test_a_caregiver_may_consent_for_anybody_and_a_child_for_nobody() -> None:
    child = born(date(2015, 1, 1), None)
    rules.consents.check_giver(child, given_by="caregiver", on=date(2026, 3, 2))
    with pytest.raises(rules.Refused, match="caregiver_needed"):
        rules.consents.check_giver(child, given_by="person", on=date(2026, 3, 2))
    rules.consents.check_giver(None, given_by="person", on=date(2026, 3, 2))
