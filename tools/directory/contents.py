"""Finds the services in a document: one, a list, an organisation with its services, or a page of HSDS's API."""

from dataclasses import dataclass
from typing import Any, Final

from tools.directory.record import Json, Record

MAX_SERVICES: Final = 5000
PAGE: Final = ("total_items", "total_pages", "page_number", "size", "first_page", "last_page", "empty")


class NotAServiceError(Exception):
    """What is there cannot become a service of the network; the text says every reason, each in one sentence."""

    def __init__(self, *faults: str) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Contents:
    """The services of a document, what is dropped of that which is around them, and why some of them may be missing."""

    services: list[Json]
    dropped: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


def services_in(document: Any) -> list[Json]:
    """Return the services of a document; raises NotAServiceError where it has not the shape of any."""
    return contents_of(document).services


def contents_of(document: Any, *, organisation: str | None = None) -> Contents:
    """Find the services of a document, and account for the pages and organisations that they are in.

    Of an organisation that says it is another of the network than `organisation` nothing is taken. Raises
    NotAServiceError where the document has not the shape of any, or of another standard.
    """
    search = _Search(organisation)
    search.look_into(document, "")
    if len(search.services) > MAX_SERVICES:
        raise NotAServiceError(f"the file holds more than {MAX_SERVICES:,} services: send them in parts")
    return Contents(search.services, tuple(search.dropped), tuple(search.missing))


class _Search:
    def __init__(self, organisation: str | None) -> None:
        self.organisation = organisation
        self.services: list[Json] = []
        self.dropped: list[str] = []
        self.missing: list[str] = []

    def look_into(self, document: Any, path: str) -> None:
        if isinstance(document, list) and all(isinstance(one, dict) for one in document):
            for number, one in enumerate(document):
                self.look_into(one, f"{path}[{number}]")
            return
        if not isinstance(document, dict):
            raise NotAServiceError("the file holds neither a service, nor services, nor an organisation with services")
        inside = [name for name in ("contents", "content", "services") if isinstance(document.get(name), list)]
        if len(inside) > 1:
            raise NotAServiceError(f"it has both {' and '.join(inside)}, and only one can be where its services are")
        if isinstance(document.get("service"), dict) and "name" not in document:
            raise NotAServiceError("it is a service_at_location; what is read are services, which hold those")
        if not inside:
            self.services.append(document)
        elif inside == ["content"]:
            raise NotAServiceError(
                "it is a page of Open Referral UK 1, by content; what is read is HSDS 3, whose pages have contents"
            )
        elif inside == ["contents"]:
            self._look_into_a_page(document, path)
        else:
            self._look_into_an_organisation(document, path)

    def _look_into_a_page(self, page: Json, path: str) -> None:
        record = Record(page, self.dropped, path)
        inside = record.take("contents") or []
        said = {name: record.plain(name) for name in PAGE}
        total, pages = said["total_items"], said["total_pages"]
        if (
            (isinstance(total, int) and total > len(inside))
            or (isinstance(pages, int) and pages > 1)
            or said["first_page"] is False
            or said["last_page"] is False
        ):
            self.missing.append("it is one page of several: what is on the others is not in the file")
        record.close()
        self.look_into(inside, ".".join(one for one in (path, "contents") if one))

    def _look_into_an_organisation(self, organisation: Json, path: str) -> None:
        record = Record(organisation, self.dropped, path or "organization")
        services = record.take("services") or []
        others = organisation_of(record) - {self.organisation}
        record.close()
        if self.organisation is not None and others:
            self.missing.append("an organisation with its services is another one of the network, as it says itself")
        else:
            self.look_into(services, ".".join(one for one in (path, "services") if one))


def organisation_of(record: Record) -> set[str]:
    """Return which organisations of the network an organisation says that it is; who it is has been said by name."""
    name = record.plain("name")
    if record.peek("description") == name:
        record.take("description")
    found = set()
    for identifier in record.parts("organization_identifiers"):
        if identifier.peek("identifier_type") == "ruta":
            identifier.take("identifier_type")
            found.add(identifier.text("identifier"))
        else:
            identifier.drop()
    return found
