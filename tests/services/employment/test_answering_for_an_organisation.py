"""Nobody is enrolled for an organisation that may not enrol anybody itself, whatever was published before."""

import pytest

from messaging import topology
from tests.examples_employment import OURS, referral_offered
from tests.services.employment.conftest import EmploymentUnderTest

KEPT = "select person_id from participation union all select person_id from entrepreneur"
WITHOUT_THE_ROLE = sorted(one.id for one in topology.read().organisations.values() if not one.sends("participation.x"))


@pytest.mark.parametrize("need", ["integration.employment", "integration.entrepreneurship", "education.training"])
@pytest.mark.parametrize("recipient", [*WITHOUT_THE_ROLE, "unheard-of"])
def test_who_has_not_the_role_has_nobody_enrolled(employment: EmploymentUnderTest, recipient: str, need: str) -> None:
    assert employment.be_told(referral_offered(recipient=recipient, need_code=need), sequence=1) == []
    assert employment.rows(KEPT) == []


@pytest.mark.parametrize("need", ["integration.employment", "integration.entrepreneurship", "education.training"])
def test_who_has_the_role_has(employment: EmploymentUnderTest, need: str) -> None:
    assert employment.be_told(referral_offered(recipient=OURS, need_code=need), sequence=1)
    assert len(employment.rows(KEPT)) == 1
