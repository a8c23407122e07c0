"""The directory of public keys as the hub signs it, and what a reader checks before believing it (extra `sealing`).

It is a compact JWS by an Ed25519 key, which organisations know from their `credentials.json` (`directory_key`). Its
`number` rises with every change: who keeps the number of the one that it accepted last is not led back to an older
one, in which a key is still good that has been revoked since.
"""

import base64
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from joserfc.jwk import OKPKey

Key = Mapping[str, Any]
"""An Ed25519 key as a JWK; its `kid` is its RFC 7638 thumbprint."""

Directory = dict[str, Any]
"""`number`, `issued_at` (RFC 3339), and `organisations`, by id: `name`, `public_key`, `keys`, `custody`."""

_ALGORITHM = "Ed25519"
_TYPE = "ruta-directory+jws"

_WHY = {
    "not_a_key": "the key to check it with is no Ed25519 public key: take `directory_key` of credentials.json",
    "not_a_directory": "this is no directory of public keys that a hub has signed",
    "signed_by_another": "it is signed with another key than your hub's: do not use it, and ask the hub's operations",
    "changed": "it is not as the hub has signed it: do not use it, and fetch it again",
    "older": "it is older than the one that was accepted last: do not use it, and fetch it again",
}


class DirectoryError(Exception):
    """A directory that is not to be used; the text says why, and holds nothing of what was read.

    Codes: `not_a_key`, `not_a_directory`, `signed_by_another`, `changed`, `older`.
    """

    def __init__(self, code: str) -> None:
        super().__init__(f"{code}: {_WHY[code]}")
        self.code = code


def public_key(pem_or_jwk: bytes | Key) -> dict[str, str]:
    """Return the public part of an Ed25519 key as a JWK; DirectoryError where it is none."""
    key = _import(pem_or_jwk)
    return {**{name: str(key.as_dict(private=False)[name]) for name in ("kty", "crv", "x")}, "kid": key.thumbprint()}


def load_directory_key(file: Path) -> Key:
    """Read the key to check with from `credentials.json`, or from a JWK of its own; DirectoryError, OSError."""
    said = _json_object(file.read_bytes()) or {}
    key: Any = said.get("directory_key", said)
    return public_key(key if isinstance(key, dict) else {})


def sign_directory(directory: Directory, key: Key, sign: Callable[[bytes], bytes]) -> str:
    """Return a directory as compact JWS; `sign` signs with the private part of `key`."""
    header = {"alg": _ALGORITHM, "kid": key["kid"], "typ": _TYPE}
    to_sign = ".".join(_encode(json.dumps(one, separators=(",", ":")).encode()) for one in (header, directory))
    return f"{to_sign}.{_encode(sign(to_sign.encode()))}"


def read_directory(signed: str, key: Key, last: int = 0) -> Directory:
    """Check a directory (compact JWS) and return what it says; DirectoryError where it is not to be used.

    `key` is the hub's, and `last` the `number` of the directory that was accepted last. The same one again is good.
    """
    known = _import(key)
    parts = signed.strip().split(".")
    header, body, signature = map(_decode, parts) if len(parts) == 3 else (None, None, None)
    said = _json_object(header)
    if said is None or body is None or signature is None or said.get("typ") != _TYPE:
        raise DirectoryError("not_a_directory")
    if said.get("kid") != known.thumbprint():
        raise DirectoryError("signed_by_another")
    # One algorithm, and nothing that a reader would have to understand: what is written there chooses nothing.
    if said.keys() != {"alg", "kid", "typ"} or said["alg"] != _ALGORITHM:
        raise DirectoryError("not_a_directory")
    if not _is_signed(known, f"{parts[0]}.{parts[1]}".encode(), signature):
        raise DirectoryError("changed")
    directory = _json_object(body)
    if directory is None or not _number(directory) or not isinstance(directory.get("organisations"), dict):
        raise DirectoryError("not_a_directory")
    if _number(directory) < last:
        raise DirectoryError("older")
    return directory


def number_of(directory: Path) -> int:
    """Return the `number` of a directory in clear (`directory.json`), 0 where there is none; OSError."""
    return _number(_json_object(directory.read_bytes())) if directory.exists() else 0


def _number(directory: Directory | None) -> int:
    number = (directory or {}).get("number")
    return number if type(number) is int and number > 0 else 0


def _is_signed(key: OKPKey, said: bytes, signature: bytes) -> bool:
    try:
        key.get_op_key("verify").verify(signature, said)  # type: ignore[union-attr]
    except Exception:  # the library has an error of its own for each way not to be a signature
        return False
    return True


def _import(key: bytes | Key) -> OKPKey:
    try:
        imported = OKPKey.import_key(key if isinstance(key, bytes) else {**key})
    except Exception:  # as many errors as there are ways not to be a key
        imported = None
    if imported is None or imported.curve_name != "Ed25519":
        raise DirectoryError("not_a_key")
    return imported


def _encode(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).decode().rstrip("=")


def _decode(part: str) -> bytes | None:
    """Decode a part, None where it is not written as `_encode` writes it: of two texts only one is signed."""
    try:
        decoded = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except ValueError:
        return None
    return decoded if _encode(decoded) == part else None


def _json_object(text: bytes | None) -> dict[str, Any] | None:
    try:
        said = json.loads(text or b"")
    except (ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) else None
