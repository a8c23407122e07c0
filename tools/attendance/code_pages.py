"""Tells in which code page a CSV file was saved, by the words that it would make."""

import codecs
import re
from pathlib import Path
from typing import Final

from tools.attendance.rows import UnusableFileError

READ_AT_ONCE: Final = 1024 * 1024  # bytes
WORDS_AT_MOST: Final = 5000  # different ones that are looked at

# What a spreadsheet saves as CSV beside UTF-8: on Windows, as `CSV (MS-DOS)` there, and on an older Mac.
CODE_PAGES: Final = ("cp1252", "cp850", "mac_roman")

_WORD: Final = re.compile(rb"[A-Za-z'\x80-\xff]*[\x80-\xff][A-Za-z'\x80-\xff]*")
_LETTERS_HERE: Final = frozenset("áéíóúüñÁÉÍÓÚÜÑ" + "àâäãåçèêëîïôöõùûÀÂÄÃÅÇÈÊËÎÏÔÖÕÙÛ")
_SIGNS_HERE: Final = frozenset("ºª°¿¡«»·€\u201c\u201d\u2018\u2013\u2014\u00a0")
_APOSTROPHE: Final = re.compile("['\u2019\u00b4]")
_OF_A_NAME: Final = 2  # letters that stand before an apostrophe at most: as in D'Angelo, O'Neill, De'Ath


def encoding_of(path: Path) -> str:
    """Return the encoding of a file; raise UnusableFileError where nobody can tell it.

    UTF-8 is known by its form. In any other code page every byte is some sign, and a wrong one reads Peña as Pe¤a:
    the one is taken in which the words are as people write them.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as file:
        if file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            raise UnusableFileError("The file is UTF-16: save it as CSV UTF-8.")
        file.seek(0)
        try:
            for piece in iter(lambda: file.read(READ_AT_ONCE), b""):
                decoder.decode(piece)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return _code_page(path)
    return "utf-8-sig"


def _code_page(path: Path) -> str:
    words: set[bytes] = set()
    with path.open("rb") as file:
        while len(words) < WORDS_AT_MOST and (piece := file.read(READ_AT_ONCE)):
            piece += file.readline(READ_AT_ONCE)  # so that no word is cut in two
            words.update(_WORD.findall(piece))
    scores = {page: sum(likeness(word, page) for word in words) for page in CODE_PAGES}
    best = max(scores.values())
    found = [page for page in CODE_PAGES if scores[page] == best]
    if best == 0 or len({tuple(word.decode(page, "replace") for word in words) for page in found}) > 1:
        raise UnusableFileError("Nobody can tell in which code page the file was saved: save it as CSV UTF-8.")
    return found[0]


def likeness(word: bytes, page: str) -> int:
    """Say how much a word looks like one in a code page: 2, 1 for rare letters, 0 for what is no word."""
    try:
        text = word.decode(page)
    except UnicodeDecodeError:
        return 0
    bare = text.strip("".join(_SIGNS_HERE))
    if not bare:
        return 1
    *before, last = _APOSTROPHE.split(bare)
    parts = [*before, last]
    if not all(part.isalpha() or not part for part in parts) or not all(_is_written(part) for part in parts):
        return 0
    if any(len(part) > _OF_A_NAME for part in before if part):
        return 1
    return 2 if all(sign.isascii() or sign in _LETTERS_HERE for part in parts for sign in part) else 1


def _is_written(part: str) -> bool:
    """Whether capitals stand where people write them: Peña, PEÑA, peña, McÑ…; not PEñA or PeÑa."""
    return not part or part.islower() or part.isupper() or part.istitle() or _two_capitals(part)


def _two_capitals(part: str) -> bool:
    return bool(re.fullmatch("(?:Mc|Mac|De|Di|La|Le)[A-Z].*", part)) and (part[3:].islower() or part[2:].istitle())
