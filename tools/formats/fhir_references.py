"""Where a reference leads, as R4 says for Bundles (http://hl7.org/fhir/R4/bundle.html#references)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from .fhir_codes import RESOURCE_OF
from .fhir_elements import UUID_URN, named
from .reading import Element

_RESTFUL: Final = re.compile(
    r"(?P<root>https?://[^?#\s]+/)?(?P<type>[A-Z][A-Za-z]+)/(?P<id>[A-Za-z0-9.-]{1,64})"
    r"(?:/_history/(?P<version>[A-Za-z0-9.-]{1,64}))?"
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A resource in a Bundle, and the URL that the Bundle knows it by."""

    resource: Element
    full_url: str | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a reference stands: the resource around it, and the Bundle around that, if there is one."""

    entry: Entry
    entries: Sequence[Entry] = ()

    def leads_to(self, reference: Element) -> Element | None:
        """Find the resource that a reference leads to: one contained, or another entry. Several are blamed.

        A relative reference is one of the server that its own entry is from. Where that entry is from no server, the
        standard leaves it to us: then it is the only entry of that type and id.
        """
        target = reference.look("reference")
        if not isinstance(target, str):
            return None
        if target.startswith("#"):
            found = [one for one in self.entry.resource.parts("contained") if target == f"#{one.look('id')}"]
        else:
            found = [one.resource for one in self.entries if self._is_at(one, target)]
        if len(found) > 1:
            reference.findings.blame("repeated", reference.where)
        return found[0] if len(found) == 1 else None

    def _is_at(self, entry: Entry, target: str) -> bool:
        said = _RESTFUL.fullmatch(target)
        if said is None:
            return entry.full_url is not None and _same(entry.full_url, target)
        if said["version"] is not None:
            meta = entry.resource.look("meta")
            version = meta.get("versionId") if isinstance(meta, dict) else None
            if version is not None and version != said["version"]:
                return False
        own = _RESTFUL.fullmatch(self.entry.full_url or "")
        root = said["root"] or (own["root"] if own else None)
        if root is not None:
            at = _RESTFUL.fullmatch(entry.full_url or "")
            return at is not None and (at["root"], at["type"], at["id"]) == (root, said["type"], said["id"])
        return (entry.resource.look("resourceType"), entry.resource.look("id")) == (said["type"], said["id"])

    def names_of(self, reference: Element, *kinds: str) -> list[tuple[str, str]]:
        """Read by which names of the network a reference goes: its own, and those of what it leads to.

        A type that is not that of the name, or of what is found, is blamed, as is what is not in use any more.
        """
        own = reference.part("identifier")
        names = named([own], *kinds) if own is not None else []
        target = self.leads_to(reference)
        if target is not None:
            there = named(target.parts("identifier"), *kinds)
            if there:
                reference.read("reference")
                if target.read("active") is False:
                    reference.findings.blame("not_active", target.at("active"))
            names += there
        if names:
            said = reference.read("type")
            found = target.look("resourceType") if target is not None else None
            if any(one not in (None, RESOURCE_OF[kind]) for kind, _ in names for one in (said, found)):
                reference.findings.blame("contradicts", reference.at("type"))
        return names


def _same(one: str, other: str) -> bool:
    """Tell whether two URLs are one; the digits of a UUID may be in capitals."""
    return one == other or (one.lower() == other.lower() and one.lower().startswith(UUID_URN))
