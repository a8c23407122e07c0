"""Names of people, in any script."""

import re
import unicodedata
from string import digits
from typing import Final

from tools.values import UnreadableValue

# What may stand between letters: a straight and a curly apostrophe, the acute accent of a Spanish keyboard,
# hyphens, points, blanks.
BETWEEN: Final = frozenset("'\u2019\u00b4-\u2010\u2011. ")
DIGITS_AT_MOST: Final = 6  # no telephone has so few

_FEMININE: Final = re.compile(r"\b(M\.?)ª", re.IGNORECASE)  # `Mª Ángeles`
# To Unicode they are letters; to people they are a code page that was taken for another.
_NO_LETTERS: Final = frozenset("ªºµ")


def name(text: str) -> str:
    """Return a name in NFC, with single blanks; raise UnreadableValue("bad_name") where nobody is called so.

    A currency sign or half a box mean that the text was read in a wrong code page, and a number that another column
    slipped in here; two people in one cell are nobody's name either. A digit or two tell namesakes apart.
    """
    whole = " ".join(unicodedata.normalize("NFC", text).split())
    letters = _FEMININE.sub(r"\1", whole)
    if not any(_is_letter(sign) for sign in letters):
        raise UnreadableValue("bad_name")
    if sum(sign in digits for sign in letters) > DIGITS_AT_MOST:
        raise UnreadableValue("bad_name")
    if not all(
        _is_letter(sign) or sign in digits or unicodedata.category(sign)[0] == "M" or sign in BETWEEN
        for sign in letters
    ):
        raise UnreadableValue("bad_name")
    return whole


def _is_letter(sign: str) -> bool:
    return sign.isalpha() and sign not in _NO_LETTERS
