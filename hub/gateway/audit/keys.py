"""The hub's Ed25519 key by which it signs checkpoints, in a directory outside the database: private.pem, public.pem.

The directory of public keys is signed by another one, that is kept in the same way (deploy/local/issuing.py).
"""

import os
from collections.abc import Callable
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from hub.gateway.audit.chain import Checkpoint, to_sign

PRIVATE = "private.pem"
PUBLIC = "public.pem"


class UnusableKey(Exception):
    """A key that is not there or cannot be used; says which file and why, and nothing of what is in it."""


def make(directory: Path) -> None:
    """Make the key where there is none; the private part is its owner's alone. Raises OSError, UnusableKey."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    private, public = directory / PRIVATE, directory / PUBLIC
    if not private.exists():
        pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        _write(private, pem, 0o600)
    pem = _private(directory).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    if not public.exists() or public.read_bytes() != pem:
        _write(public, pem, 0o644)


def _write(path: Path, content: bytes, mode: int) -> None:
    """Write a file whole or not at all."""
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
    new.replace(path)


def _private(directory: Path) -> Ed25519PrivateKey:
    path = directory / PRIVATE
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & 0o077:
                raise UnusableKey(f"{path} is open to others than its owner")
            key = load_pem_private_key(file.read(), None)
    except OSError as error:
        raise UnusableKey(f"{path} cannot be read ({error.strerror})") from None
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise UnusableKey(f"{path} holds no Ed25519 key")
    return key


def signer(directory: Path) -> Callable[[bytes], bytes]:
    """Return what signs. Raises UnusableKey."""
    return _private(directory).sign


def checker(path: Path) -> Callable[[Checkpoint], bool]:
    """Return what tells whether a checkpoint is signed with the private part of this public key. Raises UnusableKey."""
    try:
        key = load_pem_public_key(path.read_bytes())
    except OSError as error:
        raise UnusableKey(f"{path} cannot be read ({error.strerror})") from None
    except ValueError:
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise UnusableKey(f"{path} holds no Ed25519 public key")

    def is_signed(one: Checkpoint) -> bool:
        try:
            key.verify(one.signature, to_sign(one.number, one.hash, one.at))
        except (InvalidSignature, TypeError):
            return False
        return True

    return is_signed
