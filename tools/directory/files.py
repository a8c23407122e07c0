"""Reads a JSON file that somebody else has written: bounded before it is decoded, and strict where JSON is lax."""

import json
import stat
from pathlib import Path
from typing import Any, Final

from pydantic_core import from_json

MAX_BYTES: Final = 12 * 1024 * 1024
MAX_VALUES: Final = 300_000
"""About what 12 MB of services hold. Of brackets alone it would be millions, and fifty times its bytes of memory."""


class UnreadableFileError(Exception):
    """A file cannot be read; the text says why in one sentence, and nothing of what it holds."""


def read_json(path: Path) -> Any:
    """Read a file of at most 12 MB and 300,000 values, as UTF-8 with or without its mark.

    A name that stands twice in one object is refused, since either could be meant. Raises UnreadableFileError.
    """
    raw = read_bytes(path, at_most=MAX_BYTES).removeprefix(b"\xef\xbb\xbf")
    if sum(map(raw.count, (b",", b":", b"[", b"{"))) > MAX_VALUES:
        raise UnreadableFileError(f"{path} holds more than {MAX_VALUES:,} values: send it in parts")
    try:
        raw.decode()
    except UnicodeDecodeError:
        raise UnreadableFileError(f"{path} is not UTF-8") from None
    try:
        from_json(raw, allow_inf_nan=False)  # its depth is bounded, and half a surrogate pair is refused
        return json.loads(raw, object_pairs_hook=_each_name_once)
    except (ValueError, RecursionError):
        raise UnreadableFileError(f"{path} is not JSON, or lies too deep within itself") from None


def read_bytes(path: Path, *, at_most: int) -> bytes:
    """Read an ordinary file; raises UnreadableFileError, also where it holds more than that many bytes."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a device or a pipe need not end
            raise UnreadableFileError(f"{path} is no ordinary file")
        with path.open("rb") as file:
            raw = file.read(at_most + 1)
    except (OSError, ValueError) as error:  # ValueError: a path with NUL
        why = error.strerror if isinstance(error, OSError) else "it is no path"
        raise UnreadableFileError(f"cannot read {path}: {why}") from None
    if len(raw) > at_most:
        raise UnreadableFileError(f"{path} holds more than {at_most // 1024:,} kB")
    return raw


def _each_name_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise UnreadableFileError("an object of the file says a field twice, and either could be meant")
    return found
