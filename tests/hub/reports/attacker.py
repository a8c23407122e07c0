"""Somebody who has every report there is, and solves for the counts that are not in any of them."""

from collections.abc import Collection, Hashable
from dataclasses import dataclass, field
from itertools import count

MANY = 60  # more people than any cell of the tests has


@dataclass
class Attacker:
    """Knows of sums of unknown whole numbers between what they lie; finds what a sum can still be."""

    known: list[tuple[frozenset[Hashable], int, int]] = field(default_factory=list)

    def learn(self, unknowns: Collection[Hashable], low: int, high: int) -> None:
        """Be told that these numbers add up to something from `low` to `high`."""
        self.known.append((frozenset(unknowns), low, high))

    def possible(self, unknowns: Collection[Hashable], among: Collection[int]) -> set[int]:
        """Which of these values the sum of some numbers can have, for all that is known."""
        return {value for value in among if self._solvable([*self.known, (frozenset(unknowns), value, value)])}

    def _solvable(self, known: list[tuple[frozenset[Hashable], int, int]]) -> bool:
        related = _related(known, known[-1][0])
        return _search(related, {one: (0, MANY) for unknowns, _, _ in related for one in unknowns}, count())


def _related(
    known: list[tuple[frozenset[Hashable], int, int]], start: frozenset[Hashable]
) -> list[tuple[frozenset[Hashable], int, int]]:
    """What is known of these numbers, and of those that stand in one sum with them, and so on."""
    reached, size = set(start), 0
    while size != len(reached):
        size = len(reached)
        for unknowns, _, _ in known:
            if reached & unknowns:
                reached |= unknowns
    return [one for one in known if reached & one[0]]


def _search(
    known: list[tuple[frozenset[Hashable], int, int]], bounds: dict[Hashable, tuple[int, int]], steps: "count[int]"
) -> bool:
    """Find numbers within the bounds that fit all that is known, by narrowing and then by trying."""
    narrowed = _narrow(known, bounds)
    if narrowed is None:
        return False
    open_ones = [one for one, (low, high) in narrowed.items() if low < high]
    if not open_ones:
        return True
    assert next(steps) < 20_000, "this world is too large to be solved"
    one = min(open_ones, key=lambda one: (narrowed[one][1] - narrowed[one][0], str(one)))
    low, high = narrowed[one]
    return any(_search(known, {**narrowed, one: (value, value)}, steps) for value in range(low, high + 1))


def _narrow(
    known: list[tuple[frozenset[Hashable], int, int]], bounds: dict[Hashable, tuple[int, int]]
) -> dict[Hashable, tuple[int, int]] | None:
    """Draw every bound as close as each sum by itself makes it; None when nothing fits."""
    bounds = dict(bounds)
    changed = True
    while changed:
        changed = False
        for unknowns, low, high in known:
            least = sum(bounds[one][0] for one in unknowns)
            most = sum(bounds[one][1] for one in unknowns)
            if least > high or most < low:
                return None
            for one in unknowns:
                was = bounds[one]
                now = max(was[0], low - (most - was[1])), min(was[1], high - (least - was[0]))
                if now[0] > now[1]:
                    return None
                if now != was:
                    bounds[one], changed = now, True
                    least += now[0] - was[0]
                    most += now[1] - was[1]
    return bounds
