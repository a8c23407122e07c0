"""The elements that FHIR resources are made of: names and codes of the network, extensions, sealed blocks."""

import base64
import binascii
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Any, get_args, get_origin
from uuid import UUID

from contracts.fields import Model

from .reading import Json, Untranslatable

URN = "urn:ruta:"
"""What the network's names of things begin with, as in the ids of the contracts' schemas."""

JOSE = "application/jose"
"""The media type of a sealed block (RFC 7515, section 9.2.1)."""

_UUID = "urn:uuid:"


# -- writing ----------------------------------------------------------------------------------------------------------


def identifier(kind: str, value: object) -> Json:
    """Name a thing of the network: `kind` is `referral`, `person`, `case_code`, `organisation`, `service`, …"""
    return {"system": URN + kind, "value": str(value)}


def reference(resource: str, kind: str, value: object) -> Json:
    """Refer to a thing by its name alone (a logical reference): nothing else is known of it, and nothing is said."""
    return {"type": resource, "identifier": identifier(kind, value)}


def concept(*codes: tuple[str, object]) -> Json:
    """Write codes of the network, each with the list it is from."""
    return {"coding": [{"system": f"{URN}code:{codelist}", "code": str(code)} for codelist, code in codes]}


def extensions(fields: Iterable[tuple[str, object]], *, within: str = URN) -> list[Json]:
    """Write fields that FHIR has no element for: one extension for each value of a list, nested ones for a record."""
    written: list[Json] = []
    for name, value in fields:
        for one in value if isinstance(value, tuple) else (value,):
            if isinstance(one, Model):
                written.append({"url": within + name, "extension": extensions(one, within="")})
            elif one is not None:
                written.append({"url": within + name, **value_x(one)})
    return written


def value_x(value: object) -> Json:
    """Write one plain value under the element that is named for its type, such as `valueCode`."""
    match value:
        case bool():
            return {"valueBoolean": value}
        case int():
            return {"valueInteger": value}
        case datetime():
            return {"valueDateTime": moment(value)}
        case date():
            return {"valueDate": value.isoformat()}
        case StrEnum():
            return {"valueCode": value.value}
        case UUID():
            return {"valueUri": f"{_UUID}{value}"}
        case str():
            return {"valueString": value}
    raise TypeError(f"FHIR has no plain value for {type(value).__name__}")


def moment(time: datetime) -> str:
    """Write a moment as FHIR has it."""
    return time.isoformat().replace("+00:00", "Z")


def sealed_block(sealed: str) -> Json:
    """Put a sealed block into a contained Binary, still sealed."""
    data = base64.b64encode(sealed.encode()).decode()
    return {"resourceType": "Binary", "id": "sealed", "contentType": JOSE, "data": data}


SEALED_REFERENCE: Json = {"reference": "#sealed"}


# -- reading ----------------------------------------------------------------------------------------------------------


def named(identifiers: Iterable[Json], kind: str) -> str | None:
    """Find what a thing is called in the network, among all that it is called."""
    for one in identifiers:
        if one.get("system") == URN + kind:
            return one.get("value")
    return None


def coded(found: Json | None, codelist: str) -> str | None:
    """Find the code of one of the network's lists in a CodeableConcept."""
    for coding in (found or {}).get("coding", []):
        if coding.get("system") == f"{URN}code:{codelist}":
            return str(coding.get("code"))
    return None


def fields_of(found: Iterable[Json], record: type[Model], where: str, *, within: str = URN) -> Json:
    """Read back the extensions that hold fields of `record`; others are somebody else's, and left alone."""
    fields: Json = {}
    for one in found:
        name = one.get("url", "").removeprefix(within)
        if one.get("url") != within + name or name not in record.model_fields:
            continue
        inner = _record_in(record.model_fields[name].annotation)
        place = f"{where}.{name}"
        if inner is None:
            value = read_value_x(one, place)
        else:
            value = fields_of(one.get("extension", []), inner, place, within="")
        put(fields, name, value, record, place)
    return fields


def put(fields: Json, name: str, value: Any, record: type[Model], where: str) -> None:
    """Add a value that was read: to the list, where the field is one; a second value for another field is refused."""
    if get_origin(record.model_fields[name].annotation) is tuple:
        fields.setdefault(name, []).append(value)
    elif name in fields:
        raise Untranslatable("repeated", where)
    else:
        fields[name] = value


def read_value_x(found: Json, where: str) -> Any:
    """Read the one plain value of an extension or an output; raise Untranslatable when there is none, or two."""
    values = {name: value for name, value in found.items() if name.startswith("value")}
    if len(values) != 1:
        raise Untranslatable("invalid_field" if values else "missing", where)
    ((_, value),) = values.items()
    if not isinstance(value, str | bool | int):
        raise Untranslatable("invalid_field", where)
    return value.removeprefix(_UUID) if isinstance(value, str) else value


def read_sealed(resource: Mapping[str, Any], where: str) -> str | None:
    """Take the sealed block out of its contained Binary; None when there is none."""
    blocks = [one for one in resource.get("contained", []) if one.get("contentType") == JOSE]
    if len(blocks) > 1:
        raise Untranslatable("repeated", f"{where}.contained")
    if not blocks:
        return None
    try:
        return base64.b64decode(blocks[0].get("data", ""), validate=True).decode("ascii")
    except (binascii.Error, ValueError, TypeError):
        pass
    raise Untranslatable("invalid_field", f"{where}.contained")


def _record_in(annotation: Any) -> type[Model] | None:
    """The record that a field holds, alone, in a list, or if there is one."""
    for one in (annotation, *get_args(annotation)):
        if isinstance(one, type) and issubclass(one, Model):
            return one
    return None
