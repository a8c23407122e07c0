"""Makes a sequence for which something does not hold as small as it gets, and tells it."""

import string
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from contracts import Message
from tests.services.sequences.making import Fault, Sequenced

TRIES_AT_MOST = 400


def shrink(sequence: Sequenced, fails: Callable[[Sequenced], bool]) -> Sequenced:
    """Leave out and put together what one can, as long as it still fails."""
    tries = 0
    smaller = True
    while smaller:
        smaller = False
        for other in _smaller(sequence):
            tries += 1
            if tries > TRIES_AT_MOST:
                return sequence
            if fails(other):
                sequence, smaller = other, True
                break
    return sequence


def _smaller(sequence: Sequenced) -> Iterator[Sequenced]:
    if sequence.fault is not Fault.NONE:
        yield replace(sequence, fault=Fault.NONE, faulty=None)
    if sequence.retries_wait:
        yield replace(sequence, retries_wait=False)
    batches = sequence.batches
    for place in range(len(batches)):
        if len(batches) > 1:
            yield replace(sequence, batches=batches[:place] + batches[place + 1 :])
    for place, batch in enumerate(batches):
        for inside in range(len(batch)):
            if len(batch) > 1:
                fewer = batch[:inside] + batch[inside + 1 :]
                yield replace(sequence, batches=(*batches[:place], fewer, *batches[place + 1 :]))
    for place in range(len(batches) - 1):
        yield replace(sequence, batches=(*batches[:place], batches[place] + batches[place + 1], *batches[place + 2 :]))


def told(sequence: Sequenced) -> str:
    """Tell a sequence: a line for each batch; subjects are named by letters, what is delivered again is marked."""
    names: dict[str, str] = {}
    seen: dict[Any, bytes] = {}
    lines = []
    for batch in sequence.batches:
        lines.append("  [" + ", ".join(_told(one, names, seen) for one in batch) + "]")
    if sequence.fault is not Fault.NONE:
        faulty = [f"{one.type} {names[one.subject]}" for one in sequence.messages if one.id == sequence.faulty]
        lines.append(f"  {sequence.fault}: {faulty[0] if faulty else 'none of these'}")
    if sequence.retries_wait:
        lines.append("  what is parked is tried again at the end only")
    return "\n".join(lines)


def _told(message: Message[Any], names: dict[str, str], seen: dict[Any, bytes]) -> str:
    letter = names.setdefault(message.subject, string.ascii_uppercase[len(names) % 26])
    before = seen.setdefault((message.source, message.id), message.to_json())
    again = ""
    if message.to_json() != before:
        again = ", other words under that id"
    return f"{message.type.rpartition('.v')[0]} {letter} ({message.source}{again})"
