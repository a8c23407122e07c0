"""Reads KoboToolbox submissions as Kobo posts or exports them: one, or an array of them, taken one at a time."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, TextIO

from tools.attendance.rows import HEADINGS, Row, Unreadable, UnusableFileError, kept
from tools.attendance.spelling import plain

READ_AT_ONCE: Final = 64 * 1024  # characters
SUBMISSION_AT_MOST: Final = 4 * 1024 * 1024  # characters

_PAGE: Final = re.compile(r'\{\s*"count"\s*:[^\[{]*"results"\s*:\s*\[')  # what Kobo's own interface answers
_NOT_JSON: Final = "The file is neither a submission nor an array of them, as JSON."


def read(path: Path) -> Iterator[Row | Unreadable]:
    """Read person by person, numbered from 1; raise UnusableFileError where the file is not JSON.

    A submission has one person, or as many as the form's repeat `personas` has. Fields are named by the last part of
    their path: `personas/datos/nombres` is `nombres`. What a person lacks, such as the day, is the submission's.
    """
    line = 0
    with path.open(encoding="utf-8-sig") as file:
        try:
            for submission in _items(file):
                if not isinstance(submission, dict):
                    line += 1
                    yield Unreadable(line)
                    continue
                for cells in _people(submission):
                    line += 1
                    yield Row(line, kept(cells))
        except UnicodeDecodeError:
            raise UnusableFileError(_NOT_JSON) from None


def _people(submission: dict[str, Any]) -> Iterator[dict[str, str]]:
    common, repeats = _flat(submission)
    people = [item for repeat in repeats for item in repeat if "nombres" in _flat(item)[0]]
    for person in people or [{}]:
        yield common | _flat(person)[0]


def _flat(fields: dict[str, Any]) -> tuple[dict[str, str], list[list[dict[str, Any]]]]:
    """Take the fields of groups out of them; return them by our names, and the repeats."""
    cells: dict[str, str] = {}
    repeats: list[list[dict[str, Any]]] = []
    for path, value in fields.items():
        name = path.rpartition("/")[2]
        if isinstance(value, dict):
            inner, more = _flat(value)
            cells |= inner
            repeats += more
        elif isinstance(value, list):
            repeats.append([item for item in value if isinstance(item, dict)])
        elif name == "today":  # the day on the device: what there is where the form does not ask
            cells.setdefault("fecha_atencion", str(value))
        elif plain(name) in HEADINGS and value is not None:
            cells[HEADINGS[plain(name)]] = str(value)
    return cells, repeats


def _items(file: TextIO) -> Iterator[Any]:
    """Yield the items of a JSON array, each as soon as it has been read; or the one object that the file is."""
    decoder = json.JSONDecoder()
    buffer, at = file.read(READ_AT_ONCE).lstrip(), 0
    if buffer[:1] not in ("[", "{"):
        raise UnusableFileError(_NOT_JSON)
    page = _PAGE.match(buffer)
    alone = buffer[0] == "{" and page is None
    if not alone:
        at = 1 if page is None else page.end()
    while True:
        while at < len(buffer) and buffer[at] in ", \t\r\n":
            at += 1
        try:
            if buffer[at : at + 1] == "]" and not alone:
                return
            item, at = decoder.raw_decode(buffer, at)
        except (ValueError, RecursionError):
            more = file.read(READ_AT_ONCE)
            if not more or len(buffer) - at > SUBMISSION_AT_MOST:
                raise UnusableFileError(_NOT_JSON) from None
            buffer, at = buffer[at:] + more, 0
            continue
        yield item
        if alone:
            return
