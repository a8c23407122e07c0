"""The names that the directory gives to codes, and what other people's terms mean here."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from contracts import NoWords, label
from contracts.words import capital
from tools.directory.files import UnreadableFileError, read_bytes

MAX_BYTES: Final = 256 * 1024
HERE: Final = Path(__file__).parent

# The taxonomies that the export's terms are of.
NEEDS, ELIGIBILITY, DOCUMENTS, MARKS = "ruta-needs", "ruta-eligibility", "ruta-documents", "ruta-marks"


def name_of(of: str, code: str) -> str:
    """Name a code of the list `of` in Spanish; a need or a language without a name is its own."""
    try:
        return capital(label(code, of=of))
    except NoWords:
        return code


class UnusableTermsError(Exception):
    """A file of terms is not as it should be; the text says why."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What somebody else's words mean here: explicit, since no term of another taxonomy means a need by itself."""

    needs: Mapping[str, str] = field(default_factory=dict)  # `taxonomy:code` of a term, to a need
    places: Mapping[str, str] = field(default_factory=dict)  # a city or a service area, to a DIVIPOLA code
    documents: Mapping[str, str] = field(default_factory=dict)  # a required document, to a document type


def read_terms(path: Path) -> Terms:
    """Read a file with the tables `needs`, `places` and `documents`; raises UnusableTermsError."""
    try:
        said = tomllib.loads(read_bytes(path, at_most=MAX_BYTES).decode())
    except UnreadableFileError as error:
        raise UnusableTermsError(str(error)) from None
    except (ValueError, RecursionError):  # tomllib's own errors, and bytes that are not UTF-8
        raise UnusableTermsError(f"{path} is not TOML") from None
    tables = {name: said.pop(name, {}) for name in ("needs", "places", "documents")}
    if said or not all(isinstance(table, dict) for table in tables.values()):
        raise UnusableTermsError(f"{path} has to have the tables needs, places and documents, and nothing else")
    if not all(isinstance(meaning, str) for table in tables.values() for meaning in table.values()):
        raise UnusableTermsError(f"{path} has to say what each term means in one code")
    return Terms(**tables)
