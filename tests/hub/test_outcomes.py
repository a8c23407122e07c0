"""What the sayings of services come to, and how that reads in both languages; no I/O."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import get_args

import pytest

from hub.gateway import outcomes
from hub.gateway.outcomes import Language, Said, whole
from messaging import topology

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
READERS = ("intake", "reports")
LANGUAGES: tuple[Language, ...] = get_args(Language)


def by(service: str, state: str, seconds: int = 0, **more: object) -> Said:
    said = {"code": None, "waiting_for": None, "until": None, **more}
    return Said(service, state, at=NOW + timedelta(seconds=seconds), **said)  # type: ignore[arg-type]


CASES: list[tuple[str, list[Said], str, tuple[str, ...]]] = [
    ("nobody has said anything", [], "accepted", READERS),
    ("one of two has applied it", [by("intake", "applied")], "accepted", ("reports",)),
    ("both have", [by("intake", "applied"), by("reports", "applied")], "applied", ()),
    ("one waits", [by("intake", "applied"), by("reports", "waits")], "waits", ()),
    ("one waits, the other is silent", [by("intake", "waits")], "waits", ("reports",)),
    ("one refuses", [by("intake", "refused"), by("reports", "applied")], "refused", ()),
    ("one refuses, one waits", [by("intake", "refused"), by("reports", "waits")], "refused", ()),
    ("one quarantines, one waits", [by("intake", "quarantined"), by("reports", "waits")], "quarantined", ()),
    ("the gateway refuses", [by("gateway", "refused")], "refused", ()),
    ("a later attempt was refused", [by("gateway", "refused"), by("intake", "applied")], "accepted", ("reports",)),
    ("brought to an organisation's own", [by("americares.events", "handed_to")], "applied", ()),
    ("… and refused by another reader", [by("a.events", "handed_to"), by("reports", "refused")], "refused", ()),
    ("one that read it once and does no longer", [by(one, "applied") for one in ("old", *READERS)], "applied", ()),
]


@pytest.mark.parametrize(("case", "said", "state", "silent"), CASES, ids=[case[0] for case in CASES])
def test_what_services_say_comes_to_one_state_in_whatever_order_it_is_given(
    case: str, said: list[Said], state: str, silent: tuple[str, ...]
) -> None:
    for order in permutations(said):
        found = whole(order, READERS)
        assert (found.state, found.silent) == (state, silent), case


def test_a_message_that_nobody_reads_is_never_taken_for_applied() -> None:
    assert whole([], ()).state == "accepted"


@pytest.mark.parametrize(("state", "final"), [("accepted", False), ("waits", False), ("applied", True)])
def test_what_is_still_on_its_way_is_not_final(state: str, final: bool) -> None:
    said = [] if state == "accepted" else [by(one, state) for one in READERS]
    assert whole(said, READERS).is_final is final


@pytest.mark.parametrize("end", ["applied", "refused", "handed_to"])
@pytest.mark.parametrize("late", ["waits", "quarantined"])
@pytest.mark.parametrize("ahead", [-1, 0, 1])
def test_an_end_stands_whatever_comes_late_and_takes_the_place_of_what_came_early(
    end: str, late: str, ahead: int
) -> None:
    ended, on_its_way = by("intake", end), by("intake", late, ahead)
    assert outcomes.supersedes(ended, on_its_way)
    assert not outcomes.supersedes(on_its_way, ended)


def test_of_two_reports_of_a_message_on_its_way_the_later_one_holds() -> None:
    early, late = by("intake", "waits", code="a"), by("intake", "waits", 1, code="b")
    assert outcomes.supersedes(late, early)
    assert not outcomes.supersedes(early, late)


def test_what_operators_try_again_waits_again() -> None:
    assert outcomes.supersedes(by("intake", "waits", 1), by("intake", "quarantined"))
    assert not outcomes.supersedes(by("intake", "waits", -1), by("intake", "quarantined"))


def test_what_operators_have_is_not_taken_for_waiting_because_a_clock_was_set_back() -> None:
    waits, quarantined = by("intake", "waits", 3600), by("intake", "quarantined")
    assert outcomes.supersedes(quarantined, waits)


@pytest.mark.parametrize(("seconds", "state"), [(-1, "accepted"), (1, "refused")])
def test_what_the_gateway_refused_before_it_was_accepted_was_another_attempt(seconds: int, state: str) -> None:
    said = [by("gateway", "refused", seconds)]
    assert whole(said, READERS, accepted_at=NOW).state == state


@pytest.mark.parametrize(
    ("types", "type"),
    [
        ({"gateway": ""}, None),
        ({"gateway": "need.recorded.v1"}, "need.recorded.v1"),
        ({"gateway": "", "intake": "person.registered.v1"}, "person.registered.v1"),
        ({"gateway": "need.recorded.v1", "intake": "person.registered.v1"}, "person.registered.v1"),
        ({}, None),
    ],
)
def test_what_a_service_has_read_is_the_message_and_not_what_the_gateway_refused_before(
    types: dict[str, str], type: str | None
) -> None:
    for rows in permutations({"service": service, "type": type} for service, type in types.items()):
        assert outcomes.type_of(rows) == type


def test_readers_are_the_services_whose_code_handles_the_contract() -> None:
    services = topology.read().services
    assert "intake" in outcomes.readers("person.registered.v1", services)
    assert outcomes.readers("referral.requested.v1", services) == outcomes.readers("referral.requested.v2", services)
    assert outcomes.readers("nothing.of_the_kind.v1", services) == frozenset()


@pytest.mark.parametrize(("case", "said", "state", "silent"), CASES, ids=[case[0] for case in CASES])
def test_each_has_its_words_in_both_languages(case: str, said: list[Said], state: str, silent: tuple[str, ...]) -> None:
    spanish, english = (outcomes.in_words(whole(said, READERS), language) for language in ("es", "en"))
    assert len(spanish) == len(english) == 1 + len(whole(said, READERS).said) + len(silent)
    assert all(one != other for one, other in zip(spanish, english, strict=True))


@pytest.mark.parametrize("language", LANGUAGES)
def test_until_when_for_what_and_why_are_said(language: Language) -> None:
    waits = by("referrals", "waits", code="consent_unknown", waiting_for="the-subject", until=NOW)
    sentence = outcomes.part_in_words(waits, language)
    assert all(one in sentence for one in ("referrals", "consent_unknown", "the-subject", "2026-03-02 09:00"))
    assert "None" not in outcomes.part_in_words(by("referrals", "waits"), language)
