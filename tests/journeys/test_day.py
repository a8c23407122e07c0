"""The demo's day: invented from a seed, complete, and made of messages that the contracts allow."""

import json
from collections import Counter
from datetime import UTC, datetime

import pytest

import contracts
from demo.day import ORGANISATIONS, Day, make_day
from demo.plan import Step
from demo.stories import ACTORS, STORIES, TERMINAL
from services.referrals import rules

STARTS_AT = datetime(2026, 2, 3, 8, 0, tzinfo=UTC)
SEALED = ".".join(("eyJhbGciOiJFQ0RILUVTK0EyNTZLVyJ9", "A" * 54, "A" * 16, "QUJD", "A" * 22))

# What a story's moves are called in the referrals service's table.
STATES = {
    "info_provided": "received",
    "service_started": "in_service",
    "service_noted": "in_service",
    "reopened": "in_service",
}


@pytest.fixture(scope="module")
def day() -> Day:
    return make_day(1000, 2000, seed=1, starts_at=STARTS_AT)


def planned(day: Day) -> list[tuple[str, Step]]:
    return [(organisation, step) for organisation in ORGANISATIONS for step in day.steps[organisation]]


def test_the_same_seed_gives_the_same_day() -> None:
    first, second = (make_day(60, 80, seed=7, starts_at=STARTS_AT) for _ in range(2))

    assert first.steps == second.steps
    assert first.steps != make_day(60, 80, seed=8, starts_at=STARTS_AT).steps


def test_a_thousand_people_have_at_least_two_thousand_referrals(day: Day) -> None:
    assert len({person.document_number for person in day.people}) == 1000
    assert len({told.referral_id for told in day.told}) == len(day.told) >= 2000


def test_the_referrals_come_to_every_terminal_state(day: Day) -> None:
    assert {told.story.ends for told in day.told} >= TERMINAL == rules.ENDED


def test_the_stories_make_every_transition_of_the_table() -> None:
    made = set()
    for story in STORIES:
        state = "sent"
        for move in story.moves:
            target = STATES.get(move.verb, move.verb)
            actor = "hub" if move.actor == "coordinator" else move.actor
            made.add((state, target, actor))
            state = target
        assert state == story.ends, story.name
    anywhere = {"consent_withdrawn", "entered_in_error"}  # allowed from any open state, and from any at all
    table = {tuple(map(str, move)) for move in rules.MOVES if move[0] != "draft" and move[1] not in anywhere}

    assert made <= {tuple(map(str, move)) for move in rules.MOVES}
    moving_up = {("waitlisted", "waitlisted", "hub")}  # takes somebody else who leaves the list before
    assert table - made == moving_up
    assert set(ACTORS.values()) >= {move.actor for story in STORIES for move in story.moves}


def test_every_planned_message_is_one_that_the_contracts_allow(day: Day) -> None:
    for organisation, step in planned(day):
        if "raw" not in step:
            data = step["data"] | ({"sealed": SEALED} if "seal" in step else {})
            model = contracts.CONTRACTS[step["type"]].data.model_validate_json(json.dumps(data))
            message = contracts.stamp(contracts.Draft(model, step["subject"]), source=organisation, time=STARTS_AT)
            assert contracts.parse(message.to_json()) == message


def test_names_documents_and_phones_are_planned_only_inside_what_will_be_sealed() -> None:
    day = make_day(100, 200, seed=2, starts_at=STARTS_AT)
    open_parts = [step["data"] for _, step in planned(day) if "raw" not in step]
    clear = json.dumps(open_parts, ensure_ascii=False).encode()

    assert not [word for person in day.people for word in person.clear_words() if word.encode() in clear]


def test_messages_are_sent_twice_out_of_order_and_in_an_old_version(day: Day) -> None:
    counted = Counter(step["copies"] for _, step in planned(day))
    kinds = Counter(step["type"] for _, step in planned(day))
    out_of_order = [
        step
        for _, step in planned(day)
        if step["type"] == "referral.accepted.v1" and step["after"] and step["after"][1] == 1
    ]

    assert counted[2] > 100
    assert len(out_of_order) > 10
    assert kinds["referral.requested.v1"] > 100
    assert kinds["referral.requested.v2"] > 1000


def test_the_mistakes_are_of_every_kind_that_a_partner_can_make(day: Day) -> None:
    assert {mistake.what for mistake in day.mistakes} == {
        "not JSON",
        "not a CloudEvent",
        "not UTF-8",
        "unknown contract",
        "unknown version",
        "a field missing",
        "nested too deeply",
        "a NUL in a string",
        "a time without zone",
        "another's name as its source",
        "another content type",
        "another's user-id",
        "another's routing key",
        "an id used again for other content",
        "a referral to whom the consent does not name",
        "a referral without consent",
        "a coordinator's message",
        "ten megabytes",
        "a move after the end",
        "a move of the other party",
        "a move of a stranger",
    }
