"""Numbers of identity documents."""

import re
from typing import Final

from tools.values import UnreadableValue

FROM_ABROAD: Final = frozenset({"PA", "foreign_id"})  # letters and digits, as the country that issued them likes
WITH_OLDER_NUMBERS: Final = frozenset({"RC", "TI"})

# 1043871234.0: a column with blanks in it was read as decimal numbers
_OF_A_TOOL: Final = re.compile(r"(?P<number>[0-9]+(?:(?P<mark>[.,' ])[0-9]{3})*)(?!(?P=mark))[.,]0{1,2}", re.ASCII)
_GROUPED: Final = re.compile(r"[0-9]{1,3}(?:(?P<mark>[.,' ])[0-9]{3})(?:(?P=mark)[0-9]{3})*", re.ASCII)
_SCIENTIFIC: Final = re.compile(r"[0-9]+(?:[.,][0-9]+)?E[+-]?[0-9]{1,3}", re.ASCII)
_DIGITS: Final = re.compile(r"[0-9]{4,20}", re.ASCII)
_OLDER: Final = re.compile(r"[0-9A-Z]{10}", re.ASCII)  # NUIP before 2003
_BORN_FIRST: Final = re.compile(
    r"[0-9]{6}-[0-9]{5}", re.ASCII
)  # tarjeta de identidad before the NUIP: birth date, number
_ANY: Final = re.compile(r"[0-9A-Z]{4,20}", re.ASCII)
_POINTS_WITHIN: Final = re.compile(r"(?<![0-9.])[0-9]{1,3}(?:[.][0-9]{3})+(?![0-9.])", re.ASCII)
_WITH_MARKS: Final = re.compile(r"[0-9A-Z]+(?:[ -][0-9A-Z]+)*", re.ASCII)

_A_WHOLE_NUMBER: Final = 5  # characters: of parts between blanks only one may be so long, or two numbers stand there


def document_number(type: str, text: str) -> str:
    """Return the number of a document of a type of `contracts.codes.DocumentType`, letters in capitals, no marks.

    Zeros in front are kept. Raises UnreadableValue("bad_document_number"). Digits are grouped by three or not at all,
    and a decimal point with nothing behind it is a tool's, no digit. Scientific notation has lost digits already.
    """
    whole = " ".join(text.upper().split())
    if _SCIENTIFIC.fullmatch(whole):
        raise UnreadableValue("bad_document_number")
    number = _abroad(whole) if type in FROM_ABROAD else _digits(whole)
    if number is None and type in WITH_OLDER_NUMBERS:
        older = whole.replace("-", "") if _BORN_FIRST.fullmatch(whole) else whole
        number = older if _OLDER.fullmatch(older) or _DIGITS.fullmatch(older) else None
    if number is None or not re.search("[1-9]", number):
        raise UnreadableValue("bad_document_number")
    return number


def identity_number(type: str, number: str) -> str:
    """Return what two numbers of one type have in common where they are one document: no zeros in front.

    A spreadsheet takes them away. Passports and foreign documents keep theirs: there they may tell one from another.
    """
    return number if type in FROM_ABROAD else number.lstrip("0")


def _digits(whole: str) -> str | None:
    """Read digits, grouped by three or not."""
    of_a_tool = _OF_A_TOOL.fullmatch(whole)
    number = whole if of_a_tool is None or _GROUPED.fullmatch(whole) else of_a_tool["number"]
    plain = re.sub("[.,' ]", "", number) if _GROUPED.fullmatch(number) else number
    return plain if _DIGITS.fullmatch(plain) else None


def _abroad(whole: str) -> str | None:
    """Read letters and digits: hyphens and blanks between them do not matter, points group digits by three."""
    digits = _digits(whole)
    if digits is not None:
        return digits
    joined = _POINTS_WITHIN.sub(lambda found: found[0].replace(".", ""), whole)
    if not _WITH_MARKS.fullmatch(joined):
        return None
    if sum(len(part) >= _A_WHOLE_NUMBER for part in joined.split()) > 1:
        return None
    plain = re.sub("[ -]", "", joined)
    return plain if _ANY.fullmatch(plain) and not _SCIENTIFIC.fullmatch(plain) else None
