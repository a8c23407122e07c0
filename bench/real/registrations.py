"""Registrations: services/intake takes people in and compares each with everybody, until nobody waits to be compared.

One registration in five is of somebody whom another organisation has registered already, with the mistakes that
registers have (`bench/matching/damage.py`). All are sealed to the hub before the clock runs.
"""

import random
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import contracts
from bench import measure
from bench.contenders import of_the_hub
from bench.ground import Ground
from bench.matching.damage import ORGANISATIONS, make_everybody, register
from bench.measure import Throughput, Work
from bench.messages import Sent, say
from contracts import sealing
from services.intake.rules.people import Person

SEED: Final = 2022
ONE_IN: Final = 5  # is of somebody who is registered already
SEALED_AT_ONCE: Final = 500
STATED: Final = ("given_names", "family_names", "age", "sex", "nationality", "phone")


@dataclass(frozen=True)
class Registrations:
    """What taking people in has shown."""

    throughput: Throughput
    proposed: int  # pairs that a coordinator was asked about


def measure_registrations(ground: Ground, count: int) -> Registrations:
    """Let intake work off so many registrations."""
    key_file = _hub_key(ground)
    messages = seal_all(make_people(count), sealing.public_part(sealing.load_key(key_file)))
    proposed: list[int] = []
    one = measure.throughput(
        ground,
        of_the_hub("intake", "registrations", HUB_PRIVATE_KEY_FILE=str(key_file)),
        Work(
            messages,
            queue="intake",
            answers="reports",  # reads `person.profiled`
            written="select count(*) from person",
            left="select count(*) from match_waiting",
        ),
        after=lambda ground: proposed.append(ground.number("select count(*) from match where proposed_at is not null")),
    )
    return Registrations(one, proposed[0])


def make_people(count: int) -> list[Person]:
    """Make so many registrations, in no order; the same ones on every call."""
    rng = random.Random(f"registrations {SEED}")  # noqa: S311 - people are invented, not secret
    again = count // ONE_IN
    everybody = make_everybody(count - again, SEED)
    made = []
    for place, somebody in enumerate(everybody):
        first, second = rng.sample(ORGANISATIONS, 2)
        made.append(register(somebody, first, everybody, rng))
        if place < again:
            made.append(register(somebody, second, everybody, rng))
    rng.shuffle(made)
    return made


def seal_all(people: Sequence[Person], public_key: sealing.Key) -> list[Sent]:
    """Write the registrations, sealed to the hub; on all processors, for sealing takes as long as taking people in."""
    parts = [people[start : start + SEALED_AT_ONCE] for start in range(0, len(people), SEALED_AT_ONCE)]
    if len(parts) == 1:
        return _seal(parts[0], public_key)
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        return [one for part in pool.map(_seal, parts, [public_key] * len(parts)) for one in part]


def _seal(people: Sequence[Person], public_key: sealing.Key) -> list[Sent]:
    return [_registered(person, sealing.seal(_block(person), public_key)) for person in people]


def _registered(person: Person, sealed: str) -> Sent:
    data = contracts.PersonRegistered(person_id=person.person_id, registered_at=person.registered_at, sealed=sealed)
    return say(contracts.Draft(data, subject=str(person.person_id)), source=person.registered_by)


def _block(person: Person) -> dict[str, Any]:
    stated = {name: getattr(person, name) for name in STATED}
    documents = [{"type": kind, **({"number": number} if number else {})} for kind, number in person.documents]
    born = {} if person.birth_date is None else {"birth_date": person.birth_date.isoformat()}
    return {name: value for name, value in stated.items() if value is not None} | born | {"documents": documents}


def _hub_key(ground: Ground) -> Path:
    """The file of the private key that registrations are sealed to, made where there is none."""
    file = ground.stack.state.directory / "bench-hub.jwk"
    if not file.exists():
        sealing.save_key(sealing.new_key(), file)
    return file
