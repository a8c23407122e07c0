"""The elements that FHIR resources are made of: names and codes of the network, extensions, sealed blocks."""

import base64
import binascii
from collections.abc import Container, Iterable
from datetime import date, datetime
from enum import StrEnum
from typing import Any, get_args, get_origin
from uuid import UUID

from contracts.fields import Model

from .fhir_codes import ABSENT, PLACER
from .reading import Element, Json

URN = "urn:ruta:"
"""What the network's names of things begin with, as in the ids of the contracts' schemas."""

JOSE = "application/jose"
"""The media type of a sealed block (RFC 7515, section 9.2.1)."""

UUID_URN = "urn:uuid:"


# -- writing ----------------------------------------------------------------------------------------------------------


def identifier(kind: str, value: object) -> Json:
    """Name a thing of the network: `kind` is `referral`, `person`, `case_code`, `organisation`, `service`, …"""
    return {"system": URN + kind, "value": str(value)}


def placed_identifier(kind: str, value: object) -> Json:
    """Name a thing by what its sender calls it."""
    system, code = PLACER
    return {"type": {"coding": [{"system": system, "code": code}]}, **identifier(kind, value)}


def reference(resource: str, kind: str, value: object) -> Json:
    """Refer to a thing by its name alone (a logical reference): nothing else is known of it, and nothing is said."""
    return {"type": resource, "identifier": identifier(kind, value)}


def absent(reason: str) -> Json:
    """Stand in for a value that a guide asks for: `unknown`, or `masked` where it is not for everybody."""
    return {"extension": [{"url": ABSENT, "valueCode": reason}]}


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
            return {"valueUri": f"{UUID_URN}{value}"}
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


def the_one(answers: Iterable[str], element: Element, where: str) -> str | None:
    """Return the answer to a question that has one; two that differ are blamed."""
    different = set(answers)
    if len(different) > 1:
        element.findings.blame("repeated", where)
    return different.pop() if len(different) == 1 else None


def named(identifiers: Iterable[Element], *kinds: str) -> list[tuple[str, str]]:
    """Read what a thing is called in the network, as kind and value; a name that it no longer has is left unread."""
    found = []
    for one in identifiers:
        kind = str(one.look("system")).removeprefix(URN)
        if one.look("system") != URN + kind or kind not in kinds or one.look("use") == "old":
            continue
        one.read("system")
        if one.look("use") in ("usual", "official"):
            one.read("use")
        for coding in concept_codings(one.part("type")):
            if (coding.look("system"), coding.look("code")) == PLACER:
                coding.read("system")
                coding.read("code")
        if (value := one.text("value")) is not None:
            found.append((kind, value))
    return found


def concept_codings(found: Element | None) -> list[Element]:
    """The codings of a CodeableConcept that may be absent."""
    return found.parts("coding") if found is not None else []


def codes_of(found: Iterable[Element], system: str) -> list[str]:
    """Read the codes of one list, in CodeableConcepts."""
    codes = []
    for one in found:
        for coding in one.parts("coding"):
            if coding.look("system") == system:
                coding.read("system")
                if (code := coding.text("code")) is not None:
                    codes.append(code)
    return codes


def coded(found: Element | None, codelist: str) -> str | None:
    """Read the code of one of the network's lists in a CodeableConcept."""
    if found is None:
        return None
    return the_one(codes_of([found], f"{URN}code:{codelist}"), found, found.where)


def fields_of(
    found: Iterable[Element], record: type[Model], where: str, *, names: Container[str], within: str = URN
) -> Json:
    """Read back the extensions that hold fields of `record`; others are somebody else's, and left unread.

    `names` are the fields that live in extensions; what lives elsewhere is not said a second time here.
    """
    fields: Json = {}
    for one in found:
        url = one.look("url")
        name = url.removeprefix(within) if isinstance(url, str) else ""
        if url != within + name or name not in names or name not in record.model_fields:
            continue
        one.read("url")
        inner = _record_in(record.model_fields[name].annotation)
        place = f"{where}.{name}"
        if inner is None:
            value = read_value_x(one, place)
        else:
            value = fields_of(one.parts("extension"), inner, place, names=inner.model_fields, within="")
        put(fields, name, value, record, one, place)
    return fields


def put(fields: Json, name: str, value: Any, record: type[Model], element: Element, where: str) -> None:
    """Add a value that was read: to the list, where the field is one; a second value for another field is blamed."""
    if get_origin(record.model_fields[name].annotation) is tuple:
        fields.setdefault(name, []).append(value)
    elif name in fields:
        element.findings.blame("repeated", where)
    else:
        fields[name] = value


def read_value_x(found: Element, where: str) -> Any:
    """Read the one plain value of an extension or an output; none, or two, or another kind of value, is blamed."""
    names = [name for name in found.value if name.startswith("value") and name in found]
    if len(names) != 1:
        found.findings.blame("invalid_field" if names else "missing", where)
        return None
    value = found.read(names[0])
    if not isinstance(value, str | bool | int):
        found.findings.blame("invalid_field", where)
        return None
    return value.removeprefix(UUID_URN) if isinstance(value, str) else value


def read_sealed(resource: Element) -> str | None:
    """Take the sealed block out of its contained Binary; None when there is none."""
    where = f"{resource.where}.contained"
    blocks = [one for one in resource.parts("contained") if one.look("contentType") == JOSE]
    if len(blocks) > 1:
        resource.findings.blame("repeated", where)
    if len(blocks) != 1:
        return None
    blocks[0].read("contentType")
    data = blocks[0].text("data")
    try:
        return base64.b64decode(data or "", validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        resource.findings.blame("invalid_field", where)
    return None


def read_reference_to_sealed(references: Iterable[Element], resource: Element) -> None:
    """Read the references that lead to the sealed block of a resource."""
    for one in references:
        if any(
            block.look("contentType") == JOSE and one.look("reference") == f"#{block.look('id')}"
            for block in resource.parts("contained")
        ):
            one.read("reference")


def _record_in(annotation: Any) -> type[Model] | None:
    """The record that a field holds, alone, in a list, or if there is one."""
    for one in (annotation, *get_args(annotation)):
        if isinstance(one, type) and issubclass(one, Model):
            return one
    return None
