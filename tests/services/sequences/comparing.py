"""Whether two plays of a sequence have ended the same, but for the ids that the hub makes and the machine's clock."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from tests.services.outcomes.stage import ANY_ID
from tests.services.sequences.playing import End

MADE: Final = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
"""An id of version 7: made by the hub, unless it stands in what was said. What is derived from others is of another."""

NUMBERED: Final = ("history_id", "fact_id")
"""Number rows in the order in which they were written: what counts is that order about each subject."""
SUBJECT: Final = {"referral_id", "subject_id"}
"""What a numbered row is about."""


def differences(one: End, other: End, given: frozenset[str], *, anyhow: bool = False) -> list[str]:
    """Say what is not the same; `given` are the ids in what was said.

    `anyhow`: what was said about different subjects may have been said in another order.
    """
    found = []
    first, second = _lines(one, given, anyhow=anyhow), _lines(other, given, anyhow=anyhow)
    for name in sorted(first.keys() | second.keys()):
        if first.get(name) != second.get(name):
            found += [f"{name}: {line}" for line in _apart(first.get(name, []), second.get(name, []))]
    return found


def _lines(end: End, given: frozenset[str], *, anyhow: bool) -> dict[str, list[str]]:
    """What was said, and each table, in lines: ids that were made are called by the order in which they appear."""

    def hide(text: str) -> str:
        return MADE.sub(lambda found: found[0] if found[0] in given else "made", text)

    lines: dict[str, list[str]] = defaultdict(list)
    for one in _once(end.said):
        lines[f"said about {hide(one['subject'])}" if anyhow else "said"].append(_text(one))
    lines = dict(sorted(lines.items()))
    for table, rows in sorted(end.rows.items()):
        lines[table] = sorted(map(_text, _renumbered(rows)), key=hide)
    names: dict[str, str] = {}

    def rename(found: re.Match[str]) -> str:
        return found[0] if found[0] in given else names.setdefault(found[0], f"made-{len(names)}")

    return {name: [MADE.sub(rename, line) for line in texts] for name, texts in lines.items()}


def _once(said: Iterable[Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
    """What was said, without what was said again: under one id, so that it counts as one."""
    first: dict[str, Mapping[str, Any]] = {}
    for one in said:
        first.setdefault(one["id"], one)
    return first.values()


def _renumbered(rows: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Number rows anew, those about each subject from 1, where they are numbered."""
    counts = Counter[str]()
    name = next((one for one in NUMBERED if rows and one in rows[0]), "")
    for row in sorted(rows, key=lambda one: one.get(name, 0)):
        if name:
            subject = next(value for column, value in row.items() if column in SUBJECT)
            counts[subject] += 1
            row = {**row, name: counts[subject]}
        yield row


def _text(value: Mapping[str, Any]) -> str:
    return json.dumps(value, sort_keys=True)


def _apart(one: Sequence[str], other: Sequence[str]) -> Iterator[str]:
    """The lines that only one of both has; where both have the same, that their order is another."""
    here, there = [line for line in one if line not in other], [line for line in other if line not in one]
    yield from (f"in batches only: {line}" for line in here)
    yield from (f"one by one only: {line}" for line in there)
    if not here and not there:
        yield f"in another order, or more often: {list(one)} and {list(other)}"


def ids_in(texts: Iterable[str]) -> frozenset[str]:
    """All ids that stand in texts."""
    return frozenset(found for text in texts for found in ANY_ID.findall(text))
