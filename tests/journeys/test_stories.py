"""One story each: what becomes of a referral, as the organisations and the hub's history have it."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from functools import partial

import pytest

from demo.day import COORDINATOR
from demo.run import LATER
from demo.stage import Ground, Stage
from tests.journeys.conftest import Tell, ask, comes_to, history, kinds_received, numbers_received
from tests.waiting import eventually


def test_a_referral_is_sent_accepted_scheduled_completed_and_closed(tell: Tell, ground: Ground) -> None:
    with tell("served after a visit") as stage:
        stage.rest()
        (told,) = stage.day.told

        made = ["sent", "received", "accepted", "scheduled", "in_service", "completed", "closed"]
        sender, recipient = told.sender, told.recipient
        happened = list(zip([sender, *5 * [recipient], sender], made, strict=True))
        comes_to(lambda: history(ground, told.referral_id), happened)
        for party in (sender, recipient):
            comes_to(partial(numbers_received, stage, party, told.referral_id), [1, 2, 3, 4, 5, 6, 7])


def test_a_question_stops_the_decision_until_it_is_answered(tell: Tell, ground: Ground) -> None:
    with tell("a question first") as stage:
        stage.rest()
        (told,) = stage.day.told

        made = ["sent", "received", "info_requested", "received", "accepted", "completed", "closed"]
        comes_to(lambda: what_happened(ground, told.referral_id), made)


def test_consent_withdrawn_reaches_every_holder_and_each_answers_that_it_has_purged(tell: Tell, ground: Ground) -> None:
    with tell("consent withdrawn in service") as stage:
        stage.rest()
        (told,) = stage.day.told

        kept = "select state, unpurged from referral where referral_id = %s"
        gone = {"state": "consent_withdrawn", "unpurged": []}
        comes_to(lambda: ask(ground, "referrals", kept, told.referral_id), [gone])
        happened = history(ground, told.referral_id)
        assert happened[-3][1] == "consent_withdrawn"
        assert sorted(happened[-2:]) == sorted([(told.sender, "purged"), (told.recipient, "purged")])


def test_a_redirected_person_is_served_by_the_next_organisation(tell: Tell, ground: Ground) -> None:
    with tell("redirected") as stage:
        stage.rest()
        first, second = sorted(stage.day.told, key=lambda told: told.story.name != "redirected")

        comes_to(lambda: what_happened(ground, first.referral_id), ["sent", "received", "redirected"])
        comes_to(lambda: history(ground, second.referral_id)[-1:], [(first.sender, "closed")])
        (row,) = ask(
            ground, "referrals", "select redirected_from from referral where referral_id = %s", second.referral_id
        )
        assert str(row["redirected_from"]) == first.referral_id


def test_a_closed_referral_that_a_coordinator_reopens_is_served_on(tell: Tell, ground: Ground) -> None:
    with tell("reopened") as stage:
        stage.rest()
        (told,) = stage.day.told

        again = (COORDINATOR, "in_service")
        eventually(lambda: again in history(ground, told.referral_id))
        comes_to(lambda: history(ground, told.referral_id)[-1], (told.sender, "closed"))


def test_an_organisation_that_is_killed_comes_back_to_all_that_it_missed(tell: Tell, ground: Ground) -> None:
    with tell("served after a visit", "declined", "a question first", referrals=60) as stage:
        killed = stage.organisations["redcross"]
        eventually(lambda: stage.sent > stage.day.messages / 3)
        killed.kill()
        killed.start()
        stage.rest()

        ends = {told.referral_id: told.story.ends for told in stage.day.told}
        comes_to(lambda: states(ground, ends), ends)
        for told in stage.day.told:
            for party in (told.sender, told.recipient):
                everything = list(range(1, told.last_number + 1))
                comes_to(partial(numbers_received, stage, party, told.referral_id), everything)


def states(ground: Ground, referral_ids: Iterable[str]) -> dict[str, str]:
    """In which state each of these referrals is."""
    rows = ask(
        ground,
        "referrals",
        "select referral_id::text, state from referral where referral_id = any(%s::uuid[])",
        list(referral_ids),
    )
    return {row["referral_id"]: row["state"] for row in rows}


def what_happened(ground: Ground, referral_id: str) -> list[str]:
    """What happened to a referral, whoever did it."""
    return [what for _, what in history(ground, referral_id)]


@pytest.fixture
def neglected(tell: Tell) -> Iterator[Stage]:
    """Nobody answers one referral; another waits for its sender's last word."""
    with tell("never received", "closed by the calendar") as stage:
        stage.rest()
        begun = stage.ground.offset
        for days in LATER:
            stage.turn_to(1, begun + timedelta(days=days))
            stage.rest()
        yield stage


def test_a_silent_recipient_is_reminded_the_coordinator_told_another_suggested_and_the_referral_expires(
    neglected: Stage,
) -> None:
    silent, done = sorted(neglected.day.told, key=lambda told: told.story.name != "never received")
    happened = ["sent", "remind", "escalate", "suggest", "expired"]
    comes_to(lambda: what_happened(neglected.ground, silent.referral_id), happened)
    for organisation, kind in (
        (silent.recipient, "referral.reminder.v1"),
        (COORDINATOR, "referral.escalated.v1"),
        (silent.sender, "referral.alternatives_suggested.v1"),
    ):
        eventually(partial(kinds_received, neglected, organisation, [kind]))

    # Whoever has been served is not left open because the sender forgets to say so.
    comes_to(lambda: history(neglected.ground, done.referral_id)[-1], ("hub", "closed"))
