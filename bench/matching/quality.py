"""How much of what is one person the matching finds, and how much of what it proposes is right; through the service."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from bench.matching import ground
from bench.matching.damage import Registration, true_pairs
from messaging.database import Connection
from messaging.transaction import transaction
from services.intake.rules.matching import BEYOND_NAMES, PROPOSED_FROM, compare, read_traits
from services.intake.service import IntakeService

RECALL: Final = 0.95  # at least, of the true pairs
PRECISION: Final = 0.90  # at least, of the proposals

NOW: Final = datetime(2022, 6, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Quality:
    """What came of one set. Rates are shares; `missed` counts true pairs that were not proposed, by the reason."""

    registrations: int
    true_pairs: int
    proposed: int
    right: int
    missed: Mapping[str, int]
    ms_per_registration: float

    @property
    def recall(self) -> float:
        return self.right / self.true_pairs

    @property
    def precision(self) -> float:
        return self.right / self.proposed

    @property
    def is_good_enough(self) -> bool:
        return self.recall >= RECALL and self.precision >= PRECISION


def measure(connection: Connection, registrations: Sequence[Registration]) -> Quality:
    """Have the service compare all of them in the order of their registration; hold that against the truth."""
    people = [one.person for one in registrations]
    ground.insert_people(connection, people)
    ground.let_wait(connection, people)
    connection.commit()
    began = time.perf_counter()
    compare_all(connection)
    spent = time.perf_counter() - began
    true, proposed = true_pairs(registrations), ground.proposed_pairs(connection)
    return Quality(
        registrations=len(registrations),
        true_pairs=len(true),
        proposed=len(proposed),
        right=len(true & proposed),
        missed=_reasons(registrations, true - proposed),
        ms_per_registration=spent / len(registrations) * 1000,
    )


def compare_all(connection: Connection) -> None:
    """Run the service's timed handler until nobody waits."""
    waiting = True
    while waiting:
        with transaction(connection) as tx:
            IntakeService().propose_matches(tx, NOW)
            tx.keep()
            waiting = bool(tx.fetch("select 1 from match_waiting limit 1"))


def _reasons(registrations: Sequence[Registration], missed: set[frozenset[UUID]]) -> Mapping[str, int]:
    traits = {one.person.person_id: read_traits(one.person) for one in registrations}
    found: Counter[str] = Counter()
    for one, other in missed:
        likeness = compare(traits[one], traits[other])
        if not any(reason.field in BEYOND_NAMES and reason.comparison != "different" for reason in likeness.reasons):
            found["nothing beyond names agrees"] += 1
        elif likeness.score < PROPOSED_FROM:
            found["the score is too low"] += 1
        else:
            found["no key in common"] += 1
    return dict(found.most_common())
