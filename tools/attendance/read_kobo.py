"""Reads KoboToolbox submissions as Kobo posts or exports them: one, or many, taken one at a time."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TextIO

from tools.attendance.headings import TODAY, Asked, ContradictoryError, Seen, asked, combine, is_anothers, is_nobodys
from tools.attendance.rows import COLUMNS_AT_MOST, IN_COMMON, Row, Unreadable, UnusableFileError

READ_AT_ONCE: Final = 64 * 1024  # characters
SUBMISSION_AT_MOST: Final = 1024 * 1024  # characters
DEEPEST: Final = 10  # groups and repeats within each other

PAGE: Final = frozenset({"count", "next", "previous", "results"})  # what Kobo's own interface answers

_BLANKS: Final = re.compile(r"[ \t\r\n]*")
_NOT_JSON: Final = "The file is neither a submission nor an array of them, as JSON."

Fields = dict[str, Any]


class KoboList:
    """A list of submissions in a file."""

    about = None  # nobody knows how many people there are before the end

    def __init__(self, path: Path) -> None:
        self._path = path

    def rows(self, seen: Seen) -> Iterator[Row | Unreadable]:
        """Read person by person, numbered from 1; raise UnusableFileError where the file is not JSON.

        A submission has one person, or as many as its repeats have, or both. Fields are named by the last part of their
        path: `personas/datos/nombres` is `nombres`. What a person lacks is the submission's where it is in common.
        """
        line = 0
        with self._path.open(encoding="utf-8-sig") as file:
            try:
                for submission in _submissions(_Json(file), seen):
                    for person in _people(submission, seen):
                        line += 1
                        yield Unreadable(line, *person) if isinstance(person, tuple) else Row(line, person)
            except UnicodeDecodeError:
                raise UnusableFileError(_NOT_JSON) from None


_Person = dict[str, str] | tuple[()] | tuple[str, str]
"""Cells; or nothing that can be read, or the code and the column of what contradicts itself."""


@dataclass(slots=True)
class _Level:
    """A submission or an item of a repeat, its groups taken apart."""

    given: list[tuple[str, Asked, str]]  # path, what it asks for, and the answer
    unknown: list[str]
    repeats: list[tuple[str, list[Any]]]

    @classmethod
    def of(cls, fields: Fields, path: tuple[str, ...]) -> "_Level":
        level = cls([], [], [])
        level._take(fields, path, path, 0)
        named = next((one.group for _, one, _ in level.given if one.column == "nombres"), None)
        if named is not None:
            level.unknown += [key for key, one, _ in level.given if is_anothers(one, named)]
            level.given = [(key, one, text) for key, one, text in level.given if not is_anothers(one, named)]
        return level

    def _take(self, fields: Fields, path: tuple[str, ...], around: tuple[str, ...], depth: int) -> None:
        """Take the fields of a group: `path` is that of the submission or item, `around` of the group."""
        if depth > DEEPEST:
            raise UnusableFileError("The file has groups within groups without an end.")
        _check_width(fields)
        for key, value in fields.items():
            steps = tuple(key.split("/"))
            whole = steps if steps[: len(path)] == path and len(steps) > len(path) else (*around, *steps)
            name = "/".join(whole)
            if value is None or is_nobodys(key) or is_nobodys("/".join(whole[len(path) :])):
                continue
            if isinstance(value, dict):
                self._take(value, path, whole, depth + 1)
            elif isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
                self.repeats.append((name, value))
            else:
                self._answer(name, "/".join(whole[len(path) :]), _text(value))

    def _answer(self, name: str, heading: str, text: str) -> None:
        one = asked(heading)
        if not text.strip():
            return
        if one is None:
            self.unknown.append(name)
        else:
            self.given.append((name, one, text))

    @property
    def is_named(self) -> bool:
        return any(one.column == "nombres" for _, one, _ in self.given)

    def cells(self) -> dict[str, str]:
        """Raise UnusableFileError where the form asks the same twice, ContradictoryError where the answers do."""
        once = set()
        for _, one, _ in self.given:
            if (one.column, one.part, one.choice) in once:
                raise UnusableFileError(f"Two fields are both {one.column}.")
            once.add((one.column, one.part, one.choice))
        return combine((one, text) for _, one, text in self.given)


def _people(submission: Any, seen: Seen) -> list[_Person]:
    if not isinstance(submission, dict):
        return [()]
    level = _Level.of(submission, ())
    return _people_of(level, {}, seen, 0) or [_person(level, {}, seen)]


def _people_of(level: _Level, in_common: dict[str, str], seen: Seen, depth: int) -> list[_Person]:
    """Return who stands at a level and below; none where there is nobody."""
    if depth > DEEPEST:
        raise UnusableFileError("The file has repeats within repeats without an end.")
    common = {**in_common, **_in_common(level)}
    below: list[_Person] = []
    for name, items in level.repeats:
        below += _items_of(name, items, common, seen, depth)
    if level.is_named:
        return [_person(level, in_common, seen), *below]
    if below:  # a household: what is said of it is of nobody in it
        for name, one, _ in level.given:
            if one.column not in (*IN_COMMON, TODAY):
                seen.not_read(name, ours=True)
        for name in level.unknown:
            seen.not_read(name)
    return below


def _items_of(name: str, items: list[Any], common: dict[str, str], seen: Seen, depth: int) -> list[_Person]:
    """Return who stands in a repeat: where one of its items is a person, each is, with a name or without."""
    levels = [_Level.of(item, tuple(name.split("/"))) if isinstance(item, dict) else None for item in items]
    are_people = any(level is not None and level.is_named for level in levels)
    found: list[_Person] = []
    for level in levels:
        if level is None:
            found.append(())
            continue
        people = _people_of(level, common, seen, depth + 1)
        said_of_one = any(one.column not in (*IN_COMMON, TODAY) for _, one, _ in level.given)
        if not level.is_named and (are_people or (said_of_one and not people)):
            found.append(_person(level, common, seen))
        elif not people:
            for key in (*level.unknown, *(key for key, _, _ in level.given)):
                seen.not_read(key)
        found += people
    return found


def _in_common(level: _Level) -> dict[str, str]:
    try:
        cells = level.cells()
    except ContradictoryError:
        return {}
    return {column: cell for column, cell in cells.items() if column in IN_COMMON}


def _person(level: _Level, in_common: dict[str, str], seen: Seen) -> _Person:
    for name in level.unknown:
        seen.not_read(name)
    try:
        return {**in_common, **level.cells()}
    except ContradictoryError as contradictory:
        return (str(contradictory), contradictory.column)


def _text(value: Any) -> str:
    """Write an answer as Kobo does: choices beside each other."""
    if isinstance(value, list):
        return ",".join(_text(one) for one in value if one is not None)
    if isinstance(value, bool):
        return "si" if value else "no"
    return str(value)


def _submissions(json_file: "_Json", seen: Seen) -> Iterator[Any]:
    """Yield what an array or a page of Kobo's interface has; or the objects that stand one after another."""
    if json_file.peek() not in ("[", "{"):
        raise UnusableFileError(_NOT_JSON)
    if json_file.peek() == "[":
        yield from json_file.items()
    else:
        while json_file.peek() == "{":
            yield from _object(json_file, seen)
    if json_file.peek():
        raise UnusableFileError(_NOT_JSON)


def _object(json_file: "_Json", seen: Seen) -> Iterator[Any]:
    """Yield the submission that an object is, or those of the page that it is."""
    fields: Fields = {}
    results: int | None = None
    for key in json_file.fields():
        if key in fields or (key == "results" and results is not None):
            raise UnusableFileError("The same field stands twice in a submission.")
        if key == "results" and json_file.peek() == "[":
            results = 0
            for submission in json_file.items():
                results += 1
                yield submission
        else:
            fields[key] = json_file.value()
            _check_width(fields)
    if results is None:
        yield fields
        return
    for key in fields.keys() - PAGE:
        seen.not_read(key)
    others = any(fields.get(key) is not None for key in ("next", "previous"))
    if others or str(fields.get("count", results)) != str(results):
        seen.page = f"The file is one page of several, with {results:,} submissions: send the others too."


def _check_width(fields: Fields) -> None:
    if len(fields) > COLUMNS_AT_MOST:
        raise UnusableFileError(f"A submission has more than {COLUMNS_AT_MOST:,} fields.")


class _Json:
    """A JSON file, value by value. Numbers are left as they are written."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._buffer, self._at = "", 0
        self._decoder = json.JSONDecoder(
            object_pairs_hook=_once, parse_int=str, parse_float=str, parse_constant=_no_number
        )

    def peek(self) -> str:
        """Return the next sign that is no blank, or nothing at the end."""
        while True:
            found = _BLANKS.match(self._buffer, self._at)
            assert found is not None
            self._at = found.end()
            if self._at < len(self._buffer) or not self._more():
                return self._buffer[self._at : self._at + 1]

    def items(self) -> Iterator[Any]:
        """Yield the items of an array, each as soon as it has been read."""
        self._take("[")
        while self.peek() != "]":
            yield self.value()
            self._next("]")
        self._take("]")

    def fields(self) -> Iterator[str]:
        """Yield the names of an object's fields; whoever asks for the next has taken the value."""
        self._take("{")
        while self.peek() != "}":
            if self.peek() != '"':
                raise UnusableFileError(_NOT_JSON)
            key = self.value()
            self._take(":")
            yield key
            self._next("}")
        self._take("}")

    def value(self) -> Any:
        """Read a value whole; raise UnusableFileError where it is none, or longer than a submission may be."""
        self.peek()
        while True:
            try:
                value, end = self._decoder.raw_decode(self._buffer, self._at)
            except RecursionError:
                raise UnusableFileError(_NOT_JSON) from None
            except ValueError:
                end = len(self._buffer)
            else:
                if end < len(self._buffer) or not self._more():  # a number may go on
                    self._at = end
                    return value
                continue
            if end - self._at > SUBMISSION_AT_MOST:
                raise UnusableFileError("A submission is longer than any may be, or the file is not JSON.")
            if not self._more():
                raise UnusableFileError(_NOT_JSON)

    def _next(self, end: str) -> None:
        """Go on to what follows a comma, or to the end."""
        if self.peek() != end:
            self._take(",")
            if self.peek() == end:
                raise UnusableFileError(_NOT_JSON)

    def _take(self, sign: str) -> None:
        if self.peek() != sign:
            raise UnusableFileError(_NOT_JSON)
        self._at += 1

    def _more(self) -> bool:
        """Read on, twice as much each time that a value needs it: whether there was more."""
        left = self._buffer[self._at :]
        more = self._file.read(max(READ_AT_ONCE, len(left)))
        self._buffer, self._at = left + more, 0
        return bool(more)


def _once(pairs: list[tuple[str, Any]]) -> Fields:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise UnusableFileError("The same field stands twice in a submission.")
    return fields


def _no_number(_: str) -> Any:
    raise UnusableFileError(_NOT_JSON)
