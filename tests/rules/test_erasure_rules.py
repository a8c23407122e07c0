"""Who is asked to erase what they hold, and by when."""

from datetime import date
from uuid import UUID

from services.intake import rules
from tests.examples import NOW

ONE, OTHER = UUID(int=1), UUID(int=2)


def test_whoever_holds_something_and_takes_part_is_asked_under_the_id_they_know() -> None:
    holders = {OTHER: {"iom"}, ONE: {"redcross", "iom", "somebody-a-consent-names"}}
    asked = rules.erasure.asked(holders, taking_part={"iom", "redcross", "fuvadis"})
    assert asked == [(ONE, "iom"), (ONE, "redcross"), (OTHER, "iom")]


def test_they_have_the_term_of_a_claim_in_working_days() -> None:
    assert rules.erasure.erase_by(NOW) == date(2026, 3, 24)  # Saint Joseph's Monday does not count
