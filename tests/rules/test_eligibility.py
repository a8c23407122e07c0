"""Whether a service is for a person: each criterion is met, is not met, or cannot be told."""

from typing import Any

import pytest

from services.referrals.rules import Eligibility, Seeker, check_eligibility


def a_seeker(**known: Any) -> Seeker:
    return Seeker(**{"need_code": "health.maternal", "urgency": "normal", "zone": "08001", **known})


@pytest.mark.parametrize(
    ("asked", "known", "criterion", "outcome"),
    [
        ({"minimum_age": 12}, {"age": 12}, "age", "met"),
        ({"minimum_age": 12}, {"age": 11}, "age", "not_met"),
        ({"maximum_age": 17}, {"age": 17}, "age", "met"),
        ({"maximum_age": 17}, {"age": 18}, "age", "not_met"),
        ({"minimum_age": 12, "maximum_age": 17}, {}, "age", "unknown"),
        ({"sexes": frozenset({"female"})}, {"sex": "female"}, "sex", "met"),
        ({"sexes": frozenset({"female"})}, {"sex": "male"}, "sex", "not_met"),
        ({"sexes": frozenset({"female"})}, {"sex": "not_stated"}, "sex", "unknown"),
        ({"sexes": frozenset({"female"})}, {}, "sex", "unknown"),
        ({"profiles": frozenset({"migrant"})}, {"profile": "migrant"}, "profile", "met"),
        ({"profiles": frozenset({"migrant"})}, {"profile": "returnee"}, "profile", "not_met"),
        ({"profiles": frozenset({"migrant"})}, {}, "profile", "unknown"),
        ({"nationalities": frozenset({"VEN"})}, {"nationality": "VEN"}, "nationality", "met"),
        ({"nationalities": frozenset({"VEN"})}, {"nationality": "COL"}, "nationality", "not_met"),
        ({"nationalities": frozenset({"VEN"})}, {}, "nationality", "unknown"),
        ({"documents": frozenset({"PT", "CC"})}, {"documents": frozenset({"PA", "PT"})}, "documents", "met"),
        ({"documents": frozenset({"PT", "CC"})}, {"documents": frozenset({"none"})}, "documents", "not_met"),
        ({"documents": frozenset({"PT", "CC"})}, {}, "documents", "unknown"),
        ({"zones": frozenset({"08001"})}, {}, "residence", "met"),
        ({"zones": frozenset({"08001"})}, {"zone": "47001"}, "residence", "not_met"),
        ({"zones": frozenset({"08001"})}, {"zone": None}, "residence", "unknown"),
    ],
)
def test_a_criterion_is_met_or_not_or_cannot_be_told(
    asked: dict[str, Any], known: dict[str, Any], criterion: str, outcome: str
) -> None:
    verdict = check_eligibility(Eligibility(**asked), a_seeker(**known))
    outcomes = {"met": verdict.met, "not_met": verdict.not_met, "unknown": verdict.unknown}
    assert outcomes == {**dict.fromkeys(outcomes, ()), outcome: (criterion,)}
    assert verdict.eligible is {"met": True, "not_met": False, "unknown": None}[outcome]


def test_what_is_not_asked_does_not_count() -> None:
    verdict = check_eligibility(Eligibility(), a_seeker(age=3, sex="male", documents=frozenset({"none"})))
    assert (verdict.met, verdict.not_met, verdict.unknown, verdict.eligible) == ((), (), (), True)


def test_one_criterion_that_is_not_met_outweighs_all_that_cannot_be_told() -> None:
    asked = Eligibility(minimum_age=18, sexes=frozenset({"female"}), documents=frozenset({"PT"}))
    verdict = check_eligibility(asked, a_seeker(age=12))
    assert (verdict.eligible, verdict.not_met, verdict.unknown) == (False, ("age",), ("sex", "documents"))
