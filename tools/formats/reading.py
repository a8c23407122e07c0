"""What every format shares: reading hostile JSON, and refusing what cannot be translated without repeating it."""

import json
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import from_json

from contracts.fields import Model

Json = dict[str, Any]
"""A JSON object."""

MAX_BYTES = 1024 * 1024
"""The longest document that is read; a sealed block of the greatest length fits several times."""

MAX_DEPTH = 32
"""How many objects and lists may lie within each other."""

_Data = TypeVar("_Data", bound=Model)


class Untranslatable(Exception):
    """A document that cannot be translated; says which rule it breaks and where, and never what it contains.

    Codes of reading: `too_large`, `not_json`, `not_an_object`, `too_deep`, `nul_character`. Codes of every format:
    `missing`, `invalid_field`, `unknown_code`; each format adds its own.
    """

    def __init__(self, code: str, where: str | None = None) -> None:
        super().__init__(code if where is None else f"{code} at {where}")
        self.code = code
        self.where = where
        """The dotted path of the element to blame, in the words of the format; None when it is the whole document."""


def read_json(raw: bytes) -> Json:
    """Read a document from outside; raise Untranslatable when it is not one JSON object of a reasonable size."""
    if len(raw) > MAX_BYTES:
        raise Untranslatable("too_large")
    try:
        document = from_json(raw, allow_inf_nan=False)
    except ValueError:
        document = None
    # Errors are raised outside the except blocks, so that none carries one that has seen the content.
    if document is None:
        raise Untranslatable("not_json")
    return check_object(document)


def check_object(document: object) -> Json:
    """Let a JSON object pass that is not too deep and has no NUL, in a key or a value; raise Untranslatable."""
    if not isinstance(document, dict):
        raise Untranslatable("not_an_object")
    level: list[object] = [document]
    for _ in range(MAX_DEPTH):
        below: list[object] = []
        for value in level:
            if isinstance(value, dict):
                below += value.keys()
                below += value.values()
            elif isinstance(value, list | tuple):
                below += value
            elif isinstance(value, str) and "\0" in value:
                raise Untranslatable("nul_character")
        if not below:
            return document
        level = below
    raise Untranslatable("too_deep")


def read_contract(contract: type[_Data], fields: Mapping[str, Any], homes: Mapping[str, str]) -> _Data:
    """Make the data of a contract of JSON values; raise Untranslatable with the home of the field to blame.

    `homes` says where in the foreign document each field comes from; a field that it does not name keeps its own name.
    """
    present = {name: value for name, value in fields.items() if value is not None}
    try:
        return contract.model_validate_json(json.dumps(present))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
    path = [str(part) for part in first["loc"]]
    if first["type"] == "rule_between_fields":
        path.append(first["ctx"]["where"])
    code = "missing" if first["type"] == "missing" else "invalid_field"
    raise Untranslatable(code, ".".join([homes.get(path[0], path[0]), *path[1:]]))
