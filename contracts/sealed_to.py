"""For whom the sealed blocks of a message are, and to which key each is sealed: what one knows without opening any.

It needs no library for sealing: the header of a block is in clear.
"""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from .envelope import Message
from .fields import SEALED_PATTERN, For, Model, SealedTo
from .marks import fields_within, marked


class SealedBlock(NamedTuple):
    """A sealed block of a message."""

    where: str
    """The field, as a dotted path, such as `data.sealed`."""
    whom: For
    reader: str | None
    """The organisation that it is for; None where only who knows the referral can tell."""
    key_id: str | None
    """The `kid` of the key that it says it is sealed to; None where it does not say one."""


def sealed_blocks(message: Message[Any]) -> Iterator[SealedBlock]:
    """Return each sealed block of a message, however deep."""
    for where, sealed, mark, within in marked(message.data, SealedTo, "data"):
        reader: str | None = None
        match mark.whom:
            case For.HUB:
                reader = "hub"
            case For.NAMED:
                reader = within.recipient
            case For.ADDRESSEE:
                reader = within.addressee
            case For.READER:
                reader = message.recipient
            case For.SENDER | For.RECIPIENT:
                pass
        yield SealedBlock(where, mark.whom, reader, key_id(sealed))


def key_id(sealed: str) -> str | None:
    """Read the `kid` in the clear header of a block; None where there is none, or several, or one that is no text."""
    encoded = sealed.partition(".")[0]
    try:
        decoded = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()
        header = json.loads(decoded, object_pairs_hook=_each_once)
    except (ValueError, RecursionError):
        return None
    found = header.get("kid") if isinstance(header, dict) else None
    return found if isinstance(found, str) else None


def thumbprint(public_key: Mapping[str, Any]) -> str:
    """Return the RFC 7638 thumbprint of a P-256 key, its `kid`; ValueError when it is no such key."""
    parts = {name: public_key.get(name) for name in ("crv", "kty", "x", "y")}  # in the order that the RFC asks for
    if (parts["crv"], parts["kty"]) != ("P-256", "EC") or not all(isinstance(one, str) for one in parts.values()):
        raise ValueError("not a P-256 key")
    digest = hashlib.sha256(json.dumps(parts, separators=(",", ":")).encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def unsaid(model: type[Model]) -> Iterator[str]:
    """Name each field that takes a sealed block, however deep, without one mark of whom it is for."""
    for where, parts in fields_within(model):
        marks = [part for part in parts if isinstance(part, SealedTo)]
        sealed = [part for part in parts if getattr(part, "pattern", None) == SEALED_PATTERN]
        if sealed and len(marks) != len(sealed):
            yield where


def _each_once(members: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object of its members; of a name that is there twice two readers may believe different ones."""
    made = dict(members)
    if len(made) != len(members):
        raise ValueError("a name twice")
    return made
