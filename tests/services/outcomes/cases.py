"""What is promised of a handler: its message done, refused, repeated and out of order, or why one of them cannot be."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from tests.examples import NOW, SENDER

KnownAs = Callable[[UUID], UUID]
"""What the ids of the examples are called in the scene that is played: each scene has people and things of its own."""

DONE = "done"


class Again(StrEnum):
    """What a message does that says the same once more, under another id of its own; otherwise a code refuses it."""

    CHANGES_NOTHING = "changes nothing"
    IS_ANOTHER = "is another one"  # not a repeat: two notes of the same words are two notes


@dataclass(frozen=True)
class Said:
    """Something that somebody says. `data` may be made in the scene, where an id in it is worked out from others."""

    data: Any
    by: str = SENDER
    number: int = 1  # where its contract is numbered
    time: datetime = NOW

    @property
    def of(self) -> type:
        """The contract that it is of, by the class of its data."""
        return type(self.data(lambda one: one) if inspect.isfunction(self.data) else self.data)


@dataclass(frozen=True)
class Refused:
    """What the rules do not let pass, after what, and the code that its sender is told."""

    code: str
    said: Said
    before: Sequence[Said] = ()


@dataclass(frozen=True)
class NeverRefused:
    """Why a handler refuses nothing, and the message that comes closest: said after the one that is done, it is too."""

    because: str
    closest: Said


@dataclass(frozen=True)
class NeverOutOfOrder:
    """Why nothing has to come before; and what becomes of the message `alone`: it is done, or refused with a code."""

    because: str
    alone: str = DONE


@dataclass(frozen=True, kw_only=True)
class Case:
    """A handler's message with all that has to come `before` it, and each of its outcomes.

    `out_of_order` is the code under which it waits when it comes before that; then all of that comes, and it is done.
    Or several such codes: each by how much of what has to come before has come when the message does.
    """

    done: Said
    before: Sequence[Said] = ()
    refused: Refused | NeverRefused
    again: str
    out_of_order: str | Mapping[int, str] | NeverOutOfOrder

    @property
    def waits(self) -> Mapping[int, str]:
        """The codes under which it waits, by how much of what has to come before has come."""
        if isinstance(self.out_of_order, NeverOutOfOrder):
            return {}
        return {0: self.out_of_order} if isinstance(self.out_of_order, str) else self.out_of_order


def handlers_of(service: type) -> Mapping[type, Any]:
    """Return the handlers of a service, each under the contract that it handles."""
    methods = inspect.getmembers(service, inspect.isfunction)
    return {method.handles: method for _, method in methods if hasattr(method, "handles")}


def without_case(service: type, cases: Sequence[Case]) -> list[str]:
    """Name the handlers that have no case, or several, and the cases that are of no handler."""
    handled, told = handlers_of(service), [case.done.of for case in cases]
    return [
        *(f"{one.__name__} has no case" for one in handled if one not in told),
        *(f"{one.__name__} has {told.count(one)} cases" for one in handled if told.count(one) > 1),
        *(f"{one.__name__} is handled by nobody" for one in told if one not in handled),
        *(
            f"{case.done.of.__name__} is said to be refused, or never, by another message"
            for case in cases
            if _strays(case)
        ),
    ]


def _strays(case: Case) -> bool:
    """Whether what is refused, or comes closest to it, is not the message that the case is of."""
    said = case.refused.closest if isinstance(case.refused, NeverRefused) else case.refused.said
    return said.of is not case.done.of
