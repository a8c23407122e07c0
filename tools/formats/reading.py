"""What every format shares: reading hostile JSON, knowing what was not read, and refusing without repeating it."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, NoReturn, Self, TypeVar

from pydantic import ValidationError

from contracts.fields import Model

from .refusals import REFUSALS

Json = dict[str, Any]
"""A JSON object."""

MAX_BYTES = 1024 * 1024
"""The longest document that is read; a sealed block of the greatest length fits several times."""

MAX_VALUES = 10_000
"""How many values a document may have, objects and lists among them: each costs far more memory than its bytes."""

MAX_DEPTH = 32
"""How many objects and lists may lie within each other."""

MAX_FAULTS = 100
"""How many faults are told of one document."""

_HALF_A_CHARACTER = re.compile("[\ud800-\udfff]")

_Data = TypeVar("_Data")
_Record = TypeVar("_Record", bound=Model)


# ---------------------------------------------------------------------------------------------------------------------
# What is wrong, and what was left out
# ---------------------------------------------------------------------------------------------------------------------


class Fault(NamedTuple):
    """One thing that is wrong with a document."""

    code: str
    """One of REFUSALS."""
    where: str | None = None
    """The dotted path of the element to blame, in the words of the format; None when it is the whole document."""

    def __str__(self) -> str:
        return self.code if self.where is None else f"{self.code} at {self.where}"


class Untranslatable(Exception):
    """A document that cannot be translated; carries all of its faults, and never what the document contains."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__("; ".join(map(str, faults)))
        self.faults = faults


def refuse(code: str, where: str | None = None) -> NoReturn:
    """Raise Untranslatable with one fault."""
    raise Untranslatable(Fault(code, where))


@dataclass(frozen=True, slots=True)
class Translation(Generic[_Data]):
    """What a document says, and what it says besides that has no place in the network."""

    data: _Data
    dropped: tuple[str, ...]
    """The paths of what was left out, each once."""


class Findings:
    """What comes of reading a document besides its data: faults, and what was left out; each is kept once."""

    def __init__(self) -> None:
        self._faults: dict[Fault, None] = {}
        self._dropped: dict[str, None] = {}

    def blame(self, code: str, where: str | None) -> None:
        """Note a fault; a field that was blamed already is not said to be missing as well."""
        assert code in REFUSALS, code
        if len(self._faults) < MAX_FAULTS and not (code == "missing" and self.blames(where)):
            self._faults[Fault(code, where)] = None

    def blames(self, where: str | None = None, *, codes: frozenset[str] | None = None) -> bool:
        """Tell whether a fault was found: at a place or within it, of certain codes."""
        return any(
            (where is None or f"{fault.where}.".startswith(f"{where}.")) and (codes is None or fault.code in codes)
            for fault in self._faults
        )

    def drop(self, where: str) -> None:
        """Note that something is left out."""
        self._dropped[where] = None

    def refuse(self) -> None:
        """Raise Untranslatable with all faults, if there are any."""
        if self._faults:
            raise Untranslatable(*self._faults)

    def finish(self, data: _Data | None) -> Translation[_Data]:
        """Return what was read; raise Untranslatable when anything is wrong with it."""
        self.refuse()
        assert data is not None  # what could not be read was blamed
        return Translation(data, tuple(self._dropped))


class Element:
    """An object of a document that knows which of its parts were read: the others are dropped, and named.

    `where` is its path in the words of the format, and is shown to people.
    """

    def __init__(self, value: Json, where: str, findings: Findings) -> None:
        self.value = value
        self.where = where
        self.findings = findings
        self._read: set[str] = set()
        self._below: dict[str, list[Self]] = {}
        self._left_out = False

    def __contains__(self, name: str) -> bool:
        return self.look(name) is not None

    def look(self, name: str) -> Any:
        """Return a value without having read it; null is nothing, as if it were not there."""
        return self.value.get(name)

    def read(self, name: str) -> Any:
        """Read a value, whatever it is."""
        self._read.add(name)
        return self.look(name)

    def text(self, name: str) -> str | None:
        """Read a text; anything else is blamed."""
        value = self.read(name)
        if value is None or isinstance(value, str):
            return value
        self.findings.blame("invalid_field", self.at(name))
        return None

    def parts(self, name: str) -> list[Self]:
        """Open the objects of a list; anything else is blamed."""
        return self._open(name, list)

    def part(self, name: str) -> Self | None:
        """Open the one object that stands there; anything else is blamed."""
        return next(iter(self._open(name, dict)), None)

    def _open(self, name: str, shape: type) -> list[Self]:
        if name not in self._below:
            found = self.look(name)
            items = found if isinstance(found, list) else [] if found is None else [found]
            if not all(isinstance(item, dict) for item in items) or (found is not None and type(found) is not shape):
                self.findings.blame("invalid_field", self.at(name))
                items = []
            self._below[name] = [
                type(self)(item, self.place(name, number, item), self.findings) for number, item in enumerate(items)
            ]
        return self._below[name]

    def place(self, name: str, number: int, item: Json) -> str:
        """The path of an object below; that it is one of several is not shown."""
        return self.at(name)

    def leave_out(self) -> None:
        """Drop the whole of it, whatever was read."""
        self._left_out = True

    def at(self, name: str) -> str:
        """The path of a part."""
        return f"{self.where}.{self.shown(name)}" if self.where else self.shown(name)

    def shown(self, name: str) -> str:
        """How a part is called before people; FHIR checks the names of its elements, and `_name` extends `name`."""
        return f"{name[1:]}.extension" if name.startswith("_") else name

    def drop_what_is_unread(self) -> None:
        """Name what nobody has read, once the reading is over: a part of which nothing was read as a whole."""
        if self._left_out or (self.where and not self.is_read()):
            self.findings.drop(self.where)
            return
        for name in self.value:
            if name in self._below:
                for part in self._below[name]:
                    part.drop_what_is_unread()
            elif name not in self._read and name in self:
                self.findings.drop(self.at(name))

    def is_read(self) -> bool:
        """Tell whether anything in it was read."""
        return bool(self._read) or any(part.is_read() for parts in self._below.values() for part in parts)


# ---------------------------------------------------------------------------------------------------------------------
# JSON
# ---------------------------------------------------------------------------------------------------------------------


class _RepeatedName(Exception):
    """An object with two values of one name: JSON does not say which of them counts."""


def read_json(raw: bytes) -> Json:
    """Read a document from outside; raise Untranslatable when it is not one JSON object of a reasonable size."""
    if len(raw) > MAX_BYTES:
        refuse("too_large")
    code = "not_json"
    document: object = None
    try:
        document = json.loads(
            raw.decode("utf-8-sig"), object_pairs_hook=_object, parse_constant=_no_number, parse_float=_number
        )
        code = ""
    except RecursionError:
        code = "too_deep"
    except _RepeatedName:
        code = "repeated_name"
    except ValueError:  # UnicodeDecodeError and JSONDecodeError are ones, and numbers of many thousand digits
        pass
    # Errors are raised outside the except blocks, so that none carries one that has seen the content.
    if code:
        refuse(code)
    return check_object(document)


def _object(pairs: list[tuple[str, Any]]) -> Json:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _RepeatedName
    return found


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError
    return number


def _no_number(text: str) -> NoReturn:
    raise ValueError


def check_object(document: object) -> Json:
    """Let a JSON object pass that is not too large or too deep and can be written again; raise Untranslatable."""
    if not isinstance(document, dict):
        refuse("not_an_object")
    level: list[object] = [document]
    values = 0
    for _ in range(MAX_DEPTH):
        below: list[object] = []
        values += len(level)
        if values > MAX_VALUES:
            refuse("too_large")
        for value in level:
            if isinstance(value, dict):
                below += value.values()
                for name in value:
                    _check_text(name)
            elif isinstance(value, list | tuple):
                below += value
            elif isinstance(value, str):
                _check_text(value)
        if not below:
            return document
        level = below
    refuse("too_deep")


def _check_text(text: object) -> None:
    if not isinstance(text, str):
        refuse("not_json")
    if "\0" in text:
        refuse("nul_character")
    if not text.isascii() and _HALF_A_CHARACTER.search(text):
        refuse("not_json")


# ---------------------------------------------------------------------------------------------------------------------
# Contracts
# ---------------------------------------------------------------------------------------------------------------------


def read_contract(
    contract: type[_Record], fields: Mapping[str, Any], homes: Mapping[str, str], findings: Findings
) -> _Record | None:
    """Make the data of a contract of JSON values; blame the home of each field that it does not take, and return None.

    `homes` says where in the foreign document each field comes from; a field that it does not name keeps its own name.
    """
    present = {name: value for name, value in fields.items() if value is not None}
    try:
        return contract.model_validate_json(json.dumps(present))
    except ValidationError as error:
        faults = error.errors(include_input=False, include_url=False)
    for fault in faults:
        path = [str(part) for part in fault["loc"]]
        if fault["type"] == "rule_between_fields":
            path.append(fault["ctx"]["where"])
        code = "missing" if fault["type"] == "missing" else "invalid_field"
        where = ".".join([homes.get(path[0], path[0]), *path[1:]])
        if not findings.blames(where):
            findings.blame(code, where)
    return None
