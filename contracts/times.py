"""Which moments and days of a message had come when it was said, by the marks of its contract (`fields.Past`)."""

from collections.abc import Iterator
from datetime import date, datetime
from functools import cache
from typing import Annotated, Any, NamedTuple, get_args, get_origin

from .envelope import Message
from .fields import Ahead, Model, Past


class Stated(NamedTuple):
    """A moment or day that a message states of what has happened."""

    where: str
    """The field, as a dotted path, such as `data.stated_at`."""
    when: date | datetime
    code: str
    """By which a message is refused whose clock is ahead here."""


def stated(message: Message[Any]) -> Iterator[Stated]:
    """Return each moment and day that must not lie ahead, however deep: those of the data, then the envelope's."""
    yield from _stated_in(message.data, "data")
    yield from _stated_in(message, "", besides="data")


def _stated_in(model: Model, within: str, besides: str | None = None) -> Iterator[Stated]:
    for name, past, holds_models in _fields(type(model)):
        value = getattr(model, name)
        if value is None or name == besides:
            continue
        where = f"{within}.{name}" if within else name
        if past is not None:
            for one in value if isinstance(value, tuple) else (value,):
                yield Stated(where, one, past.code)
        elif holds_models:
            for one in value if isinstance(value, tuple) else (value,):
                yield from _stated_in(one, where)


@cache
def _fields(model: type[Model]) -> tuple[tuple[str, Past | None, bool], ...]:
    """The fields of a model that count here: with the mark of a past moment, or made of other models."""
    found = []
    for name, field in model.model_fields.items():
        parts = [*field.metadata, *_parts(field.annotation)]
        past = next((part for part in parts if isinstance(part, Past)), None)
        holds_models = any(isinstance(part, type) and issubclass(part, Model) for part in parts)
        if past or holds_models:
            found.append((name, past, holds_models))
    return tuple(found)


def unmarked(model: type[Model], within: str = "") -> Iterator[str]:
    """Name each field with a moment or a day, however deep, that is not marked as either past or perhaps ahead."""
    for name, field in model.model_fields.items():
        parts = [*field.metadata, *_parts(field.annotation)]
        marks = [part for part in parts if isinstance(part, Past | Ahead)]
        times = [part for part in parts if isinstance(part, type) and issubclass(part, date)]
        if times and len(marks) != len(times):
            yield f"{within}{name}"
        for part in parts:
            if isinstance(part, type) and issubclass(part, Model):
                yield from unmarked(part, f"{within}{name}.")


def _parts(annotation: Any) -> Iterator[Any]:
    """What an annotation is made of: its types and what they are annotated with."""
    if get_origin(annotation) is Annotated:
        kind, *marks = get_args(annotation)
        yield from marks
        yield from _parts(kind)
    elif arguments := get_args(annotation):
        for one in arguments:
            yield from _parts(one)
    else:
        yield annotation
