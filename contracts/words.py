"""What the values of the contracts' lists of codes are called, in words of a person at a counter (`words.toml`)."""

import tomllib
from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Final

FILE: Final = Path(__file__).parent / "words.toml"
LANGUAGES: Final = ("es", "en")


class NoWords(LookupError):
    """A list of codes has no such value, or no words for it; the text names the list and never repeats the value."""


def label(value: str, language: str = "es", *, of: str | None = None) -> str:
    """Say what a value of a list of codes is called: in Spanish (`es`) or English (`en`), in at most 60 characters.

    A member of an enum of `contracts.codes` needs nothing else: `label(ReferralState.NO_SHOW)`. For a plain string `of`
    names the list, as `words.toml` does: `label("no_show", "en", of="ReferralState")`. It begins in lower case, as
    within a sentence; `capital` makes the beginning of a line of it.

    Raises NoWords for a value that has none: needs, languages and reasons may be newer than this package, and whoever
    shows those shows the code instead. Raises ValueError for a list that there is not, and for another language.
    """
    named = of or (type(value).__name__ if isinstance(value, StrEnum) else "")
    if not named:
        raise ValueError("a plain value needs the name of its list")
    if named not in catalogue():
        raise ValueError(f"there is no list of codes {named!r}")
    words = catalogue()[named].get(value)
    if words is None:
        raise NoWords(f"{named} has no such value, or no words for it")
    if language not in words:
        raise ValueError(f"there are no words in {language!r}, but in {' and '.join(words)}")
    return words[language]


def capital(text: str) -> str:
    """Write a label as a line begins: `PPT negado` stays what it is, and `con cita` becomes `Con cita`."""
    return f"{text[:1].upper()}{text[1:]}"


@cache
def catalogue() -> Mapping[str, Mapping[str, Mapping[str, str]]]:
    """Return the labels by list, by value and by language, in the order of the file; it is read once."""
    tables = tomllib.loads(FILE.read_text(encoding="utf-8"))
    # Opening hours name weekdays as iCalendar does, by the first two letters: MO, TU, …
    return {**tables, "days": {day[:2].upper(): words for day, words in tables["Weekday"].items()}}
