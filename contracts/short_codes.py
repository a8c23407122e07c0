"""The short code of a referral, to be said by telephone: eight characters in two groups, such as `A8VB-NZ2H`.

Seven of them are the last 35 bits of the referral's id; by the eighth one knows that a character was misheard, or two
have changed places. They are Crockford's, as on a receipt: no I, L, O or U; who writes one hears 1 or 0.

The first bits of an id tell the time, so that codes made of them would be alike on one day; its last are random. Of
10,000 referrals in one day two have the same code about once in two years; of a million referrals in all some fifteen
pairs do, and a code that somebody says stands for a second one once in 34,000 times. So a code is no id: it is looked
up among what whoever asks may see, and where two are found both are shown. Who knows a code knows nothing of the
person, and is let see nothing by it.
"""

from typing import Final
from uuid import UUID

LETTERS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH: Final = 8

_VALUES: Final = {letter: value for value, letter in enumerate(LETTERS)} | {"O": 0, "I": 1, "L": 1}
_BETWEEN: Final = frozenset("-_./ \t\r\n\u2010\u2011\u2012\u2013\u2014\u2212\u00a0\u2007\u2009\u202f")
"""Hyphens, dashes and spaces, also those that a word processor makes of them."""
_READ_AT_MOST: Final = 64  # of what somebody has typed or pasted


def short_code(referral_id: UUID) -> str:
    """Make the code of a referral, as it is shown: in capitals, with a hyphen in the middle."""
    last = referral_id.int
    values = [last >> 5 * place & 31 for place in range(LENGTH - 2, -1, -1)]
    letters = "".join(LETTERS[value] for value in (*values, _check(values)))
    return f"{letters[: LENGTH // 2]}-{letters[LENGTH // 2 :]}"


def read_short_code(said: str) -> str | None:
    """Read a code as people say and type it, and return it as it is shown; None of what is no code.

    Small letters are taken for capitals, O for 0, I and L for 1; spaces, hyphens and the like are left out. Any single
    character that is another, and any two that have changed places, make it none.
    """
    if len(said) > _READ_AT_MOST:
        return None
    typed = [letter for letter in said if letter not in _BETWEEN]
    values = [_VALUES.get(letter.upper() if letter.isascii() else "", -1) for letter in typed]
    if len(values) != LENGTH or -1 in values or _check(values[:-1]) != values[-1]:
        return None
    letters = "".join(LETTERS[value] for value in values)
    return f"{letters[: LENGTH // 2]}-{letters[LENGTH // 2 :]}"


def _check(values: list[int]) -> int:
    """Work out the last character: each of the others times a power of its own, in the field of 32 elements.

    As no two of eight powers are the same, no single change and no exchange of two characters leaves the sum as it was.
    """
    total = 0
    for value in values:
        total = (total ^ value) << 1
        if total & 32:
            total ^= 0b100101  # x⁵ + x² + 1, by which doubling goes through all 31 elements but nought
    return total
