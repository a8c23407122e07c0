"""Which moments and days of a message had come when it was said, by the marks of its contract (`fields.Past`)."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any, NamedTuple

from .envelope import Message
from .fields import Ahead, Model, Past
from .marks import fields_within, marked


class Stated(NamedTuple):
    """A moment or day that a message states of what has happened."""

    where: str
    """The field, as a dotted path, such as `data.stated_at`."""
    when: date | datetime
    code: str
    """By which a message is refused whose clock is ahead here."""


def stated(message: Message[Any]) -> Iterator[Stated]:
    """Return each moment and day that must not lie ahead, however deep: those of the data, then the envelope's."""
    for found in (marked(message.data, Past, "data"), marked(message, Past, "", besides="data")):
        for one in found:
            yield Stated(one.where, one.value, one.mark.code)


def unmarked(model: type[Model]) -> Iterator[str]:
    """Name each field with a moment or a day, however deep, that is not marked as either past or perhaps ahead."""
    for where, parts in fields_within(model):
        marks = [part for part in parts if isinstance(part, Past | Ahead)]
        times = [part for part in parts if isinstance(part, type) and issubclass(part, date)]
        if times and len(marks) != len(times):
            yield where
