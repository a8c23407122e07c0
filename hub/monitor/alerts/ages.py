"""How old the oldest message of a queue is at least, from two looks at what the broker counts.

RabbitMQ does not say it of quorum queues. It says how many messages there are and how many its readers have taken for
good: once as many were taken as there were at an earlier look, nothing of then is left, for a queue is first in, first
out. Until then the oldest is from before that look. Where the message log knows the very age (`exact`), that is taken.
"""

from collections.abc import Container, Iterable, Mapping
from datetime import datetime
from typing import Any

from messaging.topology import HUB

Mark = dict[str, Any]
"""Of one queue: `at` a look there were `messages`, and `acknowledged` had been taken; `moved_at` last time it rose."""


def turn_over(
    marks: Mapping[str, Mark], queues: Iterable[Mapping[str, Any]], at: datetime, exact: Mapping[str, float]
) -> tuple[dict[str, Mark], dict[str, dict[str, Any]]]:
    """Return the marks after one more look, and the ages by `vhost/name`; see rules.py for what an age has."""
    new: dict[str, Mark] = {}
    ages: dict[str, dict[str, Any]] = {}
    now = at.isoformat()
    for queue in queues:
        name = f"{queue['vhost']}/{queue['name']}"
        messages, acknowledged = queue["messages"], queue["acknowledged"]
        if messages is None:  # nobody has counted it: of its age nothing is known until somebody has
            new |= {name: marks[name]} if name in marks else {}
            continue
        if messages == 0:
            ages[name] = {"seconds": 0.0, "exact": True, "moved": 0.0}
            continue
        mark = marks.get(name)
        if mark is None or acknowledged - mark["acknowledged"] >= mark["messages"]:
            mark = {
                "at": now,
                "messages": messages,
                "acknowledged": acknowledged,
                "last": acknowledged,
                "moved_at": now,
            }
        elif acknowledged < mark["last"]:  # the broker was started again, and counts anew
            waiting = min(mark["messages"], messages)
            mark = mark | {"messages": waiting, "acknowledged": acknowledged, "last": acknowledged, "moved_at": now}
        elif acknowledged > mark["last"]:
            mark = mark | {"last": acknowledged, "moved_at": now}
        new[name] = mark
        known = exact.get(name)
        seconds = _seconds(mark["at"], at) if known is None else known
        ages[name] = {"seconds": seconds, "exact": known is not None, "moved": _seconds(mark["moved_at"], at)}
    return new, ages


def known(queue: str, age: Mapping[str, Any] | None, services: Container[str]) -> float | None:
    """The age of a queue's oldest message, of `vhost/name`; 0 of an empty queue, and of no other; None: nobody knows.

    Of a service's queue it is what the message log says, or nothing; of another, at least so long.
    """
    if age is None or age["exact"]:
        return None if age is None else float(age["seconds"])
    vhost, _, name = queue.partition("/")
    return (age["seconds"] or None) if vhost != HUB or name not in services else None


def _seconds(since: str, at: datetime) -> float:
    return (at - datetime.fromisoformat(since)).total_seconds()
