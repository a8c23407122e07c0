"""Under which keys a registration is found by others that may be of the same person."""

from collections.abc import Iterator, Sequence
from itertools import combinations, product

from services.intake.rules.matching import Traits


def match_keys(traits: Traits) -> frozenset[str]:
    """Return the keys: two registrations with a common one are worth comparing, others are not.

    Each is made of what few strangers have in common, and each survives mistakes that break the others: names go by
    sound and their order does not count, nor does that of day and month.
    """
    return frozenset(_keys(traits))


def _keys(traits: Traits) -> Iterator[str]:
    given = {name.sound for name in traits.given}
    family = {name.sound for name in traits.family}
    yield from (f"document {number}" for _, number in traits.documents)
    if traits.phone:
        yield f"phone {traits.phone}"
    for first, pair in product(given, combinations(sorted(family), 2)):
        yield f"name {first} {' '.join(pair)}"
    for year, first, surname in product(_years(traits), given, family):
        yield f"year {year} {first} {surname}"
    if traits.birth_date:
        one, other = sorted((traits.birth_date.day, traits.birth_date.month))
        yield from (f"born {traits.birth_date.year} {one} {other} {name}" for name in given | family)
        yield from (f"day {one} {other} {first} {surname}" for first, surname in product(given, family))


def _years(traits: Traits) -> Sequence[int]:
    """The years of birth to look under: where only the age is known, one more to each side."""
    if traits.birth_years is None:
        return ()
    first, last = traits.birth_years
    return [first] if first == last else range(first - 1, last + 2)
