"""What organisations offer, by a directory in HSDS 3.0: where the people on a list may be referred to."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from tools.attendance.rows import UnusableFileError
from tools.attendance.spelling import plain
from tools.directory.importing import NotAServiceError, from_hsds, services_in


@dataclass(frozen=True, slots=True)
class Offer:
    """A service that takes referrals."""

    service_id: UUID
    name: str
    need_codes: frozenset[str]

    def is_called(self, name: str) -> bool:
        """Whether somebody means this service: by its name, or by its id where two have the same."""
        return plain(name) in (plain(self.name), plain(str(self.service_id)))


Offers = Mapping[str, Sequence[Offer]]
"""By the network's short name of the organisation."""


def read_offers(path: Path) -> Offers:
    """Read the active services of a directory as the network exports it; raise OSError or UnusableFileError.

    What it has no organisation of the network for, or no need, is nobody's that a list could name, and left out.
    """
    try:
        documents = services_in(json.loads(path.read_text(encoding="utf-8")))
    except (NotAServiceError, ValueError, RecursionError):
        raise UnusableFileError(f"{path} is not a directory of services in HSDS 3.0.") from None
    offers: dict[str, list[Offer]] = {}
    for document in documents:
        try:
            service = from_hsds(document).service
        except NotAServiceError:
            continue
        if service.active:
            offer = Offer(service.service_id, service.name, frozenset(service.need_codes))
            for organisation in _organisations(document):
                offers.setdefault(organisation, []).append(offer)
    return offers


def _organisations(document: dict[str, Any]) -> list[str]:
    """Return the network's name of a document's organisation; none where the document does not say."""
    organisation = document.get("organization")
    identifiers = organisation.get("organization_identifiers") if isinstance(organisation, dict) else None
    return [
        str(one["identifier"])
        for one in (identifiers if isinstance(identifiers, list) else [])
        if isinstance(one, dict) and one.get("identifier_type") == "ruta" and "identifier" in one
    ]
