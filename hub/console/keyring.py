"""The console's key in a file outside the database: who has only the one or the other opens nothing.

From it come, each for its purpose, keys that encrypt (authenticators' secrets, people's own keys in the audit) and that
hash.
"""

import hashlib
import hmac
import os
import secrets
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

LENGTH: Final = 32  # bytes of the key
NONCE: Final = 12


class UnusableKeyring(Exception):
    """The file is not there or cannot be used; says which and why, and nothing of what is in it."""


class Keyring:
    """What is encrypted and hashed with the key."""

    def __init__(self, key: bytes) -> None:
        """`key` has LENGTH bytes."""
        self._key = key

    @classmethod
    def read(cls, file: Path) -> "Keyring":
        """Read the file. Raises UnusableKeyring."""
        try:
            with file.open("rb") as opened:
                if os.fstat(opened.fileno()).st_mode & 0o077:
                    raise UnusableKeyring(f"{file} is open to others than its owner")
                key = opened.read(LENGTH + 1)
        except OSError as error:
            raise UnusableKeyring(f"{file} cannot be read ({error.strerror})") from None
        if len(key) != LENGTH:
            raise UnusableKeyring(f"{file} does not hold a key of {LENGTH} bytes")
        return cls(key)

    def seal(self, purpose: str, whose: str, content: bytes) -> bytes:
        """Encrypt; what is sealed opens for the same purpose and the same `whose` only."""
        nonce = secrets.token_bytes(NONCE)
        return nonce + AESGCM(self._of(purpose)).encrypt(nonce, content, whose.encode())

    def open(self, purpose: str, whose: str, sealed: bytes) -> bytes:
        """Decrypt what `seal` has returned. Raises UnusableKeyring where it is another's, or the key another."""
        try:
            return AESGCM(self._of(purpose)).decrypt(sealed[:NONCE], sealed[NONCE:], whose.encode())
        except InvalidTag:
            raise UnusableKeyring(f"what is kept of {purpose} cannot be opened with this key") from None

    def hash(self, purpose: str, text: str) -> bytes:
        """A keyed hash, from which the text cannot be guessed without the key."""
        return hmac.digest(self._of(purpose), text.encode(), hashlib.sha256)

    def _of(self, purpose: str) -> bytes:
        return hmac.digest(self._key, f"ruta console {purpose}".encode(), hashlib.sha256)


def make(file: Path) -> None:
    """Make the key where there is none, its owner's alone. Raises OSError."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not file.exists():
        new = file.with_suffix(".new")
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
            opened.write(secrets.token_bytes(LENGTH))
        new.replace(file)
