"""Where messages stand: each queue's depth, readers, room left, and what goes in and out, as the broker says."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from messaging.topology import HUB, NETWORK, Management


@dataclass(frozen=True, slots=True)
class Queue:
    """One queue; what is None is not known, or has no limit (`room`, `room_bytes`).

    Of one that is new, or down, or of a broker that has just started, RabbitMQ has counted nothing: that is no 0.
    """

    vhost: str
    name: str
    state: str
    messages: int | None
    size: int | None  # bytes
    readers: int | None
    room: int | None  # messages that it still takes
    room_bytes: int | None
    age: (
        float | None
    )  # seconds of its oldest message: the broker does not know, and whoever does says so (queue_ages.py)
    in_per_s: float | None
    out_per_s: float | None


def read(management: Management) -> list[Queue]:
    """Every queue of the network, first what nobody has counted, then the fullest; counts are up to five seconds old.

    Raises TopologyError.
    """
    found = [_queue(vhost, one) for vhost in (NETWORK, HUB) for one in management.queues(vhost)]
    return sorted(found, key=lambda one: (one.messages is not None, -(one.messages or 0), one.vhost, one.name))


def _queue(vhost: str, said: Mapping[str, Any]) -> Queue:
    limits = said.get("effective_policy_definition") or {}
    messages, size = said.get("messages"), said.get("message_bytes")
    return Queue(
        vhost=vhost,
        name=said["name"],
        state=said.get("state", "running"),
        messages=messages,
        size=size,
        readers=said.get("consumers"),
        room=left(limits, "max-length", messages),
        room_bytes=left(limits, "max-length-bytes", size),
        age=None,
        in_per_s=rate(said, "publish_details"),
        out_per_s=rate(said, "ack_details"),
    )


def left(limits: Mapping[str, Any], name: str, used: int | None) -> int | None:
    """What a queue still takes by one of its limits; None where it has none, or nobody knows what is `used`."""
    return max(int(limits[name]) - used, 0) if used is not None and limits and name in limits else None


def rate(said: Mapping[str, Any], name: str) -> float | None:
    """A rate by the broker; None where it has counted nothing of the kind yet."""
    rate = ((said.get("message_stats") or {}).get(name) or {}).get("rate")
    return None if rate is None else round(float(rate), 1)
