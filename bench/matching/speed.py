"""How long it takes to find whom one person may be among a million."""

import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from statistics import quantiles
from typing import Final

from bench.matching import ground
from bench.matching.damage import make_everybody, make_registrations, register
from messaging.database import Connection
from messaging.transaction import Transaction
from services.intake.rules.matching import propose, read_traits
from services.intake.rules.people import Person
from services.intake.store import matching as store

WITHIN_MS: Final = 50.0  # for 95 in 100
MADE_AT_ONCE: Final = 34_000  # people, in about 50,000 registrations


@dataclass(frozen=True)
class Speed:
    """Times of one look-up in milliseconds, over many people."""

    registrations: int
    keys: int
    people_asked: int
    candidates_p50_ms: float
    candidates_p95_ms: float
    candidates_max_ms: float
    whole_p50_ms: float
    whole_p95_ms: float
    candidates_each: float
    candidates_most: int

    @property
    def is_fast_enough(self) -> bool:
        return self.candidates_p95_ms <= WITHIN_MS


def fill(connection: Connection, registrations: int, seed: int) -> None:
    """Keep so many registrations and their keys; the indexes are made afterwards, which is faster."""
    connection.execute("alter table match_key drop constraint match_key_pkey")
    connection.execute("drop index match_key_of_person")
    left = registrations
    for people in _chunks(seed):
        some = people[:left]
        ground.insert_people(connection, some)
        ground.insert_keys(connection, some)
        connection.commit()
        left -= len(some)
        if not left:
            break
    connection.execute("set maintenance_work_mem = '512MB'")
    connection.execute("alter table match_key add primary key (key, person_id)")
    connection.execute("create index match_key_of_person on match_key (person_id)")
    connection.commit()
    connection.autocommit = True
    connection.execute("vacuum analyze")
    connection.autocommit = False


def measure(connection: Connection, registrations: int, people: Sequence[Person]) -> Speed:
    """Ask for each of these people, who are new, one by one: the query alone, and all that is done for one person."""
    query, whole, found = [], [], []
    for person in people:
        ground.insert_people(connection, [person])
        tx = Transaction(connection)
        began = time.perf_counter()
        traits = {person.person_id: read_traits(person)}
        store.save_keys(tx, {person.person_id: ground.keys_of(person)})
        tx.flush()
        asked = time.perf_counter()
        pairs = store.find_candidates(tx, [person.person_id])
        answered = time.perf_counter()
        others = {one for pair in pairs for one in pair} - {person.person_id}
        traits |= {one.person_id: read_traits(one) for one in store.load_registrations(tx, others)}
        propose(pairs, traits)
        query.append((answered - asked) * 1000)
        whole.append((time.perf_counter() - began) * 1000)
        found.append(len(pairs))
        connection.rollback()
    keys = connection.execute("select count(*) as keys from match_key").fetchone()
    assert keys is not None
    return Speed(
        registrations=registrations,
        keys=keys["keys"],
        people_asked=len(people),
        candidates_p50_ms=_percentile(query, 50),
        candidates_p95_ms=_percentile(query, 95),
        candidates_max_ms=max(query),
        whole_p50_ms=_percentile(whole, 50),
        whole_p95_ms=_percentile(whole, 95),
        candidates_each=sum(found) / len(found),
        candidates_most=max(found),
    )


def newcomers(people: int, seed: int) -> list[Person]:
    """More registrations, by other organisations, of people who are among the many that `fill` keeps."""
    rng = random.Random(f"newcomers {seed}")  # noqa: S311 - people are invented, not secret
    everybody = make_everybody(MADE_AT_ONCE, _seed_of(0, seed))
    return [register(somebody, "iom", everybody, rng) for somebody in rng.sample(everybody, people)]


def _chunks(seed: int) -> Iterator[list[Person]]:
    for number in count():
        yield [one.person for one in make_registrations(MADE_AT_ONCE, _seed_of(number, seed))]


def _seed_of(chunk: int, seed: int) -> int:
    return seed * 1000 + chunk


def _percentile(values: Sequence[float], percent: int) -> float:
    return quantiles(values, n=100, method="inclusive")[percent - 1]
