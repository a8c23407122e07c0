"""The marks that contracts put on fields (`fields.Past`, `fields.SealedTo`), and where a message has such a field."""

from collections.abc import Iterator
from functools import cache
from typing import Annotated, Any, Generic, NamedTuple, TypeVar, get_args, get_origin

from pydantic.fields import FieldInfo

from .fields import Model

M = TypeVar("M")


class Marked(NamedTuple, Generic[M]):
    """A value that a message has in a field with a mark."""

    where: str
    """The field, as a dotted path, such as `data.stated_at`."""
    value: Any
    mark: M
    within: Any
    """The model that the field is of."""


def marked(model: Model, kind: type[M], path: str, besides: str | None = None) -> Iterator[Marked[M]]:
    """Return each value in a field with a mark of this kind, however deep; in lists, each by itself."""
    hashable: Any = kind  # as every type is; mypy asks for proof
    for name, mark, holds_models in _fields(type(model), hashable):
        value = getattr(model, name)
        if value is None or name == besides:
            continue
        where = f"{path}.{name}" if path else name
        for one in value if isinstance(value, tuple) else (value,):
            if mark is not None:
                yield Marked(where, one, mark, model)
            elif holds_models:
                yield from marked(one, kind, where)


@cache
def _fields(model: type[Model], kind: Any) -> tuple[tuple[str, Any, bool], ...]:
    """The fields of a model that count here: with a mark of this kind, or made of models that have some."""
    found = []
    for name, field in model.model_fields.items():
        parts = [*field.metadata, *parts_of(field.annotation)]
        mark = next((part for part in parts if isinstance(part, kind)), None)
        holds_models = any(_is_model(part) and _fields(part, kind) for part in parts)
        if mark is not None or holds_models:
            found.append((name, mark, holds_models))
    return tuple(found)


def fields_within(model: type[Model], path: str = "") -> Iterator[tuple[str, list[Any]]]:
    """Name every field, however deep, with all that it is made of and marked with."""
    for name, field in model.model_fields.items():
        parts = [*field.metadata, *parts_of(field.annotation)]
        yield f"{path}{name}", parts
        for part in parts:
            if _is_model(part):
                yield from fields_within(part, f"{path}{name}.")


def parts_of(annotation: Any) -> Iterator[Any]:
    """What an annotation is made of: its types and what they are annotated with."""
    if get_origin(annotation) is Annotated:
        kind, *marks = get_args(annotation)
        for one in marks:
            yield from one.metadata if isinstance(one, FieldInfo) else (one,)
        yield from parts_of(kind)
    elif arguments := get_args(annotation):
        for one in arguments:
            yield from parts_of(one)
    else:
        yield annotation


def _is_model(part: Any) -> bool:
    return isinstance(part, type) and issubclass(part, Model)
