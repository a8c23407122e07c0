"""The book of alerts in a file of the state directory: it is there while database and broker are not."""

import contextlib
import fcntl
import json
import logging
import os
from collections.abc import Iterator
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from hub.monitor.alerts.telling import Book, Open, Silence, Waiting

log = logging.getLogger("ruta.alerts")


def read(file: Path) -> Book:
    """Read the book; an empty one where there is none, or none that can be read."""
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
        return Book(**{one.name: said[one.name] for one in fields(Book) if one.name in said} | _parts(said))
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return Book()


def _parts(said: dict[str, Any]) -> dict[str, Any]:
    return {
        "open": {key: Open(**one) for key, one in said["open"].items()},
        "silences": [Silence(**one) for one in said["silences"]],
        "waiting": [Waiting(**one) for one in said["waiting"]],
    }


class Keeper:
    """Changes the book in its file; what the disk has no room for is kept in memory until it has."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._unwritten: Book | None = None

    @contextlib.contextmanager
    def changing(self) -> Iterator[Book]:
        """Have the book alone, and write it at the end; who comes meanwhile waits."""
        with self._alone():
            book = self._unwritten or read(self._file)
            try:
                yield book
            finally:  # what was sent before something failed was sent
                self._keep(book)

    def _keep(self, book: Book) -> None:
        try:
            _write(self._file, book)
            self._unwritten = None
        except OSError as error:  # a full disk is no reason to tell everybody everything again
            log.error("the book of alerts could not be written (%s)", error.strerror)
            self._unwritten = book

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        with self._file.with_suffix(".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _write(file: Path, book: Book) -> None:
    new = file.with_suffix(".new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
        json.dump(asdict(book), out)
    new.replace(file)
