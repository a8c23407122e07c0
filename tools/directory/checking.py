"""Whether a document is what HSDS 3.0's official schema says a service is."""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

from tools.directory.terms import HERE


def faults(document: Any) -> Iterator[str]:
    """Yield where a service's document does not fit the schema, as a path and the rule that is broken."""
    for error in _validator().iter_errors(document):
        yield f"{'.'.join(str(part) for part in error.absolute_path) or 'document'}: {error.validator}"


@cache
def _validator() -> Draft202012Validator:
    schema = json.loads((HERE / "hsds" / "service_with_definitions.json").read_text(encoding="utf-8"))
    return Draft202012Validator(schema, format_checker=FormatChecker())
