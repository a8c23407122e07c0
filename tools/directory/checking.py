"""Whether a document is what HSDS says a service is: 3.0 by its official schema, 3.1 by a list of what it requires."""

import json
import tomllib
from collections.abc import Iterator
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

from tools.directory.terms import HERE


def faults(document: Any) -> Iterator[str]:
    """Yield where a service's document does not fit the schema of 3.0, as a path and the rule that is broken."""
    for error in _validator().iter_errors(document):
        yield f"{'.'.join(str(part) for part in error.absolute_path) or 'document'}: {error.validator}"


def lacking(page: Any) -> Iterator[str]:
    """Yield what 3.1 requires and a page of services lacks, as a path."""
    yield from _lacking(page, "page", "")


def _lacking(value: Any, table: str, path: str) -> Iterator[str]:
    said = _required()[table]
    yield from (f"{path}{name}" for name in said["required"] if value.get(name) is None)
    for name, inner in said.get("holds", {}).items():
        held = value.get(name)
        for number, one in enumerate(held if isinstance(held, list) else [held] if held is not None else []):
            yield from _lacking(one, inner, f"{path}{name}.{number}." if isinstance(held, list) else f"{path}{name}.")


@cache
def _required() -> dict[str, Any]:
    return tomllib.loads((HERE / "hsds" / "required_3_1.toml").read_text(encoding="utf-8"))


@cache
def _validator() -> Draft202012Validator:
    schema = json.loads((HERE / "hsds" / "service_with_definitions.json").read_text(encoding="utf-8"))
    return Draft202012Validator(schema, format_checker=FormatChecker())
