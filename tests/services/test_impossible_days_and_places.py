"""What is planned lies within reach, and every place is on the map: at each entrance that takes a day or a place."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

import contracts
from contracts import codes, uuid7
from messaging.answers import Refused
from tests.examples import NOW, RECIPIENT, REFERRAL_ID, SENDER, referral_requested, service_published
from tests.examples_events import ENDS, ORGANISER, STARTS, jornada_planned
from tests.services import stories
from tests.services.conftest import ReferralsUnderTest, ServiceUnderTest
from tests.services.stories import FRESH_CONSENT_ID, bring_to, know_the_other, prepare, state_of
from tests.services.test_capacity import capacity_stated
from tests.services.test_seeking_services import sought

DAY = timedelta(days=1)
IN_2999, IN_2001 = datetime(2999, 1, 1, tzinfo=UTC), datetime(2001, 1, 1, tzinfo=UTC)
TOO_FAR = NOW + 731 * DAY
WHATSAPP = codes.ContactChannel.WHATSAPP


def visit(at: datetime) -> contracts.ReferralScheduled:
    return contracts.ReferralScheduled(referral_id=REFERRAL_ID, visit_at=at, mode=codes.VisitMode.AT_PROVIDER)


@pytest.mark.parametrize("state", ["accepted", "scheduled", "no_show", "visit_cancelled", "in_service"])
@pytest.mark.parametrize(
    ("at", "code"),
    [
        (IN_2999, "too_far_ahead"),
        (TOO_FAR, "too_far_ahead"),
        (IN_2001, "before_it_was_sent"),
        (NOW - timedelta(seconds=1), "before_it_was_sent"),
    ],
)
def test_a_visit_before_the_referral_or_more_than_two_years_ahead_is_refused_and_nobody_told(
    referrals: ReferralsUnderTest, state: str, at: datetime, code: str
) -> None:
    bring_to(referrals, state)
    before = len(referrals.facts)
    with pytest.raises(Refused, match=rf"^{code}$"):
        referrals.hear(visit(at), source=RECIPIENT, said_at=NOW + timedelta(minutes=1))
    assert (state_of(referrals), len(referrals.facts)) == (state, before)


@pytest.mark.parametrize("at", [NOW, NOW + DAY, NOW + 730 * DAY])
def test_a_visit_within_two_years_of_the_referral_is_set(referrals: ReferralsUnderTest, at: datetime) -> None:
    bring_to(referrals, "accepted")
    assert {one.data.visit_at for one in referrals.hear(visit(at), source=RECIPIENT)} == {at}


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"answer_by": IN_2999}, "too_far_ahead"),
        ({"answer_by": TOO_FAR}, "too_far_ahead"),
        ({"answer_by": IN_2001}, "answer_by_passed"),
        ({"follow_up": contracts.FollowUp(channel=WHATSAPP, on=date(2999, 1, 1))}, "too_far_ahead"),
        ({"follow_up": contracts.FollowUp(channel=WHATSAPP, on=date(2999, 12, 31))}, "too_far_ahead"),
        ({"follow_up": contracts.FollowUp(channel=WHATSAPP, on=date(2001, 1, 1))}, "before_it_was_sent"),
        ({"follow_up": contracts.FollowUp(channel=WHATSAPP, on=date(1000, 1, 1))}, "before_it_was_sent"),
    ],
)
def test_a_request_plans_nothing_out_of_reach(referrals: ReferralsUnderTest, asked: dict[str, Any], code: str) -> None:
    prepare(referrals)
    with pytest.raises(Refused, match=rf"^{code}$"):
        referrals.hear(referral_requested(**asked), source=SENDER)
    assert referrals.rows("select 1 from referral") == []


def test_a_follow_up_whose_day_has_passed_does_not_keep_a_redirection_back(referrals: ReferralsUnderTest) -> None:
    follow_up = contracts.FollowUp(channel=WHATSAPP, on=(NOW + DAY).date())
    bring_to(referrals, "received", follow_up=follow_up)
    know_the_other(referrals)
    referrals.clock.now += 5 * DAY
    data, source = stories.redirected
    offered = [one for one in referrals.hear(data, source=source) if one.type == "referral.offered.v1"]
    assert [(one.data.request.follow_up, one.data.request.consent_id) for one in offered] == [(None, FRESH_CONSENT_ID)]


@pytest.mark.parametrize("valid_until", [IN_2999, TOO_FAR])
def test_no_capacity_is_stated_for_ever(referrals: ReferralsUnderTest, valid_until: datetime) -> None:
    referrals.hear(service_published(), source=RECIPIENT)
    with pytest.raises(Refused, match=r"^too_far_ahead$"):
        referrals.hear(capacity_stated(valid_until=valid_until), source=RECIPIENT)


NOWHERE = ("99999", "00000", "08000")


@pytest.mark.parametrize("zone", NOWHERE)
@pytest.mark.parametrize(
    "where",
    [
        lambda zone: {"zones": (zone,)},
        lambda zone: {"zones": ("08001", zone)},
        lambda zone: {"eligibility": contracts.Eligibility(zones=("08001", zone))},
        lambda zone: {"locations": (contracts.Location(name="Sede", zone=zone, address="Calle 30 # 8-49"),)},
    ],
    ids=["serves", "serves_too", "asks_for", "lies_in"],
)
def test_no_service_is_published_of_a_place_that_there_is_not(
    referrals: ReferralsUnderTest, where: Any, zone: str
) -> None:
    with pytest.raises(Refused, match=r"^zone_unknown$"):
        referrals.hear(service_published(**where(zone)), source=RECIPIENT)
    assert referrals.rows("select 1 from service") == []


@pytest.mark.parametrize("zone", NOWHERE)
def test_nobody_seeks_where_there_is_no_place(referrals: ReferralsUnderTest, zone: str) -> None:
    with pytest.raises(Refused, match=r"^zone_unknown$"):
        referrals.hear(sought(zone=zone), source=SENDER)


@pytest.mark.parametrize(
    ("planned", "code"),
    [
        ({"starts_at": IN_2999, "ends_at": IN_2999 + DAY}, "too_far_ahead"),
        ({"ends_at": IN_2999}, "too_far_ahead"),
        ({"starts_at": TOO_FAR, "ends_at": TOO_FAR + DAY}, "too_far_ahead"),
        ({"starts_at": IN_2001, "ends_at": IN_2001 + DAY}, "too_long_ago"),
        ({"starts_at": IN_2001}, "too_long_ago"),
        *(({"zone": zone}, "zone_unknown") for zone in NOWHERE),
    ],
)
def test_no_jornada_is_planned_for_another_century_or_nowhere(
    events: ServiceUnderTest, planned: dict[str, Any], code: str
) -> None:
    with pytest.raises(Refused, match=rf"^{code}$"):
        events.hear(jornada_planned(**planned), source=ORGANISER)
    events.hear(jornada_planned(planned_at=NOW - 9 * DAY), source=ORGANISER)
    with pytest.raises(Refused, match=rf"^{code}$"):  # nor moved there
        events.hear(jornada_planned(planned_at=NOW - 8 * DAY, **planned), source=ORGANISER)
    assert [row["starts_at"] for row in events.rows("select starts_at from jornada")] == [STARTS]
    assert STARTS < ENDS


def test_a_jornada_of_some_years_ago_may_still_be_entered(events: ServiceUnderTest) -> None:
    then = NOW - 5 * 365 * DAY
    events.hear(jornada_planned(jornada_id=uuid7(), starts_at=then, ends_at=then + DAY), source=ORGANISER)
