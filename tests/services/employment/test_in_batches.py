"""A whole programme arrives at once, in whatever order, through the runtime: it ends as if said one by one."""

import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from contracts import uuid7
from messaging import clock, database
from messaging.runtime import Delivery, Runtime
from services.employment.service import EmploymentService
from tests.examples import NOW, say
from tests.examples_employment import (
    A_LIFE,
    CV,
    GUIDANCE,
    OURS,
    SHORTLISTED,
    agreement_signed,
    capital_granted,
    employer_registered,
    enrolled,
    followed_up,
    formalised,
    interviewed,
    mentor_assigned,
    participation_ended,
    participation_started,
    placed,
    plan_approved,
    put_forward,
    service_received,
    session_held,
    step_taken,
    vacancy_closed,
    vacancy_opened,
)

PEOPLE = 12


@pytest.fixture
def runtime(employment_database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runtime]:
    """The runtime on a database of the service, which is empty again afterwards."""
    moving = iter(range(10**9))
    monkeypatch.setattr(clock, "now", lambda: NOW + A_LIFE + timedelta(seconds=next(moving)))
    handlers = {method.handles: method for method in vars(EmploymentService).values() if hasattr(method, "handles")}
    runtime = Runtime("employment-test", employment_database, handlers)
    yield runtime
    runtime.close()
    with database.connect(employment_database) as connection:
        connection.execute(
            "truncate employer, agreement, vacancy, participation, delivery, candidacy, follow_up, entrepreneur, "
            "mentoring_session, seed_grant, business_follow_up, referral, inbox, parked, outbox, outbox_writer"
        )
        connection.commit()


def a_life() -> list[Any]:
    """All that is said of one employer with two places, somebody placed there, and somebody with a business."""
    ids = {name: uuid7() for name in ("employer", "vacancy", "participation", "candidacy", "entrepreneur")}
    employer, vacancy, participation, candidacy, entrepreneur = ({f"{name}_id": id} for name, id in ids.items())
    return [
        employer_registered(**employer),
        agreement_signed(**employer, agreement_id=uuid7()),
        vacancy_opened(**employer, **vacancy, places=2),
        vacancy_closed(**vacancy),
        participation_started(**participation, person_id=uuid7()),
        *(step_taken(step, **participation) for step in (CV, GUIDANCE, SHORTLISTED)),
        service_received(**participation, delivery_id=uuid7()),
        put_forward(**candidacy, **participation, **vacancy),
        interviewed(**candidacy),
        placed(**candidacy),
        followed_up(**candidacy),
        followed_up(**candidacy, day=90),
        participation_ended(**participation),
        enrolled(**entrepreneur, person_id=uuid7()),
        mentor_assigned(**entrepreneur),
        session_held(**entrepreneur, session_id=uuid7()),
        session_held(**entrepreneur, session_id=uuid7()),
        plan_approved(**entrepreneur),
        capital_granted(**entrepreneur, grant_id=uuid7()),
        formalised(**entrepreneur),
    ]


@pytest.mark.parametrize("order", ["as it was said", "shuffled"])
@pytest.mark.parametrize("batch", [1, 7, 1000])
def test_a_programme_ends_the_same_in_whatever_order_and_batches_it_arrives(
    runtime: Runtime, employment_database: str, caplog: pytest.LogCaptureFixture, order: str, batch: int
) -> None:
    said = [data for _ in range(PEOPLE) for data in a_life()]
    if order == "shuffled":
        random.Random(20260302).shuffle(said)  # noqa: S311 - the same order in every run
    deliveries = [Delivery(tag, say(data, source=OURS).to_json(), False) for tag, data in enumerate(said)]
    for first in range(0, len(deliveries), batch):
        runtime.apply(EmploymentService(), deliveries[first : first + batch])
    with database.connect(employment_database) as connection:
        for _ in range(50 * PEOPLE):
            connection.execute("update parked set next_attempt_at = '-infinity'")
            connection.commit()
            runtime.retry(EmploymentService())
            if not connection.execute("select 1 from parked").fetchall():
                break
        counts = connection.execute(
            """
            select (select count(*) from employer where sequence = 2) as employers,
                   (select count(*) from vacancy where placed = 1 and closed_at is not null) as vacancies,
                   (select count(*) from participation
                    where state = 'completed' and placed and shortlisted_at is not null) as participations,
                   (select count(*) from delivery) as deliveries,
                   (select count(*) from candidacy
                    where state = 'placed' and next_day = 180 and sequence = 3) as placements,
                   (select count(*) from follow_up) as follow_ups,
                   (select count(*) from entrepreneur
                    where sessions = 2 and grants = 1 and plan_approved_at is not null and formalised_on is not null
                    ) as entrepreneurs
            """
        ).fetchone()
    assert counts == {
        "employers": PEOPLE,
        "vacancies": PEOPLE,
        "participations": PEOPLE,
        "deliveries": PEOPLE,
        "placements": PEOPLE,
        "follow_ups": 2 * PEOPLE,
        "entrepreneurs": PEOPLE,
    }
    assert not [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")]
