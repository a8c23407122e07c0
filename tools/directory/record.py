"""An object of a document that knows which of its fields were read, and names those that were not."""

import re
from typing import Any, Final

Json = dict[str, Any]

# Where an object hangs in the document, which its place in it says already.
LINKS: Final = frozenset(
    {
        "id", "service_id", "location_id", "service_at_location_id", "organization_id", "phone_id", "contact_id",
        "link_id", "link_entity", "taxonomy_term_id",
    }
)  # fmt: skip
_SHOWN: Final = re.compile("[A-Za-z_][A-Za-z0-9_.:-]{0,63}")


class Record:
    """One object, under its path such as `schedules[0]`; what is not taken of it by the end is named in `dropped`."""

    def __init__(self, fields: Json, dropped: list[str], path: str = "") -> None:
        self.path = path
        self._left = {name: value for name, value in fields.items() if not is_nothing(value)}
        self._dropped = dropped
        self._parts: list[Record] = []

    def take(self, name: str) -> Any:
        """Return a field's value, which is read then; None where it says nothing."""
        return self._left.pop(name, None)

    def plain(self, name: str) -> Any:
        """Return a text, a number or a boolean; None where there is none, or something else, which is named."""
        value = self.take(name)
        if isinstance(value, dict | list):
            self.drop(name, "neither text nor number")
            return None
        return value

    def text(self, name: str) -> str:
        """Return a text without blanks around it; empty where there is none, or something else, which is named."""
        value = self.plain(name)
        if value is None or isinstance(value, str):
            return (value or "").strip()
        self.drop(name, "no text")
        return ""

    def peek(self, name: str) -> Any:
        """Return a field's value without having read it."""
        return self._left.get(name)

    def part(self, name: str) -> "Record | None":
        """Return the object in a field; None where there is none, or something else, which is named."""
        value = self.take(name)
        if isinstance(value, dict):
            return self._part(value, name)
        if value is not None:
            self.drop(name, "no object")
        return None

    def parts(self, name: str) -> list["Record"]:
        """Return the objects in a field; what is not a list of objects is named."""
        value = self.take(name)
        if value is not None and not isinstance(value, list):
            self.drop(name, "no list")
            return []
        found = []
        for number, one in enumerate(value or ()):
            if isinstance(one, dict):
                found.append(self._part(one, f"{name}[{number}]"))
            elif not is_nothing(one):
                self.drop(f"{name}[{number}]", "no object")
        return found

    def drop(self, name: str = "", why: str = "") -> None:
        """Name a field, or the whole, as dropped, with the reason where it has one; nothing below it is named then."""
        if name:
            self.take(name)
        else:
            self._left, self._parts = {}, []
        path = ".".join(one for one in (self.path, name) if one)
        self._dropped.append(f"{path}: {why}" if why else path)

    def close(self) -> None:
        """Name what has not been taken of this and of what it holds."""
        for name, value in self._left.items():
            if name not in LINKS or isinstance(value, dict | list):
                path = name if _SHOWN.fullmatch(name) else "(a field of another name)"
                self._dropped.append(f"{self.path}.{path}" if self.path else path)
        for part in self._parts:
            part.close()
        self._left, self._parts = {}, []

    def _part(self, fields: Json, name: str) -> "Record":
        part = Record(fields, self._dropped, f"{self.path}.{name}" if self.path else name)
        self._parts.append(part)
        return part


def is_nothing(value: Any) -> bool:
    """Whether a value says nothing; false and 0 do."""
    return value is None or value == "" or value == [] or value == {}
