"""One process takes over while the other still commits: neither misses what the other does."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from contracts import codes, uuid7
from messaging import database
from services.employment import rules
from tests.examples import PERSON_ID
from tests.examples_employment import (
    CV,
    OURS,
    agreement_signed,
    employer_registered,
    enrolled,
    followed_up,
    participation_started,
    referral_offered,
    referral_status,
    step_taken,
)
from tests.services.conftest import Clock
from tests.services.employment.conftest import EmploymentUnderTest
from tests.services.employment.stories import TO_WORK, tell
from tests.waiting import eventually


@pytest.fixture
def second(employment_database: str, hub_clock: Clock) -> Iterator[EmploymentUnderTest]:
    """Another process, which waits for a lock as long as whoever holds it takes."""
    with database.connect(employment_database) as connection:
        connection.execute("set lock_timeout = 0")
        connection.execute("set statement_timeout = 0")
        connection.commit()
        yield EmploymentUnderTest(connection, hub_clock)
        connection.rollback()


Meanwhile = Callable[[Callable[[EmploymentUnderTest], Any]], Callable[[], Any]]


@pytest.fixture
def meanwhile(employment_database: str, committed: EmploymentUnderTest, second: EmploymentUnderTest) -> Meanwhile:
    """Begin something in the second process, which has to wait for the first; what is returned lets that go on."""

    def blocked() -> bool:
        with database.connect(employment_database) as watcher:
            waiting = "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
            return watcher.execute(waiting).fetchone() is not None

    def begin(work: Callable[[EmploymentUnderTest], Any]) -> Callable[[], Any]:
        answers: list[Any] = []

        def do() -> None:
            try:
                answers.append(work(second))
            except rules.Refused as refused:
                answers.append(refused.code)
            second.commit()

        def end() -> Any:
            committed.commit()
            thread.join()
            return answers[0]

        committed.tx.flush()
        thread = threading.Thread(target=do)
        thread.start()
        eventually(blocked)
        return end

    return begin


def test_what_an_employer_has_agreed_to_is_told_whole(committed: EmploymentUnderTest, meanwhile: Meanwhile) -> None:
    tell(committed, employer_registered())
    committed.commit()
    tell(committed, agreement_signed(programme="employability"))
    end = meanwhile(lambda second: tell(second, agreement_signed(agreement_id=uuid7(), programme="employment_pilot")))
    (told,) = end()
    assert (told.data.programmes, told.sequence) == (("employability", "employment_pilot"), 3)


def test_somebody_at_work_is_followed_up_once_for_each_day(
    committed: EmploymentUnderTest, meanwhile: Meanwhile
) -> None:
    tell(committed, *TO_WORK)
    committed.commit()
    tell(committed, followed_up())
    end = meanwhile(lambda second: tell(second, followed_up(result=codes.FollowUpResult.NOT_REACHED)))
    assert end() == "already_followed_up"


def test_somebody_takes_part_once_in_a_programme(committed: EmploymentUnderTest, meanwhile: Meanwhile) -> None:
    tell(committed, participation_started())
    end = meanwhile(lambda second: tell(second, participation_started(participation_id=uuid7())))
    assert end() == "already_takes_part"


def test_somebody_is_accompanied_once(committed: EmploymentUnderTest, meanwhile: Meanwhile) -> None:
    tell(committed, enrolled())
    end = meanwhile(lambda second: tell(second, enrolled(entrepreneur_id=uuid7())))
    assert end() == "already_accompanied"


def test_a_referral_that_is_being_linked_hears_of_the_next_step_and_keeps_somebody_going(
    committed: EmploymentUnderTest, meanwhile: Meanwhile
) -> None:
    """And of two referrals that brought somebody one may stop."""
    first, other = uuid7(), uuid7()
    (*_, started) = committed.be_told(referral_offered(referral_id=first, person_id=PERSON_ID), sequence=1)
    participation_id = started.data.participation_id
    committed.commit()
    committed.be_told(referral_offered(referral_id=other, person_id=PERSON_ID), sequence=1)
    end = meanwhile(
        lambda second: [
            *second.be_told(referral_status(referral_id=first, state="cancelled"), sequence=3),
            *tell(second, step_taken(CV, participation_id=participation_id), source=OURS),
        ]
    )
    told = end()
    assert [(one.type, getattr(one.data, "state", None)) for one in told] == [
        ("participation.recorded.v1", "enrolled"),
        ("referral.service_started.v1", None),
    ]
    assert told[1].data.referral_id == other
