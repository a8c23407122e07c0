"""Services are ranked by whom they are for, capacity, place, pace and language, and each says why it stands there."""

from datetime import timedelta
from typing import Any

import pytest

from contracts import uuid7
from services.referrals.rules import Candidate, Capacity, CapacityState, Eligibility, Seeker, Service, rank
from services.referrals.rules.ranking import alternatives
from services.referrals.rules.weights import WEIGHTS
from tests.examples import ANOTHER, NOW, RECIPIENT, SENDER, a_sent_referral, a_service

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
SEEKER = Seeker("health.consultation", "normal", zone="08001", age=30, language="guc")


def offered(name: str, **overrides: Any) -> Service:
    known = {"zones": frozenset({"08001"}), "languages": frozenset({"es", "guc"}), **overrides}
    return a_service(**{"service_id": uuid7(), "organisation": name, "name": name, **known})


def able(state: str, *, valid_for: timedelta = DAY, **said: Any) -> Capacity:
    figures = {"waiting": None, "estimate_days": None, **said}
    return Capacity(uuid7(), CapacityState(state), stated_at=NOW - DAY, valid_until=NOW + valid_for, **figures)


def order(*candidates: Candidate, seeker: Seeker = SEEKER) -> list[str]:
    return [one.candidate.service.name for one in rank(candidates, seeker, now=NOW)]


ADULTS, CHILDREN = Eligibility(minimum_age=18), Eligibility(maximum_age=17)
WOMEN = Eligibility(sexes=frozenset({"female"}))


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        # whom it is for
        ({"eligibility": ADULTS}, {"eligibility": WOMEN}),
        ({"eligibility": WOMEN}, {"eligibility": CHILDREN}),
        # whether it takes people on
        ({"capacity": able("open")}, {"capacity": able("assess_first")}),
        ({"capacity": able("assess_first")}, {"capacity": able("waiting_list", estimate_days=1)}),
        ({"capacity": able("waiting_list", estimate_days=5)}, {"capacity": able("waiting_list", estimate_days=60)}),
        ({"capacity": able("waiting_list", waiting=3)}, {"capacity": able("waiting_list", waiting=30)}),
        ({"capacity": able("waiting_list", estimate_days=170)}, {"capacity": able("full")}),
        ({"capacity": able("open")}, {"capacity": able("open", valid_for=-HOUR)}),
        ({"capacity": able("open", valid_for=-HOUR)}, {}),
        ({}, {"capacity": able("full")}),
        ({"capacity": able("full", valid_for=-HOUR)}, {"capacity": able("full")}),
        # where, how soon, in which language
        ({}, {"zones": frozenset({"47001"})}),
        ({"decisions": 20, "answers_within": HOUR}, {"decisions": 20, "answers_within": 3 * DAY}),
        ({"decisions": 20, "answers_within": 3 * DAY}, {"decisions": 20, "answers_within": 10 * DAY}),
        ({"decisions": 20, "answers_within": HOUR}, {"decisions": 2, "answers_within": HOUR}),
        ({}, {"languages": frozenset({"es"})}),
        ({"languages": frozenset()}, {"languages": frozenset({"es"})}),
        # open and neither near, nor fast, nor of one's language still stands before full
        (
            {"capacity": able("open"), "zones": frozenset({"47001"}), "languages": frozenset({"es"})},
            {"capacity": able("full"), "decisions": 20, "answers_within": HOUR},
        ),
    ],
)
def test_one_stands_before_the_other(better: dict[str, Any], worse: dict[str, Any]) -> None:
    def candidate(name: str, said: dict[str, Any]) -> Candidate:
        known = {key: value for key, value in said.items() if key in ("capacity", "decisions", "answers_within")}
        return Candidate(offered(name, **{key: said[key] for key in said.keys() - known}), **known)

    # the better one would come last by its name
    assert order(candidate("a-worse", worse), candidate("z-better", better)) == ["z-better", "a-worse"]


def test_nothing_is_dropped_and_whom_it_is_not_for_comes_last_and_says_so() -> None:
    best_but_for_children = Candidate(
        offered("children", eligibility=CHILDREN), capacity=able("open"), answers_within=HOUR, decisions=20
    )
    full = Candidate(offered("full", zones=frozenset({"47001"})), capacity=able("full"))
    ranked = rank([best_but_for_children, full], SEEKER, now=NOW)
    assert [one.candidate.service.name for one in ranked] == ["full", "children"]
    assert (ranked[1].verdict.eligible, ranked[1].verdict.not_met) == (False, ("age",))
    assert ranked[1].reasons[0] == "not_eligible"


def test_the_reasons_are_said_in_order_of_weight() -> None:
    candidate = Candidate(
        offered("one", eligibility=WOMEN),
        capacity=able("waiting_list", valid_for=-HOUR),
        answers_within=10 * DAY,
        decisions=5,
    )
    (one,) = rank([candidate], SEEKER, now=NOW)
    assert one.reasons == (
        "eligibility_unknown",
        "capacity_waiting_list",
        "capacity_stale",
        "in_zone",
        "answers_slow",
        "speaks_language",
    )


def test_the_language_counts_only_where_one_is_asked_for() -> None:
    (one,) = rank([Candidate(offered("one"))], Seeker("health.consultation", "normal", zone="08001"), now=NOW)
    assert one.reasons == ("eligible", "capacity_unknown", "in_zone", "answers_unknown")
    assert one.speaks_language is None


def test_in_an_emergency_a_quick_answer_counts_for_more() -> None:
    quick = Candidate(offered("quick", languages=frozenset({"es"})), answers_within=HOUR, decisions=9)
    fluent = Candidate(offered("fluent"), answers_within=3 * DAY, decisions=9)
    assert order(quick, fluent) == ["fluent", "quick"]
    emergency = Seeker("health.consultation", "emergency", zone="08001", language="guc")
    assert order(quick, fluent, seeker=emergency) == ["quick", "fluent"]


def test_the_weights_are_data() -> None:
    near = Candidate(offered("near"), capacity=able("full"))
    far = Candidate(offered("far", zones=frozenset({"47001"})), capacity=able("open"))
    assert order(near, far) == ["far", "near"]
    ranked = rank([near, far], SEEKER, now=NOW, weights={**WEIGHTS, "in_zone": 100})
    assert [one.candidate.service.name for one in ranked] == ["near", "far"]


def test_equals_stand_in_the_same_order_however_they_come() -> None:
    candidates = [Candidate(offered(name)) for name in ("iom", "americares", "redcross")]
    assert order(*candidates) == order(*reversed(candidates)) == ["americares", "iom", "redcross"]


def test_alternatives_are_the_best_service_of_each_organisation_that_is_not_party_to_the_referral() -> None:
    candidates = [
        Candidate(offered(ANOTHER), capacity=able("full")),
        Candidate(best := offered(ANOTHER), capacity=able("open")),
        Candidate(second := offered("americares")),
        Candidate(offered(SENDER), capacity=able("open")),
        Candidate(offered(RECIPIENT), capacity=able("open")),
    ]
    assert alternatives(a_sent_referral(language="es"), candidates, now=NOW) == [best, second]
