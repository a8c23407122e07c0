"""The keys of hosted organisations, from `.ruta/organisations/<id>/`: private ones, and one to hash for the index."""

import logging
import os
import secrets
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from contracts import sealing, thumbprint
from contracts.sealing import Key, SealingError
from messaging.changes import state_of
from messaging.log import fields

log = logging.getLogger("ruta.custody")

PRIVATE: Final = "private*.jwk"  # of one that was replaced, its name has the key's id in it
INDEX: Final = "index.key"
LENGTH: Final = 32  # bytes


class NoIndexKey(Exception):
    """The key for the index is not there and cannot be made, or cannot be used."""


class Keys:
    """The keys, read anew when something in an organisation's folder is added or taken away. For several threads."""

    def __init__(self, organisations: Path) -> None:
        self._organisations = organisations
        self._private: dict[str, tuple[object, Mapping[str, Key]]] = {}
        self._index: dict[str, bytes] = {}
        self._reading = threading.Lock()

    def private(self, organisation: str, key_id: str | None) -> Key | None:
        """Return the private key of this id (RFC 7638), where it is in custody; also one that was replaced."""
        folder = self._organisations / organisation
        with self._reading:
            state = state_of(folder)
            known = self._private.get(organisation)
            if known is None or known[0] != state:
                known = self._private[organisation] = (state, _read(folder, organisation))
        return known[1].get(key_id or "")

    def index(self, organisation: str) -> bytes:
        """Return the key by which what an organisation searches is hashed; it is made when it is first asked for.

        Raises NoIndexKey.
        """
        with self._reading:
            if organisation not in self._index:
                self._index[organisation] = _index_key(self._organisations / organisation / INDEX)
            return self._index[organisation]


def _read(folder: Path, organisation: str) -> Mapping[str, Key]:
    found = {}
    for path in sorted(folder.glob(PRIVATE)):
        try:
            key = sealing.load_key(path)
            found[thumbprint(key)] = key
        except (SealingError, OSError, UnicodeDecodeError) as error:
            code = getattr(error, "code", "unreadable")
            log.warning("a private key cannot be used", extra=fields(organisation=organisation, code=code))
    return found


def _index_key(path: Path) -> bytes:
    key, code = b"", ""
    try:
        if not path.exists():
            new = path.with_suffix(".new")
            new.unlink(missing_ok=True)
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(secrets.token_bytes(LENGTH))
                file.flush()
                os.fsync(file.fileno())  # what is hashed with it would not be found again without it
            new.replace(path)
        with path.open("rb") as file:
            code = "open_to_others" if os.fstat(file.fileno()).st_mode & 0o077 else ""
            key = file.read(LENGTH + 1)
    except OSError as error:
        code = error.strerror or "unreadable"
    if code or len(key) != LENGTH:
        raise NoIndexKey(code or "wrong length")
    return key
