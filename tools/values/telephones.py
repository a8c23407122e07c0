"""Telephone numbers, as E.164."""

import re
from typing import Final

import phonenumbers

from tools.values import UnreadableValue

_HYPHENS: Final = re.compile("[\u2010-\u2013]")
_OF_A_TOOL: Final = re.compile(r"([+]?[0-9]{7,})[.,]0{1,2}", re.ASCII)  # a column with blanks, read as decimal numbers
_WRITTEN: Final = re.compile(r"[(]?[+]?[0-9 ().-]*", re.ASCII)
_EXTENSION: Final = re.compile(
    r"(?P<number>.*[0-9)])[ ,;]*(?:;ext=|\b(?:extensi[oó]n|ext|anexo|int|x)\b[ .:]*|(?<=[0-9])(?:ext|x)[ .:]*|[#] ?)"
    r"(?P<extension>[0-9]{1,8})",
    re.IGNORECASE | re.ASCII,
)


def telephone(text: str, nationality: str | None = None) -> str:
    """Return one telephone number as E.164; raise UnreadableValue("bad_phone").

    Without its country's prefix it is Colombian, or Venezuelan where it can only be that and the person (ISO 3166
    alpha-3) may be. An extension, a second number or a word beside it is refused: none of them may get lost.
    """
    written = _HYPHENS.sub("-", " ".join(text.split()))
    of_a_tool = _OF_A_TOOL.fullmatch(written)
    if of_a_tool:
        written = of_a_tool[1]
    if not _WRITTEN.fullmatch(written):
        raise UnreadableValue("bad_phone")
    digits = re.sub("[^0-9]", "", written)
    abroad = "+" in written or digits.startswith("00")
    # `00` is said here: libphonenumber takes 0058 for a Colombian carrier's 005, and what follows for Vietnam.
    number = _valid("+" + (digits if "+" in written else digits[2:]), None) if abroad else None
    if not abroad:
        number = _valid(digits, "CO")
        if number is None and nationality in (None, "VEN"):
            number = _valid(digits, "VE")
    if number is None:
        raise UnreadableValue("bad_phone")
    return number


def telephone_and_extension(text: str, nationality: str | None = None) -> tuple[str, str | None]:
    """Return a number as E.164 and its extension, as digits; raise UnreadableValue("bad_phone")."""
    found = _EXTENSION.fullmatch(" ".join(text.split()))
    if found is None:
        return telephone(text, nationality), None
    return telephone(found["number"], nationality), found["extension"]


def _valid(digits: str, region: str | None) -> str | None:
    try:
        number = phonenumbers.parse(digits, region, keep_raw_input=True)
    except phonenumbers.NumberParseException:
        return None
    # What it takes for a carrier's code are digits that it would drop.
    if number.preferred_domestic_carrier_code or not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
