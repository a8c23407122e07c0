"""Looking something up in the log, by each key and by pairs: what is common, what is rare, and what is not there."""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from statistics import quantiles
from typing import Any, Final
from uuid import UUID

import contracts
from bench.log.world import CODES, ORGANISATIONS, RARE_CODE, RARE_ORGANISATION, RARE_TYPE, Known
from hub.monitor.log import reading
from hub.monitor.log.reading import Search
from messaging.database import Connection

Asking = Callable[[random.Random, Known], Search]
HOUR: Final = timedelta(hours=1)
UNKNOWN: Final = "nobody_says_this"


def _nobody(chance: random.Random) -> UUID:
    return UUID(int=chance.getrandbits(128))


def _within(one: Known) -> dict[str, Any]:
    return {"since": one.arrived_at - HOUR, "until": one.arrived_at + HOUR}


def _code(chance: random.Random) -> str:
    return chance.choice(CODES)


KINDS: Final[Mapping[str, Asking]] = {
    "id": lambda _, one: Search(id=one.id),
    "short code": lambda _, one: Search(short_code=contracts.short_code(one.subject)),
    "subject": lambda _, one: Search(subject=one.subject),
    "correlation": lambda _, one: Search(correlation=one.correlation),
    "organisation": lambda _, one: Search(organisation=one.organisation),
    "contract": lambda _, one: Search(type=one.type),
    "code": lambda chance, _: Search(code=_code(chance)),
    "time": lambda _, one: Search(**_within(one)),
    "organisation, contract": lambda _, one: Search(organisation=one.organisation, type=one.type),
    "organisation, code": lambda chance, one: Search(organisation=one.organisation, code=_code(chance)),
    "contract, code": lambda chance, one: Search(type=one.type, code=_code(chance)),
    "organisation, time": lambda _, one: Search(organisation=one.organisation, **_within(one)),
    "contract, time": lambda _, one: Search(type=one.type, **_within(one)),
    "code, time": lambda chance, one: Search(code=_code(chance), **_within(one)),
    "subject, contract": lambda _, one: Search(subject=one.subject, type=one.type),
    "correlation, organisation": lambda _, one: Search(correlation=one.correlation, organisation=one.organisation),
    "a rare organisation": lambda _, __: Search(organisation=RARE_ORGANISATION),
    "a rare contract": lambda _, __: Search(type=RARE_TYPE),
    "a rare code": lambda _, __: Search(code=RARE_CODE),
    "a rare organisation, contract": lambda _, one: Search(organisation=RARE_ORGANISATION, type=one.type),
    "organisation, a rare contract": lambda chance, _: Search(
        organisation=chance.choice(ORGANISATIONS), type=RARE_TYPE
    ),
    "organisation, a rare code": lambda chance, _: Search(organisation=chance.choice(ORGANISATIONS), code=RARE_CODE),
    "a rare code, time": lambda _, one: Search(code=RARE_CODE, **_within(one)),
    "no such id": lambda chance, _: Search(id=_nobody(chance)),
    "no such short code": lambda chance, _: Search(short_code=contracts.short_code(_nobody(chance))),
    "no such subject": lambda chance, _: Search(subject=_nobody(chance)),
    "no such correlation": lambda chance, _: Search(correlation=_nobody(chance)),
    "no such organisation": lambda _, __: Search(organisation="nobody"),
    "no such code": lambda _, __: Search(code=UNKNOWN),
    "organisation, no such code": lambda _, one: Search(organisation=one.organisation, code=UNKNOWN),
    "another's subject": lambda _, one: Search(subject=one.subject, organisation="nobody"),
}


def measure(
    connection: Connection, known: Sequence[Known], looks: int, say: Callable[[str], None]
) -> dict[str, dict[str, float]]:
    """Look up so many of each kind, the kinds by turns; what 50 and 95 of a hundred took at most, in milliseconds."""
    chance = random.Random(12)  # noqa: S311 - always the same look-ups
    times: dict[str, list[float]] = {kind: [] for kind in KINDS}
    hits = dict.fromkeys(KINDS, 0)
    for look in range(looks):
        for kind, asking in KINDS.items():
            search = asking(chance, chance.choice(known))
            began = time.perf_counter()
            page = reading.find(connection, search)
            times[kind].append(time.perf_counter() - began)
            hits[kind] += bool(page.entries)
            connection.commit()
        if look == looks // 2:
            say(f"looked up {look} of {looks} of each kind")
    found = {}
    for kind, took in times.items():
        cut = quantiles(took, n=20)
        found[kind] = {"p50_ms": 1_000 * cut[9], "p95_ms": 1_000 * cut[18], "found": hits[kind] / looks}
    return found
