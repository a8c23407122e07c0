"""The hub says nothing of work and business for an organisation that may not say it itself."""

import pytest

from contracts import uuid7
from contracts.codes import Power
from messaging import topology
from messaging.answers import Refused
from tests.examples import ANOTHER, RECIPIENT, service_published
from tests.services.conftest import ReferralsUnderTest

MAY_BE_ANSWERED_FOR = {one.id for one in topology.read().organisations.values() if Power.RUN_PROGRAMMES in one.powers}
WITHOUT_THE_ROLE = sorted(topology.read().organisations.keys() - MAY_BE_ANSWERED_FOR)


def test_those_with_the_role_may_be_answered_for_and_nobody_else() -> None:
    roles = {one.id for one in topology.read().organisations.values() if one.sends("participation.started")}
    assert roles == MAY_BE_ANSWERED_FOR
    assert WITHOUT_THE_ROLE


def test_who_has_not_the_role_publishes_no_service_that_the_hub_answers(referrals: ReferralsUnderTest) -> None:
    with pytest.raises(Refused, match=r"^answered_by_not_allowed$"):
        referrals.hear(service_published(answered_by="hub"), source=ANOTHER)
    assert referrals.rows("select 1 from service") == []


def test_nor_makes_one_of_a_service_that_its_staff_answer(referrals: ReferralsUnderTest) -> None:
    service_id = uuid7()
    referrals.hear(service_published(service_id=service_id), source=ANOTHER)
    with pytest.raises(Refused, match=r"^answered_by_not_allowed$"):
        referrals.hear(service_published(service_id=service_id, answered_by="hub"), source=ANOTHER)
    assert referrals.hear(service_published(answered_by="hub"), source=RECIPIENT) == []
