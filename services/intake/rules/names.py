"""Spanish personal names as the matching reads them: without accents and particles, by letters and by sound."""

from collections.abc import Sequence
from functools import lru_cache
from itertools import product
from typing import Final, NamedTuple

from rapidfuzz.distance import OSA

from messaging.spelling import sound_of, words_of

NAMES_REMEMBERED: Final = 50_000  # different names of people; some ten megabytes at most

SHORTEST_MISSPELT: Final = 4  # letters: of three, one more or less makes another name (Ana, Eva, Luz)
LONG_NAME: Final = 8  # letters


class Name(NamedTuple):
    """One word of a name: its letters, and how it sounds."""

    letters: str
    sound: str


Names = tuple[Name, ...]


@lru_cache(maxsize=NAMES_REMEMBERED)
def read_names(text: str | None) -> Names:
    """Split given or family names into words; nothing when there are none."""
    return tuple(map(_name, words_of(text)))


def compare_names(one: Names, other: Names) -> str | None:
    """Say how two people's given names, or their family names, compare; None where one has none.

    `same`; `swapped`: the same in another order; `alike`: each with its counterpart, though misspelt or shortened;
    `one_missing`: one has fewer, and those are in the other; `one_shared`; `different`.
    """
    if not one or not other:
        return None
    if one == other:
        return "same"
    fewer, more = sorted((one, other), key=len)
    found = _counterparts(fewer, more)
    if not found:
        return "different"
    if found < len(fewer):
        return "one_shared"
    if len(fewer) < len(more):
        return "one_missing"
    return "swapped" if sorted(one) == sorted(other) else "alike"


@lru_cache(maxsize=NAMES_REMEMBERED)
def _name(word: str) -> Name:
    return Name(word, sound_of(word))


def _counterparts(fewer: Sequence[Name], more: Sequence[Name]) -> int:
    """Count the names that have one of their own among the others, the equal ones paired first."""
    left, right = list(fewer), list(more)
    for fit in (_equal, _alike):
        for one, other in product(tuple(left), tuple(right)):
            if one in left and other in right and fit(one, other):
                left.remove(one)
                right.remove(other)
    return len(fewer) - len(left)


def _equal(one: Name, other: Name) -> bool:
    return one.letters == other.letters


def _alike(one: Name, other: Name) -> bool:
    """Tell whether two names may be one: by an initial, by sound, or by one slip of the hand (two in a long name)."""
    short, long = sorted((one.letters, other.letters), key=len)
    if len(short) == 1:
        return long[0] == short
    slips = 1 if len(long) < LONG_NAME else 2
    if one.sound == other.sound:
        slips += 1
    return len(short) >= SHORTEST_MISSPELT and OSA.distance(short, long, score_cutoff=slips) <= slips
