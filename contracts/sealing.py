"""Sealed blocks: what only one organisation may read, encrypted to its public key (JWE; needs the extra `sealing`)."""

import json
import os
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from joserfc import jwe
from joserfc.jwk import ECKey
from pydantic_core import from_json

from .fields import SEALED_MAX_LENGTH, SEALED_PATTERN
from .sealed_to import key_id

Key = dict[str, Any]
"""A P-256 key as a JWK; its `kid` is its RFC 7638 thumbprint. With `d` it is private."""

MAX_PLAIN_BYTES = 40 * 1024
"""The longest block, as JSON; sealed it still fits into a message."""

_WRAP = "ECDH-ES+A256KW"
_ENCRYPT = "A256GCM"
_SHAPE = re.compile(SEALED_PATTERN)


class SealingError(Exception):
    """A block that cannot be sealed or opened, or a key that cannot be used; says why, and never what is inside.

    Codes: `not_a_key`, `too_large`, `not_sealed`, `sealed_to_another_key`, `cannot_open`, `not_an_object`,
    `key_file_open_to_others`.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def new_key() -> Key:
    """Make a private key."""
    key = ECKey.generate_key("P-256", private=True)
    return {**key.as_dict(private=True), "kid": key.thumbprint()}


def public_part(private_key: Key) -> Key:
    """Return what other organisations may have of a key."""
    return {name: value for name, value in private_key.items() if name != "d"}


def save_key(key: Key, path: Path) -> None:
    """Write a key to a new file that only its owner may read; FileExistsError when there is one already."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(key, file)


def load_key(path: Path) -> Key:
    """Read a private key from its file; SealingError when others may read it too, or when it holds no key."""
    with path.open() as file:
        if os.fstat(file.fileno()).st_mode & 0o077:
            raise SealingError("key_file_open_to_others")
        key = _json_object(file.read())
    if key is None:
        raise SealingError("not_a_key")
    _import(key)
    return key


def seal(plain: dict[str, Any], public_key: Key) -> str:
    """Encrypt a block to the organisation that holds the private part of `public_key`; return it as compact JWE."""
    key = _import(public_part(public_key))
    body = json.dumps(plain, ensure_ascii=False, separators=(",", ":")).encode()
    if len(body) > MAX_PLAIN_BYTES:
        raise SealingError("too_large")
    header = {"alg": _WRAP, "enc": _ENCRYPT, "kid": key.thumbprint()}
    return jwe.encrypt_compact(header, body, key, algorithms=[_WRAP, _ENCRYPT])


def open_sealed(sealed: str, private_key: Key) -> dict[str, Any]:
    """Decrypt a block; SealingError when it was changed on the way, or is not for this key."""
    if len(sealed) > SEALED_MAX_LENGTH or not _SHAPE.fullmatch(sealed):
        raise SealingError("not_sealed")
    key = _import(private_key)
    if key_id(sealed) != key.thumbprint():
        raise SealingError("sealed_to_another_key")
    try:
        body = jwe.decrypt_compact(sealed, key, algorithms=[_WRAP, _ENCRYPT]).plaintext
    except Exception:  # whatever a hostile block makes the library raise has one answer
        body = None
    # Errors are raised outside the except blocks, so that none carries one that has seen the content.
    if body is None:
        raise SealingError("cannot_open")
    plain = _json_object(body)
    if plain is None:
        raise SealingError("not_an_object")
    return plain


def _import(key: Key) -> ECKey:
    imported = _imported(json.dumps(key, sort_keys=True, default=str))
    if imported is None:
        raise SealingError("not_a_key")
    return imported


@lru_cache(maxsize=100)  # who seals and opens uses few keys, and making one ready costs as much as opening a block
def _imported(key: str) -> ECKey | None:
    try:
        imported = ECKey.import_key(json.loads(key))
    except Exception:  # the library has an error of its own for each way not to be a key
        return None
    return imported if imported.curve_name == "P-256" else None


def _json_object(text: str | bytes) -> dict[str, Any] | None:
    try:
        value = from_json(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
