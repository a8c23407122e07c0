"""Words planted wherever a message of any contract can have one, for what must not be found of them afterwards."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from contracts import CONTRACTS, Invalid, parse
from contracts.blocks import BLOCKS
from contracts.fields import SEALED_PATTERN, Model
from contracts.marks import parts_of
from deploy.local.state import ROOT

ENVELOPE: Final[tuple[str, ...]] = ("specversion", "id", "type", "source")
WORD: Final = "Plantada"
SAID: Final = f"{WORD} Pérez 3001234567"
FOUND_AS: Final = (WORD, WORD.lower(), WORD.upper(), "Pérez", "perez", "P\\u00e9rez", "3001234567")
"""What is looked for."""
BELIEVABLE: Final = (SAID, "Plantada-Perez", "plantada_perez", "PE-PLANTADA")
"""A text, a member of staff, a code, the code of a case: in a field one of them may be what its contract takes."""
KEPT: Final = re.compile(r"[0-9a-f]{8}-|^\d{4}-\d\d-\d\d")
"""Ids and times."""
SEALED: Final = re.compile(SEALED_PATTERN)


def examples() -> list[Path]:
    return sorted((ROOT / "contracts" / "examples").glob("*/ok-*.json"))


def planted(value: Any) -> Any:
    """The same with a word in place of every text that is no id and no time."""
    return planted_as(SAID, value)


def planted_as(word: str, value: Any) -> Any:
    """The same with a word that looks like one of the network's own: a code, or the name of a system."""
    return replaced(value, lambda text: text if KEPT.search(text) else word)


def planted_everywhere(value: Any) -> Any:
    """The same with a word in place of every text, also of ids and times."""
    return replaced(value, lambda _: SAID)


def replaced(value: Any, other: Callable[[str], str]) -> Any:
    """The same with what `other` has for each text in it."""
    if isinstance(value, dict):
        return {name: replaced(part, other) for name, part in value.items()}
    if isinstance(value, list):
        return [replaced(part, other) for part in value]
    return other(value) if isinstance(value, str) else value


def whole(model: type[Model], word: str = SAID) -> dict[str, Any]:
    """Everything that a model may have, those fields too that exclude each other: a word in each, however deep."""
    return {name: _word(model_field.annotation, word) for name, model_field in model.model_fields.items()}


def _word(annotation: Any, word: str) -> Any:
    parts = list(parts_of(annotation))
    within = [whole(part, word) for part in parts if isinstance(part, type) and issubclass(part, Model)]
    one = {name: value for fields in within for name, value in fields.items()} if within else word
    return [one] if Ellipsis in parts else one


def whole_messages(word: str = SAID) -> Iterator[tuple[str, dict[str, Any]]]:
    """Of every contract a message with a word in all that it may have, and its type, by which it is known."""
    for type, contract in CONTRACTS.items():
        yield type, whole(contract.message, word) | {"type": type}


def somebody() -> dict[str, Any]:
    """A person as a sealed block may have them, a word in all that may be said of them, and readable to the hub."""
    person = whole(BLOCKS["person"])
    person |= {"documents": [{"type": "PT", "number": SAID}], "birth_date": "1990-01-01", "phone": "+573001234567"}
    person |= {"email": f"{WORD}.perez@example.org", "language": "es", "place": "08001", "nationality": "VEN"}
    person |= {"caregiver": {"name": SAID, "relation": "other_relative", "phone": "+573001234567"}, "age": 35}
    return person | {"sex": "female", "gender": "woman", "profile": "migrant", "contact_channel": "phone"}


def believable(said: dict[str, Any], sealed: str, keep: frozenset[str]) -> dict[str, Any]:
    """The same message, still one that its contract takes, with a word wherever it takes one.

    `sealed` stands in place of every sealed block, and texts in `keep` stay: who speaks, and to whom.
    """
    message = replaced(said, lambda text: sealed if SEALED.fullmatch(text) else text)
    for within, at in [*_texts(message)]:
        text = within[at]
        if text in keep or SEALED.fullmatch(text) or KEPT.search(text):
            continue
        for word in (*BELIEVABLE, f"{text.partition('.')[0]}.plantada_perez"):  # the last is a need
            within[at] = word
            if _is_taken(message):
                break
            within[at] = text
    return dict(message)


def _texts(value: Any) -> Iterator[tuple[Any, Any]]:
    """Where texts are: what each is in, and its name or place there."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for at, part in parts:
        if isinstance(part, str):
            yield value, at
        else:
            yield from _texts(part)


def _is_taken(message: dict[str, Any]) -> bool:
    try:
        parse(json.dumps(message).encode())
    except Invalid:
        return False
    return True


def paths(value: Any, at: str = "") -> Iterator[str]:
    """Name every field that a message has, however deep; in lists the one that it has in each."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield f"{at}{name}"
            yield from paths(part, f"{at}{name}.")
    elif isinstance(value, list):
        for part in value:
            yield from paths(part, at)
