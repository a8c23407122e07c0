"""How people's names and documents are written, reduced to what is compared or searched: the same for all who do that.

Nothing here remembers what it was given.
"""

import re
from collections.abc import Mapping
from typing import Final

from anyascii import anyascii
from jellyfish import metaphone

MOST_WORDS: Final = 5  # of a name that are looked at, so that no name takes long
MOST_LETTERS: Final = 40  # of a word that are: one sign may be read as thirty letters, and keys stand in an index
SHORTEST_NUMBER: Final = 5  # characters; below that it is no document's number
LONGEST_NUMBER: Final = 40  # characters that are looked at: one sign may be read as thirty, and keys stand in an index

PARTICLES: Final = frozenset({"de", "del", "la", "las", "los", "y", "e"})

# What is heard alike in Colombia and Venezuela and written otherwise; applied in this order before metaphone, whose
# rules are those of English.
SOUNDS_ALIKE: Final = (("(?<!c)h", ""), ("v", "b"), ("z", "s"), ("ll", "y"), ("gu(?=[ei])", "g"), ("qu(?=[ei])", "k"))

# Short forms that have no letter pattern in common with the name they stand for.
NICKNAMES: Final[Mapping[str, str]] = {
    "beto": "alberto",
    "chucho": "jesus",
    "concha": "concepcion",
    "kike": "enrique",
    "lola": "dolores",
    "lucho": "luis",
    "memo": "guillermo",
    "nacho": "ignacio",
    "pacho": "francisco",
    "paco": "francisco",
    "pancho": "francisco",
    "pepe": "jose",
    "quique": "enrique",
    "tono": "antonio",
}


def words_of(name: str | None) -> list[str]:
    """Split given or family names into words, without accents and particles; nothing when there are none."""
    words = re.findall("[a-z]+", anyascii(name or "").lower())
    return [NICKNAMES.get(word, word)[:MOST_LETTERS] for word in words if word not in PARTICLES][:MOST_WORDS]


def sound_of(word: str) -> str:
    """Say how a word of a name sounds to who speaks Spanish."""
    heard = word
    for written, sound in SOUNDS_ALIKE:
        heard = re.sub(written, sound, heard)
    return metaphone(heard) or word


def read_document_number(number: str) -> str | None:
    """Reduce a number to what is compared: its digits (`V-12.345.678` is 12345678), with letters where it has few."""
    plain = "".join(re.findall("[0-9A-Z]", anyascii(number).upper())).lstrip("0")
    digits = "".join(re.findall("[0-9]", plain)).lstrip("0")
    best = digits if len(digits) >= SHORTEST_NUMBER else plain
    return best[:LONGEST_NUMBER] if len(best) >= SHORTEST_NUMBER else None
