"""What a form asks for, as the contract of what it says has it; and what was typed, as the contract takes it.

The fields come from the contract's model, so that a form can ask for nothing else, and lacks nothing.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any, Final
from uuid import UUID

import annotated_types
from pydantic import ValidationError

from contracts.blocks import LongText, NoteBlock
from contracts.codes import NeedCode
from contracts.fields import Ahead, For, Model, Need, OrganisationId, SealedTo
from contracts.marks import fields_within, parts_of
from contracts.referral import AddressedNote
from hub.console.web.words import N_
from messaging.believing import COLOMBIA

OF_THE_REFERRAL: Final = "referral_id"
LONGEST_NOTE: Final = next(part.max_length for part in parts_of(LongText) if isinstance(part, annotated_types.MaxLen))
MOMENT: Final = "%Y-%m-%dT%H:%M"  # as browsers write a `datetime-local`, which has no zone: it is the centre's


class Kind(StrEnum):
    """How something is asked for."""

    CHOICE = "choice"
    CHOICES = "choices"
    NUMBER = "number"
    MOMENT = "moment"
    NOTE = "note"
    NOTES = "notes"
    """The same words for several, sealed for each."""
    REFERRAL = "referral"
    PARTY = "party"


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that is asked for."""

    name: str
    kind: Kind
    required: bool
    of: str = ""
    """The list of codes that it is one or several of."""
    values: Sequence[str] = ()
    lowest: int | None = None
    highest: int | None = None
    whom: For | None = None
    """Who can read a note."""
    is_planned: bool = False
    """Of a moment: whether it lies ahead; otherwise behind."""


@cache
def fields_of(model: type[Model]) -> tuple[Field, ...]:
    """What a contract asks for beside its referral. Raises ValueError for a field that no form can ask for."""
    found = []
    for name, parts in fields_within(model):
        if name != OF_THE_REFERRAL and "." not in name:  # of a list of models, the list is asked for as a whole
            found.append(_field(name, parts, required=model.model_fields[name].is_required()))
    return tuple(found)


def _field(name: str, parts: Sequence[Any], *, required: bool) -> Field:
    kinds = [part for part in parts if isinstance(part, type)]
    several = any(isinstance(part, annotated_types.MaxLen) for part in parts)
    if mark := next((part for part in parts if isinstance(part, SealedTo)), None):
        return Field(name, Kind.NOTE, required, whom=mark.whom)
    if AddressedNote in kinds:
        return Field(name, Kind.NOTES, required)
    if codes := next((kind for kind in kinds if issubclass(kind, StrEnum)), None):
        return Field(
            name, Kind.CHOICES if several else Kind.CHOICE, required, codes.__name__, [one.value for one in codes]
        )
    if datetime in kinds:
        return Field(name, Kind.MOMENT, required, is_planned=any(isinstance(part, Ahead) for part in parts))
    if UUID in kinds:
        return Field(name, Kind.REFERRAL, required)
    if int in kinds:
        lowest = next((part.ge for part in parts if isinstance(part, annotated_types.Ge)), None)
        highest = next((part.le for part in parts if isinstance(part, annotated_types.Le)), None)
        return Field(name, Kind.NUMBER, required, lowest=_whole(lowest), highest=_whole(highest))
    if _pattern(parts) == _pattern(parts_of(OrganisationId)):
        return Field(name, Kind.PARTY, required)
    if _pattern(parts) == _pattern(parts_of(Need)) and several:
        return Field(name, Kind.CHOICES, required, NeedCode.__name__, [one.value for one in NeedCode])
    raise ValueError(f"no form can ask for {name}")


def _pattern(parts: Iterable[Any]) -> str | None:
    return next((pattern for part in parts if isinstance(pattern := getattr(part, "pattern", None), str)), None)


def _whole(bound: Any) -> int | None:
    return bound if isinstance(bound, int) else None


Typed = Mapping[str, Sequence[str]]

MISSING: Final = N_("Falta.")
# Browsers show dates in the order of their own language, which need not be that of the page.
TODAY: Final = N_("Hoy es %(day)s. Mire si su navegador pone el mes antes del día.")
NOT_A_MOMENT: Final = N_("Escriba el día y la hora.")
NOT_A_NUMBER: Final = N_("Escriba un número entero.")
NOT_A_CHOICE: Final = N_("Elija una de las opciones.")
TOO_LONG: Final = N_("Es demasiado largo: a lo sumo 4.000 letras.")
DOES_NOT_FIT: Final = N_("Falta, o no va con lo demás que eligió.")


class Wrong(Exception):
    """What was typed cannot be said: by field, what is wrong."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__(", ".join(sorted(fields)))
        self.fields = fields


def read(fields: Sequence[Field], typed: Typed, options: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Read what was typed, as JSON has it; a note is a NoteBlock. Raises Wrong.

    `options` are those of fields without a list of codes.
    """
    values, wrong = {}, {}
    for one in fields:
        said = [value.strip() for value in typed.get(one.name, ()) if value.strip()]
        if not said:
            if one.required:
                wrong[one.name] = MISSING
            continue
        try:
            values[one.name] = _value(one, said, one.values or options.get(one.name, ()))
        except _Wrong as problem:
            wrong[one.name] = str(problem)
    if wrong:
        raise Wrong(wrong)
    return values


class _Wrong(Exception):
    pass


def _value(field: Field, said: Sequence[str], options: Sequence[str]) -> Any:
    match field.kind:
        case Kind.CHOICES:
            if not set(said) <= set(options):
                raise _Wrong(NOT_A_CHOICE)
            return said
        case _ if len(said) != 1:
            raise _Wrong(NOT_A_CHOICE)
        case Kind.CHOICE | Kind.REFERRAL | Kind.PARTY:
            if said[0] not in options:
                raise _Wrong(NOT_A_CHOICE)
            return said[0]
        case Kind.NUMBER:
            return _number(field, said[0])
        case Kind.MOMENT:
            try:
                return datetime.strptime(said[0][:16], MOMENT).replace(tzinfo=COLOMBIA).isoformat()
            except ValueError:
                raise _Wrong(NOT_A_MOMENT) from None
        case Kind.NOTE | Kind.NOTES:
            text = said[0].replace("\r\n", "\n")
            if len(text) > LONGEST_NOTE:
                raise _Wrong(TOO_LONG)
            return NoteBlock(text=text)
    raise AssertionError(field.kind)


def _number(field: Field, said: str) -> int:
    if not (said.isascii() and said.isdigit() and len(said) <= 9):
        raise _Wrong(NOT_A_NUMBER)
    if not (field.lowest or 0) <= int(said) <= (10**9 if field.highest is None else field.highest):
        raise _Wrong(NOT_A_NUMBER)
    return int(said)


def made(model: type[Model], values: Mapping[str, Any]) -> Model:
    """Make what a contract says of values as JSON has them. Raises Wrong, which tells nothing of what was typed."""
    try:
        return model.model_validate_json(json.dumps(values))
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False)
    # Of a rule between fields, which field it blames (contracts.fields.wrong_field).
    where = [str(one["loc"][0] if one["loc"] else one.get("ctx", {}).get("where", "")) for one in found]
    raise Wrong(dict.fromkeys(where, DOES_NOT_FIT))


def shown_moment(at: datetime) -> str:
    """A moment as a field has it."""
    return at.astimezone(COLOMBIA).strftime(MOMENT)
