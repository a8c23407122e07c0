"""Everybody's public keys, by the directory that the hub hands out: to which keys something may be sealed."""

import json
import logging
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from contracts import thumbprint
from messaging import clock
from messaging.changes import state_of
from messaging.identity import HUB

log = logging.getLogger("ruta.keys")

KeyIds = Mapping[str, Mapping[str, bool]]
"""The ids (RFC 7638 thumbprints) of public keys by organisation, `hub` among them; whether each is in force."""

ALWAYS: Final = datetime.min.replace(tzinfo=UTC)
NEVER: Final = datetime.max.replace(tzinfo=UTC)


class PublicKey(NamedTuple):
    """One key in a directory, in force since it stands there."""

    id: str
    ends: datetime  # or was revoked


class DirectoryError(Exception):
    """The directory of public keys cannot be used; the text says why in one sentence."""


class PublicKeys:
    """The keys in a directory's file, read anew once it has changed, so that nothing is restarted for a new key."""

    _looked_at = NEVER  # when it was found last which keys are in force
    _changes_at = ALWAYS  # when that changes next

    def __init__(self, file: Path) -> None:
        """Read the file; raises DirectoryError where it is not there, or is no directory."""
        self._file = file
        self._state = state_of(file)
        self._keys = read(file)
        self._ids: KeyIds = {}

    def ids(self) -> KeyIds:
        """Return the ids as the file has them now; as it had them last, where it cannot be read any more."""
        state, now = state_of(self._file), clock.now()
        if state != self._state:
            self._state = state  # also where it cannot be read: tried again, and said again, when it changes
            self._changes_at = ALWAYS
            try:
                self._keys = read(self._file)
            except DirectoryError:
                log.warning("the directory of public keys cannot be read: the keys known before count")
        if not self._looked_at <= now < self._changes_at:
            self._ids = {name: {one.id: now < one.ends for one in keys} for name, keys in self._keys.items()}
            ends = (one.ends for keys in self._keys.values() for one in keys)
            self._looked_at, self._changes_at = now, min((at for at in ends if at > now), default=NEVER)
        return self._ids


def sealed_to(file: Path) -> Mapping[str, dict[str, Any]]:
    """Return the key (a JWK) that others seal to, of each organisation that has one, as a directory's file has it now.

    The hub has one too, for registrations: it is nobody's to write to. Raises OSError, ValueError, KeyError where the
    file is no directory.
    """
    return _sealed_to(file, state_of(file))


@lru_cache(maxsize=1)
def _sealed_to(file: Path, _: object) -> Mapping[str, dict[str, Any]]:
    organisations = json.loads(file.read_text())["organisations"]
    return {name: said["public_key"] for name, said in organisations.items() if name != HUB}


def in_force(keys: KeyIds, readers: Iterable[str], key_id: str | None) -> bool | None:
    """Tell whether something sealed to this key can be read by any of these: False where the key is over, None
    where it is none of theirs."""
    said = {keys.get(one, {}).get(key_id or "") for one in readers}
    return True if True in said else False if False in said else None


def read(file: Path) -> Mapping[str, tuple[PublicKey, ...]]:
    """Read a directory's file; raises DirectoryError where it is not there, or is no directory."""
    why = ""
    try:
        return _keys(json.loads(file.read_text()))
    except OSError as error:
        why = error.strerror or "unreadable"
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        why = "it is no directory with a P-256 key of the hub and of each organisation"
    # Outside the except block: what is in the file is nobody's business in a log.
    raise DirectoryError(f"The directory of public keys {file} (RUTA_DIRECTORY_FILE) cannot be used: {why}.")


def _keys(directory: Mapping[str, Any]) -> Mapping[str, tuple[PublicKey, ...]]:
    found = {name: tuple(map(_key, _listed(said))) for name, said in directory["organisations"].items()}
    return {HUB: found[HUB], **found}  # always there, so that nobody takes an empty directory for none


def _listed(said: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What is said of each key; of a directory of before there were several, of the one."""
    thumbprint(said["public_key"])  # to which others seal: it has to be one
    return [*said["keys"]] if "keys" in said else [said]


def _key(said: Mapping[str, Any]) -> PublicKey:
    ends = [datetime.fromisoformat(said[name]) for name in ("valid_until", "revoked_at") if name in said]
    if any(at.tzinfo is None for at in ends):
        raise ValueError("a moment without its zone")
    return PublicKey(thumbprint(said["public_key"]), min(ends, default=NEVER))
