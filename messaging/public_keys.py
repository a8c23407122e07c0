"""Everybody's current public keys, by the directory that the hub hands out: to which keys something may be sealed."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from contracts import thumbprint
from messaging.identity import HUB

log = logging.getLogger("ruta.keys")

KeyIds = Mapping[str, frozenset[str]]
"""The ids (RFC 7638 thumbprints) of the current public keys, by organisation, `hub` among them."""


class DirectoryError(Exception):
    """The directory of public keys cannot be used; the text says why in one sentence."""


class PublicKeys:
    """The keys in a directory's file, read anew once it has changed, so that nothing is restarted for a new key."""

    def __init__(self, file: Path) -> None:
        """Read the file; raises DirectoryError where it is not there, or is no directory."""
        self._file = file
        self._state = _state(file)
        self._ids = read(file)

    def ids(self) -> KeyIds:
        """Return the ids as the file has them now; as it had them last, where it cannot be read any more."""
        state = _state(self._file)
        if state != self._state:
            self._state = state  # also where it cannot be read: tried again, and said again, when it changes
            try:
                self._ids = read(self._file)
            except DirectoryError:
                log.warning("the directory of public keys cannot be read: the keys known before count")
        return self._ids


def read(file: Path) -> KeyIds:
    """Read a directory's file; raises DirectoryError where it is not there, or is no directory."""
    why = ""
    try:
        return _ids(json.loads(file.read_text()))
    except OSError as error:
        why = error.strerror or "unreadable"
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        why = "it is no directory with a P-256 key of the hub and of each organisation"
    # Outside the except block: what is in the file is nobody's business in a log.
    raise DirectoryError(f"The directory of public keys {file} (RUTA_DIRECTORY_FILE) cannot be used: {why}.")


def _ids(directory: Mapping[str, Any]) -> KeyIds:
    ids = {name: frozenset({thumbprint(said["public_key"])}) for name, said in directory["organisations"].items()}
    return {HUB: ids[HUB], **ids}  # always there, so that nobody takes an empty directory for none


def _state(file: Path) -> tuple[int, int, int] | None:
    """What changes with the file: it is replaced as a whole, sometimes within the clock's grain."""
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino, status.st_size
