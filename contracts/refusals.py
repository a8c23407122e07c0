"""What a refusal says, and why a message waits, in words that a person at a counter understands (`refusals.toml`)."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from .words import LANGUAGES, catalogue

FILE: Final = Path(__file__).parent / "refusals.toml"
SPEAKERS: Final = ("gateway", "referrals", "intake", "events", "employment", "reports")
"""Who refuses, as `message.refused` names it in `refused_by`."""

_ANYBODY: Final = ""
_SAID_BY: Final[Mapping[str, str]] = {
    **{speaker: speaker for speaker in SPEAKERS[1:]},
    **dict.fromkeys(("admission", "http"), "gateway"),
    **dict.fromkeys(("reading", "service", "parked"), _ANYBODY),
}
"""Whose codes a chapter of the file has."""
_MADE_WITH: Final = {"referrals": "ReferralState", "intake": "EtpvStep", "events": "JornadaState"}
"""The list of whose values a chapter's codes are made; words.toml says what they are called."""
_SEVERAL: Final = re.compile(r"<[a-z]+>")  # in a code that stands for several: `not_while_<state>`
_FILLED_IN: Final = re.compile(r"\{[a-z]+\}")  # in its words


class Words(NamedTuple):
    """What is said of a code in one language: what is the matter, and what to do about it, if anything is."""

    matter: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.matter} {self.remedy}".rstrip()


def explain(code: str, refused_by: str | None = None, language: str = "es", *, waits: bool = False) -> str:
    """Say in one to three sentences, on one line, what a code means: in Spanish (`es`) or English (`en`).

    `refused_by` is who says it, as in `message.refused`: codes may mean different things at different services. Where
    nobody is named, or somebody unknown, all that it may mean is said, and by whom. Of a message that `waits` it is not
    said what to do, for what it lacks may be on its way. New codes may come at any time: of one that has no words it is
    said that the network did not take the message. Raises ValueError for another language. The first call reads the
    file, which takes a tenth of a second: a program that must not wait makes it when it starts.
    """
    found = find(code, refused_by, language)
    if not found:
        return str(_general("unknown", language))
    texts = {who: str(words) for who, words in found.items()}
    if waits and code not in _chapters()["parked"]:
        texts = {who: f"{_general('waits', language)} {words.matter}" for who, words in found.items()}
    if len(set(texts.values())) == 1:
        return next(iter(texts.values()))
    return " ".join(f"{who}: {text}" for who, text in texts.items())


def find(code: str, refused_by: str | None = None, language: str = "es") -> Mapping[str, Words]:
    """Return the words of a code by who says it, of one speaker where one is named; none where it has no words."""
    if language not in LANGUAGES:
        raise ValueError(f"there are no words in {language!r}, but in {' and '.join(LANGUAGES)}")
    table = _table()
    speakers = (refused_by,) if refused_by in SPEAKERS else SPEAKERS
    found = {one: table[one, code][language] for one in speakers if (one, code) in table}
    if not found and (_ANYBODY, code) in table:
        return {_ANYBODY: table[_ANYBODY, code][language]}
    return found


def spoken(speaker: str = _ANYBODY) -> frozenset[str]:
    """Return the codes that have words as a speaker's own, or as anybody's; those that stand for several by each."""
    return frozenset(code for who, code in _table() if who == speaker)


def written(chapter: str) -> Iterator[tuple[str, str]]:
    """Yield the codes of a chapter, each with what the documents' tables say of it: English, and the note for them."""
    chapters = _chapters()
    speaker = _SAID_BY[chapter] if chapter != "http" else None  # what the gateway shares stands with admission
    shared = {code: one for code, one in chapters["shared"].items() if speaker in one["by"]}
    for code, entry in (chapters[chapter] | shared).items():
        said = f"{Words(*entry['en'])} {entry.get('note', '')}".rstrip()
        yield code, _FILLED_IN.sub("…", said)


def filled_in(chapter: str) -> Mapping[str, Mapping[str, str]]:
    """Return what may stand for `<state>` or `<step>` in a chapter's codes, and its words by language."""
    of_messages = catalogue()[_MADE_WITH[chapter]] if chapter in _MADE_WITH else {}
    return {**of_messages, **_chapters()["words"].get(chapter, {})}


@cache
def _table() -> Mapping[tuple[str, str], Mapping[str, Words]]:
    """The words by who says them, by code and by language; what stands for several codes, for each of them."""
    chapters = _chapters()
    table = {(speaker, code): _words(one) for code, one in chapters["shared"].items() for speaker in one["by"]}
    for chapter, speaker in _SAID_BY.items():
        entries = chapters[chapter]
        table |= {(speaker, code): _words(one) for code, one in entries.items() if not _SEVERAL.search(code)}
        for code in filter(_SEVERAL.search, entries):
            for each, word in filled_in(chapter).items():
                table.setdefault((speaker, _SEVERAL.sub(each, code)), _words(entries[code], word))
    return table


def _words(entry: Mapping[str, Any], word: Mapping[str, str] | None = None) -> Mapping[str, Words]:
    """Read an entry of the file, with a word filled in where it has a place for one."""
    filled = word or dict.fromkeys(LANGUAGES, "")
    return {one: Words(*(_FILLED_IN.sub(filled[one], text) for text in entry[one])) for one in LANGUAGES}


def _general(name: str, language: str) -> Words:
    return Words(*_chapters()["general"][name][language])


@cache
def _chapters() -> Mapping[str, Any]:
    return tomllib.loads(FILE.read_text(encoding="utf-8"))
