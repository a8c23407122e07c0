"""One story each: what becomes of a referral, as the organisations and the hub's history have it."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from demo.day import COORDINATOR
from demo.run import LATER
from demo.stage import Ground, Stage
from tests.journeys.conftest import Tell, ask, history, kinds_received, numbers_received
from tests.waiting import eventually


def test_a_referral_is_sent_accepted_scheduled_completed_and_closed(tell: Tell, ground: Ground) -> None:
    with tell("served after a visit") as stage:
        stage.rest()
        (told,) = stage.day.told

        made = ["sent", "received", "accepted", "scheduled", "in_service", "completed", "closed"]
        sender, recipient = told.sender, told.recipient
        assert history(ground, told.referral_id) == list(zip([sender, *5 * [recipient], sender], made, strict=True))
        for party in (sender, recipient):
            assert numbers_received(stage, party, told.referral_id) == [1, 2, 3, 4, 5, 6, 7]


def test_a_question_stops_the_decision_until_it_is_answered(tell: Tell, ground: Ground) -> None:
    with tell("a question first") as stage:
        stage.rest()
        (told,) = stage.day.told

        made = [what for _, what in history(ground, told.referral_id)]
        assert made == ["sent", "received", "info_requested", "received", "accepted", "completed", "closed"]


def test_consent_withdrawn_reaches_every_holder_and_each_answers_that_it_has_purged(tell: Tell, ground: Ground) -> None:
    with tell("consent withdrawn in service") as stage:
        stage.rest()
        (told,) = stage.day.told

        happened = history(ground, told.referral_id)
        assert happened[-3][1] == "consent_withdrawn"
        assert sorted(happened[-2:]) == sorted([(told.sender, "purged"), (told.recipient, "purged")])
        (row,) = ask(
            ground, "referrals", "select state, unpurged from referral where referral_id = %s", told.referral_id
        )
        assert row == {"state": "consent_withdrawn", "unpurged": []}


def test_a_redirected_person_is_served_by_the_next_organisation(tell: Tell, ground: Ground) -> None:
    with tell("redirected") as stage:
        stage.rest()
        first, second = sorted(stage.day.told, key=lambda told: told.story.name != "redirected")

        assert [what for _, what in history(ground, first.referral_id)] == ["sent", "received", "redirected"]
        assert history(ground, second.referral_id)[-1] == (first.sender, "closed")
        (row,) = ask(
            ground, "referrals", "select redirected_from from referral where referral_id = %s", second.referral_id
        )
        assert str(row["redirected_from"]) == first.referral_id


def test_a_closed_referral_that_a_coordinator_reopens_is_served_on(tell: Tell, ground: Ground) -> None:
    with tell("reopened") as stage:
        stage.rest()
        (told,) = stage.day.told

        happened = history(ground, told.referral_id)
        assert (COORDINATOR, "in_service") in happened
        assert happened[-1] == (told.sender, "closed")


def test_an_organisation_that_is_killed_comes_back_to_all_that_it_missed(tell: Tell, ground: Ground) -> None:
    with tell("served after a visit", "declined", "a question first", referrals=60) as stage:
        killed = stage.organisations["redcross"]
        eventually(lambda: stage.sent > stage.day.messages / 3)
        killed.kill()
        killed.start()
        stage.rest()

        states = {row["referral_id"]: row["state"] for row in ask(ground, "referrals", REFERRALS)}
        assert {told.referral_id: states.get(told.referral_id) for told in stage.day.told} == {
            told.referral_id: told.story.ends for told in stage.day.told
        }
        for told in stage.day.told:
            for party in (told.sender, told.recipient):
                assert numbers_received(stage, party, told.referral_id) == list(range(1, told.last_number + 1))


REFERRALS = "select referral_id::text, state from referral"


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
    happened = [what for _, what in history(neglected.ground, silent.referral_id)]
    assert happened == ["sent", "remind", "escalate", "suggest", "expired"]
    assert "referral.reminder.v1" in kinds_received(neglected, silent.recipient, ["referral.reminder.v1"])
    assert "referral.escalated.v1" in kinds_received(neglected, COORDINATOR, ["referral.escalated.v1"])
    suggested = "referral.alternatives_suggested.v1"
    assert suggested in kinds_received(neglected, silent.sender, [suggested])

    # Whoever has been served is not left open because the sender forgets to say so.
    assert history(neglected.ground, done.referral_id)[-1] == ("hub", "closed")
