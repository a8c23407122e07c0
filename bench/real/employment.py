"""Employment: services/employment follows people through a programme: they start, and take the four steps of the route.

First all of them start, then all take the first step, and so on, as registers are handed in.
"""

import random
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import contracts
from bench import measure
from bench.contenders import of_the_hub
from bench.ground import Ground
from bench.measure import Throughput, Work
from bench.messages import Sent, say
from contracts.codes import EmployabilityStep

ORGANISATION: Final = "barranquilla"
PROGRAMME: Final = "employment_pilot"
STEPS: Final = (
    EmployabilityStep.CV_REGISTERED,
    EmployabilityStep.VOCATIONAL_GUIDANCE,
    EmployabilityStep.TRAINING,
    EmployabilityStep.SHORTLISTED,
)
MESSAGES_EACH: Final = 1 + len(STEPS)
DAY: Final = timedelta(days=1)


def measure_employment(ground: Ground, people: int) -> Throughput:
    """Let employment work off what is said about each of so many people."""
    return measure.throughput(
        ground,
        of_the_hub("employment"),
        Work(
            _steps(people),
            queue="employment",
            answers="reports",  # reads `participation.recorded`, which follows from each
            written=f"select count(*) * {MESSAGES_EACH} from participation where shortlisted_at is not null",
        ),
    )


def _steps(people: int) -> list[Sent]:
    ids = random.Random(4)  # noqa: S311 - nothing is secret about it
    now = datetime.now(UTC)
    everybody = [[UUID(int=ids.getrandbits(128), version=4) for _ in range(2)] for _ in range(people)]
    made = [
        _say(
            contracts.ParticipationStarted(
                participation_id=participation_id, person_id=person_id, programme=PROGRAMME, started_at=now - 30 * DAY
            )
        )
        for participation_id, person_id in everybody
    ]
    for place, step in enumerate(STEPS):
        at = now - (20 - place) * DAY
        made += [
            _say(contracts.ParticipationStepTaken(participation_id=participation_id, step=step, taken_at=at))
            for participation_id, _ in everybody
        ]
    return made


def _say(data: Any) -> Sent:
    return say(contracts.Draft(data, subject=str(data.participation_id)), source=ORGANISATION)
