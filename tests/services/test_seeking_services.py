"""An organisation asks who could meet a need, and hears it from the directory, capacities and past decisions."""

from datetime import timedelta
from typing import Any

import contracts
from contracts import Message, codes, uuid7
from services.referrals.store.directory import OF_EACH_ORGANISATION
from tests.examples import (
    ANOTHER,
    NOW,
    RECIPIENT,
    SENDER,
    SERVICE_ID,
    consent_recorded,
    referral_requested,
    service_published,
)
from tests.services import stories
from tests.services.conftest import ReferralsUnderTest
from tests.services.test_capacity import capacity_stated

HOUR = timedelta(hours=1)
SEARCH_ID = uuid7()


def sought(**overrides: Any) -> contracts.ServicesSought:
    said = {"need_code": "health.consultation", "urgency": codes.Urgency.NORMAL, "zone": "08001", **overrides}
    return contracts.ServicesSought(**{"search_id": SEARCH_ID, **said})


def answer(referrals: ReferralsUnderTest, **overrides: Any) -> Message:
    (message,) = referrals.hear(sought(**overrides), source=SENDER)
    return message


def test_who_seeks_is_told_who_offers_it_and_why_they_stand_there(referrals: ReferralsUnderTest) -> None:
    children = {"eligibility": contracts.Eligibility(maximum_age=17), "languages": ("es",), "service_id": uuid7()}
    referrals.hear(service_published(), source=RECIPIENT)
    referrals.hear(capacity_stated(), source=RECIPIENT)
    referrals.hear(service_published(**children), source=ANOTHER)
    told = answer(referrals, age=30, language="es")
    assert (told.type, told.recipient, told.data.search_id) == ("services.suggested.v1", SENDER, SEARCH_ID)
    first, last = told.data.services
    assert (first.organisation, first.service_id, first.eligible) == (RECIPIENT, SERVICE_ID, True)
    assert (first.capacity, first.waiting, first.estimate_days) == ("waiting_list", 14, 20)
    assert first.reasons == ("eligible", "capacity_waiting_list", "in_zone", "answers_unknown", "language_unknown")
    assert (last.organisation, last.eligible, last.not_met, last.speaks_language) == (ANOTHER, False, ("age",), True)


def test_a_capacity_that_has_expired_is_shown_as_stale(referrals: ReferralsUnderTest) -> None:
    referrals.hear(service_published(), source=RECIPIENT)
    referrals.hear(capacity_stated(), source=RECIPIENT)
    referrals.clock.now = NOW + 72 * HOUR
    (one,) = answer(referrals).data.services
    assert one.capacity_is_stale
    assert one.reasons[1:3] == ("capacity_waiting_list", "capacity_stale")


def test_the_pace_of_a_service_is_the_median_of_its_decisions(referrals: ReferralsUnderTest) -> None:
    referrals.hear(service_published(), source=RECIPIENT)
    for hours in (2, 4, 30):
        ids = {"referral_id": uuid7(), "person_id": uuid7(), "consent_id": uuid7()}
        covering = consent_recorded(consent_id=ids["consent_id"], person_id=ids["person_id"])
        referrals.hear(covering, source="hub")
        referrals.hear(referral_requested(**ids), source=SENDER)
        referrals.clock.now += hours * HOUR
        for data, source in (stories.received, stories.waitlisted, stories.accepted):  # the waiting was decided first
            referrals.hear(data.model_copy(update={"referral_id": ids["referral_id"]}), source=source)
            referrals.clock.now += HOUR
    (one,) = answer(referrals).data.services
    assert (one.answers_within_hours, one.decisions) == (5.0, 3)
    assert "answers_fast" in one.reasons


def test_a_need_that_nobody_meets_is_answered_with_nobody(referrals: ReferralsUnderTest) -> None:
    referrals.hear(service_published(active=False), source=RECIPIENT)
    assert answer(referrals).data.services == ()


def test_the_same_search_again_is_answered_again_and_nothing_of_it_is_kept(referrals: ReferralsUnderTest) -> None:
    referrals.hear(service_published(), source=RECIPIENT)
    assert answer(referrals).data == answer(referrals).data


def test_an_organisation_that_publishes_hundreds_leaves_room_for_the_others(referrals: ReferralsUnderTest) -> None:
    for _ in range(60):
        referrals.hear(service_published(service_id=uuid7()), source="americares")
    referrals.hear(service_published(service_id=uuid7(), zones=("47001",)), source=RECIPIENT)
    services = [one.organisation for one in answer(referrals).data.services]
    assert services == ["americares"] * OF_EACH_ORGANISATION + [RECIPIENT]


def test_a_decline_that_others_may_not_share_names_them(referrals: ReferralsUnderTest) -> None:
    stories.bring_to(referrals, "received")
    best, worse = uuid7(), uuid7()
    referrals.hear(service_published(service_id=worse), source=ANOTHER)
    referrals.hear(service_published(service_id=best), source="americares")
    full = capacity_stated(service_id=worse, state=codes.CapacityState.FULL, waiting=None, estimate_days=None)
    referrals.hear(full, source=ANOTHER)
    data, source = stories.declined
    *_, suggested = referrals.hear(data, source=source)
    assert (suggested.type, suggested.recipient) == ("referral.alternatives_suggested.v1", SENDER)
    assert [one.service_id for one in suggested.data.alternatives] == [best, worse]


def test_a_decline_that_lies_with_the_person_names_nobody(referrals: ReferralsUnderTest) -> None:
    stories.bring_to(referrals, "received")
    referrals.hear(service_published(service_id=uuid7()), source=ANOTHER)
    data, source = stories.declined
    uninterested = data.model_copy(update={"reason": codes.DeclineReason.NO_LONGER_INTERESTED})
    told = referrals.hear(uninterested, source=source)
    assert [message.type for message in told] == ["referral.status.v1"] * 2
