"""Who may consent for whom, and who may correct what."""

from datetime import UTC, date, datetime

import pytest

from services.intake import rules
from services.intake.rules.people import Born

REGISTERED = datetime(2020, 6, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("born", "on", "minor"),
    [
        (Born(date(2008, 3, 2), None, REGISTERED), date(2026, 3, 1), True),
        (Born(date(2008, 3, 2), None, REGISTERED), date(2026, 3, 2), False),
        (Born(date(2008, 2, 29), None, REGISTERED), date(2026, 2, 28), True),
        (Born(date(2008, 2, 29), None, REGISTERED), date(2026, 3, 1), False),
        (Born(None, 15, REGISTERED), date(2020, 7, 1), True),
        (Born(None, 15, REGISTERED), date(2024, 7, 1), False),
        (Born(None, None, REGISTERED), date(2026, 3, 2), False),
    ],
)
def test_a_child_is_under_eighteen_on_the_day(born: Born, on: date, minor: bool) -> None:
    assert rules.people.is_minor(born, on=on) is minor


def test_a_caregiver_may_consent_for_anybody_and_a_child_for_nobody() -> None:
    child = Born(date(2015, 1, 1), None, REGISTERED)
    rules.consents.check_consent_giver(child, given_by="caregiver", on=date(2026, 3, 2))
    with pytest.raises(rules.Refused, match="caregiver_needed"):
        rules.consents.check_consent_giver(child, given_by="person", on=date(2026, 3, 2))
    rules.consents.check_consent_giver(None, given_by="person", on=date(2026, 3, 2))
