"""How words are compared: without accents, capitals, punctuation, and the little words of Spanish."""

import re
from functools import lru_cache
from typing import Final

from anyascii import anyascii

LITTLE_WORDS: Final = {"de", "del", "la", "las", "el", "los", "a", "al", "en", "y", "o"}


@lru_cache(maxsize=10_000)  # a list says the same few words over and over
def plain(text: str) -> str:
    """Return a text as it is compared: `Número de Documento` and `numero_documento` are both `numero documento`."""
    words = re.findall(r"[a-z0-9]+", anyascii(text).lower())
    return " ".join([word for word in words if word not in LITTLE_WORDS] or words)


def folded(name: str) -> str:
    """Return a person's name as it is compared: no accents or capitals, every word kept."""
    return " ".join(re.findall(r"[a-z0-9]+", anyascii(name).lower()))
